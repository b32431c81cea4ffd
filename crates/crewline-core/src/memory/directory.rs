//! The directory in memory.

use crewline_api::{GroupId, ParticipantId, Seq, Timestamp, WebhookFailure};

use super::{Data, DeviceData, MemoryStore};
use crate::audit::{AuditedAct, NewAudit};
use crate::credential::SecretHash;
use crate::directory::{
    Directory, DirectoryError, ImportReport, ImportRow, NewSessionRow, NewToken, NewUser,
    OpenedSession, Seen, SignedOut, TokenRow, UserAdded, UserChange,
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
        data.change_user(id, change)?;
        data.directory_version += 1;
        Ok(())
    }

    fn import_users(
        &mut self,
        rows: &[ImportRow],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<ImportReport, DirectoryError> {
        self.fenced()?.import_users(rows, dry_run, now)
    }

    fn create_token(
        &mut self,
        token: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRow, DirectoryError> {
        let mut data = self.fenced()?;
        let row = data.create_token(token, now)?;
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
        Ok(self.fenced()?.open_session(session, now))
    }

    fn close_session(&mut self, session: SessionNo) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        data.directory_version += 1;
        Ok(data.sessions.remove(&session).is_some())
    }

    fn sign_out(&mut self, user: &ParticipantId, what: &SignedOut) -> Result<bool, DirectoryError> {
        let mut data = self.fenced()?;
        let ended = data.sign_out(user, what)?;
        data.directory_version += u64::from(ended);
        Ok(ended)
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
