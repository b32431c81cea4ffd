//! Users in memory: added, changed, and imported by many.

use crewline_api::{ParticipantId, Timestamp};

use super::{Data, UserData};
use crate::ParticipantNo;
use crate::directory::{
    DirectoryError, ImportReport, ImportRow, NewUser, TokenOwner, UserAdded, UserChange, fold,
};
use crate::state::Standing;
use crate::user::{Imported, becomes_user, import_users};

impl Data {
    pub(super) fn user_no(&self, id: &ParticipantId) -> Result<ParticipantNo, DirectoryError> {
        let no = self
            .ids
            .get(id)
            .copied()
            .filter(|no| self.users.contains_key(no));
        no.ok_or_else(|| DirectoryError::NoUser(id.clone()))
    }

    fn looks_like(&self, id: &ParticipantId) -> Option<ParticipantId> {
        let folded = fold(id.as_str());
        self.ids
            .keys()
            .find(|other| *other != id && fold(other.as_str()) == folded)
            .cloned()
    }

    pub(super) fn put_user(
        &mut self,
        user: &NewUser,
        now: Timestamp,
    ) -> Result<UserAdded, DirectoryError> {
        let known = self
            .ids
            .get(&user.id)
            .and_then(|no| self.participants.get(no))
            .map(|row| (row.no, row.standing));
        let no = becomes_user(&user.id, known)?
            .unwrap_or_else(|| self.make_participant(&user.id, Standing::User));
        if let Some(row) = self.participants.get_mut(&no) {
            row.standing = Standing::User;
            row.name = user.name.as_deref().map(Into::into);
        }
        self.users.insert(
            no,
            UserData {
                role: user.role,
                password: user.password.clone(),
                created_at: now,
            },
        );
        Ok(UserAdded {
            no,
            looks_like: self.looks_like(&user.id),
        })
    }

    fn import(&mut self, row: &ImportRow, now: Timestamp) -> Result<Imported, DirectoryError> {
        let user = &row.user;
        let Ok(no) = self.user_no(&user.id) else {
            let added = self.put_user(user, now);
            let looks_like = added.map_err(|error| error.at_line(row.line))?.looks_like;
            return Ok(Imported::Added { looks_like });
        };
        let (Some(participant), Some(known)) =
            (self.participants.get_mut(&no), self.users.get_mut(&no))
        else {
            return Ok(Imported::Unchanged);
        };
        let name = user.name.as_deref().map(Into::into);
        let same = participant.name == name && known.role == user.role && user.password.is_none();
        participant.name = name;
        known.role = user.role;
        if let Some(password) = &user.password {
            known.password = Some(password.clone());
            self.sessions.retain(|_, session| session.row.user != no);
        }
        Ok(if same {
            Imported::Unchanged
        } else {
            Imported::Changed
        })
    }

    pub(super) fn change_user(
        &mut self,
        id: &ParticipantId,
        change: &UserChange,
    ) -> Result<(), DirectoryError> {
        let no = self.user_no(id)?;
        match change {
            UserChange::Enable | UserChange::Disable => {
                if let Some(row) = self.participants.get_mut(&no) {
                    row.disabled = *change == UserChange::Disable;
                }
            }
            UserChange::Password(hash) => {
                if let Some(user) = self.users.get_mut(&no) {
                    user.password = Some(hash.clone());
                }
            }
            UserChange::Role(role) => {
                if let Some(user) = self.users.get_mut(&no) {
                    user.role = *role;
                }
            }
            UserChange::Name(name) => {
                if let Some(row) = self.participants.get_mut(&no) {
                    row.name = Some(name.as_str().into());
                }
            }
            UserChange::SignOut { .. } => {}
        }
        if change.ends_sessions() {
            self.sessions.retain(|_, session| session.row.user != no);
        }
        if change.revokes_tokens() {
            let owner = TokenOwner::User(id.clone());
            self.tokens.retain(|_, token| token.row.owner != owner);
        }
        Ok(())
    }

    pub(super) fn import_users(
        &mut self,
        rows: &[ImportRow],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<ImportReport, DirectoryError> {
        let kept = (
            self.ids.clone(),
            self.participants.clone(),
            self.users.clone(),
            self.sessions.clone(),
        );
        let report = import_users(rows, |row| self.import(row, now));
        if dry_run || report.is_err() {
            (self.ids, self.participants, self.users, self.sessions) = kept;
        } else {
            self.directory_version += 1;
        }
        report
    }
}
