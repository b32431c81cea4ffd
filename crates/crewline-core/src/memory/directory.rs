//! The directory in memory.

use crewline_api::{GroupId, ParticipantId, Seq, Timestamp, WebhookFailure};

use super::{Data, DeviceData, MemoryStore, SessionData, TokenData, UserData};
use crate::audit::{AuditedAct, NewAudit};
use crate::credential::{ExternalPattern, SecretHash};
use crate::directory::{
    Directory, DirectoryError, ImportReport, ImportRow, NewSessionRow, NewToken, NewUser,
    OpenedSession, Seen, SignedOut, TokenOwner, TokenRow, UserAdded, UserChange, fold,
};
use crate::group::{DutyRow, GroupRow};
use crate::organisation::OrganisationPart;
use crate::push::{NewPushSubscriptionRow, PushKey, PushNote};
use crate::state::{ParticipantRow, Standing};
use crate::webhook::{NewWebhookRow, WebhookAct};
use crate::{DeviceNo, ParticipantNo, PushNo, SessionNo, TokenNo, WebhookNo};

impl Data {
    pub(super) fn make_participant(
        &mut self,
        id: &ParticipantId,
        standing: Standing,
    ) -> ParticipantNo {
        let no = self
            .participants
            .keys()
            .next_back()
            .copied()
            .unwrap_or_default()
            .next();
        let row = ParticipantRow {
            no,
            id: id.clone(),
            standing,
            name: None,
            disabled: false,
        };
        self.ids.insert(id.clone(), no);
        self.participants.insert(no, row);
        no
    }

    pub(super) fn make_device(
        &mut self,
        participant: Option<ParticipantNo>,
        id: String,
        name: Option<String>,
        now: Timestamp,
    ) -> DeviceNo {
        let no = self
            .devices
            .keys()
            .next_back()
            .copied()
            .unwrap_or_default()
            .next();
        self.devices.insert(
            no,
            DeviceData {
                participant,
                id,
                name,
                last_seen_at: now,
            },
        );
        no
    }

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

    fn put_user(&mut self, user: &NewUser, now: Timestamp) -> Result<UserAdded, DirectoryError> {
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
}

impl Directory for MemoryStore {
    fn add_user(&mut self, user: &NewUser, now: Timestamp) -> Result<UserAdded, DirectoryError> {
        let mut data = self.fenced()?;
        let added = data.put_user(user, now)?;
        data.directory_version += 1;
        Ok(added)
    }

    fn change_user(
        &mut self,
        id: &ParticipantId,
        change: &UserChange,
        _now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let mut data = self.fenced()?;
        let no = data.user_no(id)?;
        match change {
            UserChange::Enable | UserChange::Disable => {
                if let Some(row) = data.participants.get_mut(&no) {
                    row.disabled = *change == UserChange::Disable;
                }
            }
            UserChange::Password(hash) => {
                if let Some(user) = data.users.get_mut(&no) {
                    user.password = Some(hash.clone());
                }
            }
            UserChange::Role(role) => {
                if let Some(user) = data.users.get_mut(&no) {
                    user.role = *role;
                }
            }
            UserChange::Name(name) => {
                if let Some(row) = data.participants.get_mut(&no) {
                    row.name = Some(name.as_str().into());
                }
            }
            UserChange::SignOut { tokens: false } => {}
            UserChange::SignOut { tokens: true } => {
                let owner = TokenOwner::User(id.clone());
                data.tokens.retain(|_, token| token.row.owner != owner);
            }
        }
        if !matches!(
            change,
            UserChange::Enable | UserChange::Role(_) | UserChange::Name(_)
        ) {
            data.sessions.retain(|_, session| session.row.user != no);
        }
        data.directory_version += 1;
        Ok(())
    }

