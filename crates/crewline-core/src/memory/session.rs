//! Sessions in memory, and the devices on which they are.

use crewline_api::{ParticipantId, Timestamp};

use super::{Data, DeviceData, SessionData};
use crate::directory::{DirectoryError, NewSessionRow, OpenedSession, SignedOut};
use crate::{DeviceNo, ParticipantNo};

impl Data {
    /// The device of a user that bears this id.
    fn own_device(&self, user: ParticipantNo, id: &str) -> Option<DeviceNo> {
        let own = |device: &DeviceData| device.participant == Some(user) && device.id == id;
        let found = self.devices.iter().find(|(_, device)| own(device));
        found.map(|(no, _)| *no)
    }

    pub(super) fn open_session(
        &mut self,
        session: &NewSessionRow,
        now: Timestamp,
    ) -> OpenedSession {
        self.sessions
            .retain(|_, session| session.row.expires_at > now);
        let no = self.last_session.next();
        self.last_session = no;
        let id = session
            .device_id
            .clone()
            .unwrap_or_else(|| format!("session-{}", no.0));
        let device = match self.own_device(session.user, &id) {
            Some(no) => no,
            None => self.make_device(Some(session.user), id, session.device_name.clone(), now),
        };
        if let Some(known) = self.devices.get_mut(&device) {
            known.last_seen_at = now;
            known.name = session.device_name.clone().or(known.name.take());
        }
        self.sessions.insert(
            no,
            SessionData {
                row: session.clone(),
                device,
                created_at: now,
            },
        );
        OpenedSession {
            session: no,
            device,
        }
    }

    /// Whether there is such a session or device of this user.
    pub(super) fn sign_out(
        &mut self,
        user: &ParticipantId,
        what: &SignedOut,
    ) -> Result<bool, DirectoryError> {
        let user = self.user_no(user)?;
        match what {
            SignedOut::Session(no) => {
                let own = self
                    .sessions
                    .get(no)
                    .is_some_and(|session| session.row.user == user);
                if own {
                    self.sessions.remove(no);
                }
                Ok(own)
            }
            SignedOut::Device(id) => {
                let device = self.own_device(user, id);
                self.sessions.retain(|_, session| {
                    session.row.user != user || device != Some(session.device)
                });
                Ok(device.is_some())
            }
        }
    }
}
