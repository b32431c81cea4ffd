//! Push subscriptions in memory.

use crewline_api::limits::PUSH_SUBSCRIPTIONS_MAX;
use crewline_api::{MessageId, Timestamp};

use super::Data;
use crate::directory::DirectoryError;
use crate::push::{
    NewPushSubscriptionRow, PushKey, PushNote, PushNoted, PushPlaces, PushState,
    PushSubscriptionRow,
};
use crate::state::Standing;
use crate::{PushNo, SessionNo};

impl Data {
    pub(super) fn keep_push_key(&mut self, key: &PushKey, rotate: bool) -> PushKey {
        if rotate {
            self.push_key = None;
            self.pushes.clear();
            self.directory_version += 1;
        }
        self.push_key.get_or_insert_with(|| key.clone()).clone()
    }

    pub(super) fn put_push_subscription(
        &mut self,
        new: &NewPushSubscriptionRow,
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        let session = self
            .sessions
            .get(&new.session)
            .ok_or(DirectoryError::NoSession)?;
        let (participant, device) = (session.row.user, session.device);
        let old = self
            .pushes
            .values()
            .find(|row| row.session == new.session)
            .cloned();
        if let Some(old) = &old
            && old.endpoint == new.endpoint
            && old.secrets == new.secrets
        {
            if let Some(kept) = self.pushes.get_mut(&old.no) {
                kept.origin.clone_from(&new.origin);
            }
            return Ok(false);
        }
        let sessions = &self.sessions;
        self.pushes
            .retain(|_, row| row.session != new.session && sessions.contains_key(&row.session));
        if self.pushes.len() >= PUSH_SUBSCRIPTIONS_MAX {
            return Err(DirectoryError::TooManySubscriptions);
        }
        let no = self.last_push.next();
        self.last_push = no;
        let places = old.map_or_else(|| PushPlaces::at(self.head(participant)), |old| old.places);
        let row = PushSubscriptionRow {
            no,
            session: new.session,
            participant,
            device,
            endpoint: new.endpoint.clone(),
            secrets: new.secrets.clone(),
            origin: new.origin.clone(),
            created_at: now,
            proven_at: None,
            last_error: None,
            places,
        };
        self.pushes.insert(no, row);
        Ok(true)
    }

    pub(super) fn remove_push_subscription(&mut self, session: SessionNo) -> bool {
        let before = self.pushes.len();
        self.pushes.retain(|_, row| row.session != session);
        self.pushes.len() < before
    }

    pub(super) fn prove_push(&mut self, no: PushNo, now: Timestamp) -> bool {
        let row = self.pushes.get_mut(&no);
        row.map(|row| row.proven_at = Some(now)).is_some()
    }

    pub(super) fn note_push(&mut self, note: &PushNote) {
        let Some(row) = self.pushes.get_mut(&note.no) else {
            return;
        };
        match &note.what {
            PushNoted::At(places) => row.places = *places,
            PushNoted::Error(error) => row.last_error.clone_from(error),
            PushNoted::Gone => {
                self.pushes.remove(&note.no);
            }
        }
    }

    /// Those whose session has not ended, and whose user is not shut out.
    pub(super) fn push_rows(&self, now: Timestamp) -> impl Iterator<Item = &PushSubscriptionRow> {
        self.pushes.values().filter(move |row| {
            let session = self.sessions.get(&row.session);
            let user = self.participants.get(&row.participant);
            session.is_some_and(|session| session.row.expires_at > now)
                && user.is_some_and(|user| user.standing == Standing::User && !user.disabled)
        })
    }

    pub(super) fn push_state(
        &self,
        no: PushNo,
        message: MessageId,
        now: Timestamp,
    ) -> Option<PushState> {
        let row = self.push_rows(now).find(|row| row.no == no)?;
        let message = self.message_of(message)?.no;
        let known = self.recipients.get(&(message, row.participant));
        let said = |(of, who, device, _): &(_, _, _, _)| {
            (*of, *who, *device) == (message, row.participant, row.device)
        };
        Some(PushState {
            stored: self.facts.keys().any(said),
            read: known.is_some_and(|known| known.read.is_some()),
            acknowledged: known.is_some_and(|known| known.acknowledged.is_some()),
        })
    }
}