    fn import_users(
        &mut self,
        rows: &[ImportRow],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<ImportReport, DirectoryError> {
        let mut data = self.fenced()?;
        let kept = (
            data.ids.clone(),
            data.participants.clone(),
            data.users.clone(),
            data.sessions.clone(),
        );
        let mut report = ImportReport::default();
        let mut failed = None;
        for row in rows {
            let id = row.user.id.clone();
            match data.import(row, now) {
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
            (data.ids, data.participants, data.users, data.sessions) = kept;
        } else {
            data.directory_version += 1;
        }
        failed.map_or(Ok(report), Err)
    }

    fn create_token(
        &mut self,
        token: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRow, DirectoryError> {
        let mut data = self.fenced()?;
        let mut participant = None;
        match &token.owner {
            TokenOwner::User(id) => participant = Some(data.user_no(id)?),
            TokenOwner::Externals(patterns) => {
                let exact = |pattern: &ExternalPattern| match pattern {
                    ExternalPattern::Exact(id) => Some(id.clone()),
                    ExternalPattern::Prefix(_) => None,
                };
                let ids: Vec<ParticipantId> = patterns.iter().filter_map(exact).collect();
                if let Some(id) = ids.iter().find(|id| data.user_no(id).is_ok()) {
                    return Err(DirectoryError::Exists {
                        id: id.clone(),
                        what: "a user",
                    });
                }
                for id in ids {
                    let no = data
                        .ids
                        .get(&id)
                        .copied()
                        .unwrap_or_else(|| data.make_participant(&id, Standing::External));
                    if let Some(row) = data.participants.get_mut(&no) {
                        row.standing = Standing::External;
                    }
                }
            }
            TokenOwner::Administration => {}
        }
        let no = data.last_token.next();
        data.last_token = no;
        let device = data.make_device(participant, format!("token-{}", no.0), None, now);
        let row = TokenRow {
            no,
            owner: token.owner.clone(),
            created_at: now,
            last_used_at: None,
        };
        data.tokens.insert(
            no,
            TokenData {
                row: row.clone(),
                hash: token.hash,
                device,
            },
        );
        data.directory_version += 1;
        Ok(row)
    }

    fn revoke_token_by_hash(&mut self, hash: &SecretHash) -> Result<bool, DirectoryError> {
        let no = self
            .fenced()?
            .tokens
            .iter()
            .find(|(_, token)| token.hash == *hash)
            .map(|(no, _)| *no);
        no.map_or(Ok(false), |no| self.revoke_token(no))
    }

    fn revoke_token(&mut self, no: TokenNo) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        data.directory_version += 1;
        Ok(data.tokens.remove(&no).is_some())
    }

    fn open_session(
        &mut self,
        session: &NewSessionRow,
        now: Timestamp,
    ) -> Result<OpenedSession, DirectoryError> {
        let mut data = self.fenced()?;
        data.sessions
            .retain(|_, session| session.row.expires_at > now);
        let no = data.last_session.next();
        data.last_session = no;
        let id = session
            .device_id
            .clone()
            .unwrap_or_else(|| format!("session-{}", no.0));
        let own = |device: &DeviceData| device.participant == Some(session.user) && device.id == id;
        let known = data
            .devices
            .iter()
            .find(|(_, device)| own(device))
            .map(|(no, _)| *no);
        let device = match known {
            Some(no) => no,
            None => data.make_device(Some(session.user), id, session.device_name.clone(), now),
        };
        if let Some(known) = data.devices.get_mut(&device) {
            known.last_seen_at = now;
            known.name = session.device_name.clone().or(known.name.take());
        }
        data.sessions.insert(
            no,
            SessionData {
                row: session.clone(),
                device,
                created_at: now,
            },
        );
        Ok(OpenedSession {
            session: no,
            device,
        })
    }

    fn close_session(&mut self, session: SessionNo) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        data.directory_version += 1;
        Ok(data.sessions.remove(&session).is_some())
    }

    fn sign_out(&mut self, user: &ParticipantId, what: &SignedOut) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        let no = data.user_no(user)?;
        let device = |id: &str| {
            let own = |device: &DeviceData| device.participant == Some(no) && device.id == id;
            let found = data.devices.iter().find(|(_, device)| own(device));
            found.map(|(no, _)| *no)
        };
        let there = match what {
            SignedOut::Session(session) => data
                .sessions
                .get(session)
                .is_some_and(|session| session.row.user == no),
            SignedOut::Device(id) => device(id).is_some(),
        };
        let device = match what {
            SignedOut::Session(_) => None,
            SignedOut::Device(id) => device(id),
        };
        if there {
            data.sessions.retain(|session_no, session| {
                session.row.user != no
                    || !(*what == SignedOut::Session(*session_no) || device == Some(session.device))
            });
            data.directory_version += 1;
        }
        Ok(there)
    }

    fn watch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        let new = data.watch(user, participant, now)?;
        data.directory_version += u64::from(new);
        Ok(new)
    }

