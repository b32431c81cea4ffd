//! Users in memory: added, changed, and imported by many.

use crewline_api::{ParticipantId, Timestamp};

use super::{Data, UserData};
use crate::ParticipantNo;
use crate::directory::{
    DirectoryError, ImportReport, ImportRow, NewUser, TokenOwner, UserAdded, UserChange, fold,
};
use crate::state::Standing;

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
        let no = match known {
            Some((_, Standing::User)) => {
                return Err(DirectoryError::Exists {
                    id: user.id.clone(),
                    what: "a user",
                });
            }
            Some((_, Standing::External)) => {
                return Err(DirectoryError::Exists {
                    id: user.id.clone(),
                    what: "an external",
                });
            }
            Some((no, Standing::Expected)) => no,
            None => self.make_participant(&user.id, Standing::User),
        };
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

    /// Imports one line; returns whether the user is new (`None`: was so already).
    fn import(
        &mut self,
        row: &ImportRow,
        now: Timestamp,
    ) -> Result<Option<(bool, Option<ParticipantId>)>, DirectoryError> {
        let user = &row.user;
        let Ok(no) = self.user_no(&user.id) else {
            let added = self
                .put_user(user, now)
                .map_err(|error| DirectoryError::Line {
                    line: row.line,
                    detail: error.to_string(),
                })?;
            return Ok(Some((true, added.looks_like)));
        };
        let (Some(participant), Some(known)) =
            (self.participants.get_mut(&no), self.users.get_mut(&no))
        else {
            return Ok(None);
        };
        let name = user.name.as_deref().map(Into::into);
        let same = participant.name == name && known.role == user.role && user.password.is_none();
        participant.name = name;
        known.role = user.role;
        if let Some(password) = &user.password {
            known.password = Some(password.clone());
            self.sessions.retain(|_, session| session.row.user != no);
        }
        Ok((!same).then_some((false, None)))
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
            UserChange::SignOut { tokens: false } => {}
            UserChange::SignOut { tokens: true } => {
                let owner = TokenOwner::User(id.clone());
                self.tokens.retain(|_, token| token.row.owner != owner);
            }
        }
        if !matches!(
            change,
            UserChange::Enable | UserChange::Role(_) | UserChange::Name(_)
        ) {
            self.sessions.retain(|_, session| session.row.user != no);
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
        let mut report = ImportReport::default();
        let mut failed = None;
        for row in rows {
            let id = row.user.id.clone();
            match self.import(row, now) {
                Ok(None) => report.unchanged.push(id),
                Ok(Some((false, _))) => report.changed.push(id),
                Ok(Some((true, looks_like))) => {
                    report
                        .look_alikes
                        .extend(looks_like.map(|other| (id.clone(), other)));
                    report.added.push(id);
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if dry_run || failed.is_some() {
            (self.ids, self.participants, self.users, self.sessions) = kept;
        } else {
            self.directory_version += 1;
        }
        failed.map_or(Ok(report), Err)
    }
}