    fn unwatch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
    ) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        let ended = data.unwatch(user, participant)?;
        data.directory_version += u64::from(ended);
        Ok(ended)
    }

    fn put_groups(
        &mut self,
        groups: &[GroupRow],
        _now: Timestamp,
    ) -> Result<usize, DirectoryError> {
        self.fenced()?.put_groups(groups)
    }

    fn remove_group(&mut self, group: &GroupId) -> Result<bool, DirectoryError> {
        Ok(self.fenced()?.groups.remove(group).is_some())
    }

    fn set_duty(
        &mut self,
        user: &ParticipantId,
        on_duty: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<DutyRow, DirectoryError> {
        self.fenced()?.set_duty(user, on_duty, by, now)
    }

    fn put_organisation(
        &mut self,
        part: OrganisationPart,
        revision: u64,
        value: &str,
    ) -> Result<u64, DirectoryError> {
        let mut data = self.fenced()?;
        let row = data.organisation.entry(part).or_default();
        if row.revision != revision {
            return Err(DirectoryError::Revision { is: row.revision });
        }
        row.revision += 1;
        value.clone_into(&mut row.value);
        Ok(row.revision)
    }

    fn add_webhook(
        &mut self,
        webhook: &NewWebhookRow,
        now: Timestamp,
    ) -> Result<WebhookNo, DirectoryError> {
        let mut data = self.fenced()?;
        let no = data.add_webhook(webhook, now)?;
        data.directory_version += 1;
        Ok(no)
    }

    fn act_on_webhook(&mut self, no: WebhookNo, act: &WebhookAct) -> Result<(), DirectoryError> {
        let mut data = self.fenced()?;
        data.act_on_webhook(no, act)?;
        data.directory_version += 1;
        Ok(())
    }

    fn remove_webhook(&mut self, no: WebhookNo) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        let removed = data.remove_webhook(no);
        data.directory_version += u64::from(removed);
        Ok(removed)
    }

    fn webhook_rewound(&mut self, no: WebhookNo, to: Seq) -> Result<(), DirectoryError> {
        self.fenced()?.webhook_rewound(no, to);
        Ok(())
    }

    fn note_webhook_failure(
        &mut self,
        no: WebhookNo,
        failure: &WebhookFailure,
    ) -> Result<(), DirectoryError> {
        self.fenced()?.note_webhook_failure(no, failure);
        Ok(())
    }

    fn forget_webhook_failure(&mut self, no: WebhookNo, seq: Seq) -> Result<(), DirectoryError> {
        self.fenced()?.forget_webhook_failure(no, seq);
        Ok(())
    }

    fn keep_push_key(&mut self, key: &PushKey, rotate: bool) -> Result<PushKey, DirectoryError> {
        Ok(self.fenced()?.keep_push_key(key, rotate))
    }

    fn put_push_subscription(
        &mut self,
        new: &NewPushSubscriptionRow,
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        self.fenced()?.put_push_subscription(new, now)
    }

    fn remove_push_subscription(&mut self, session: SessionNo) -> Result<bool, DirectoryError> {
        Ok(self.fenced()?.remove_push_subscription(session))
    }

    fn prove_push(&mut self, no: PushNo, now: Timestamp) -> Result<bool, DirectoryError> {
        Ok(self.fenced()?.prove_push(no, now))
    }

    fn note_pushes(&mut self, notes: &[PushNote]) -> Result<(), DirectoryError> {
        let mut data = self.fenced()?;
        for note in notes {
            data.note_push(note);
        }
        Ok(())
    }

    fn audited(
        &mut self,
        note: NewAudit,
        now: Timestamp,
        act: AuditedAct<'_>,
    ) -> Result<(), DirectoryError> {
        self.run_audited(note, now, act)
    }

    fn forget_audit(&mut self, before: Timestamp, limit: usize) -> Result<u64, DirectoryError> {
        self.forget_old_audit(before, limit)
    }

    fn note_seen(&mut self, seen: &[Seen]) -> Result<(), DirectoryError> {
        let mut data = self.fenced()?;
        for seen in seen {
            if let Some(device) = data.devices.get_mut(&seen.device) {
                device.last_seen_at = seen.at;
            }
            if let Some(token) = seen.token.and_then(|no| data.tokens.get_mut(&no)) {
                token.row.last_used_at = Some(seen.at);
            }
        }
        Ok(())
    }
}
