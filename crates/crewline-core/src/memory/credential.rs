//! Credentials in memory: who a secret stands for, and what somebody sees of the own ones.

use crewline_api::{DeviceView, ParticipantId, SessionView, Timestamp};

use super::Data;
use crate::ParticipantNo;
use crate::credential::{Credential, CredentialSource, Scope, SecretHash};
use crate::directory::{PasswordRow, TokenOwner};
use crate::port::MeRows;

impl Data {
    pub(super) fn credential(&self, hash: &SecretHash, now: Timestamp) -> Option<Credential> {
        let session = self
            .sessions
            .iter()
            .find(|(_, session)| session.row.hash == *hash && session.row.expires_at > now);
        if let Some((no, session)) = session {
            return Some(Credential {
                source: CredentialSource::Session(*no),
                scope: self.user_scope(session.row.user)?,
                device: session.device,
                expires_at: Some(session.row.expires_at),
            });
        }
        let token = self.tokens.values().find(|token| token.hash == *hash)?;
        let scope = match &token.row.owner {
            TokenOwner::User(id) => self.user_scope(*self.ids.get(id)?)?,
            TokenOwner::Externals(patterns) => Scope::Externals(patterns.clone()),
            TokenOwner::Administration => Scope::Administration,
        };
        Some(Credential {
            source: CredentialSource::Token(token.row.no),
            scope,
            device: token.device,
            expires_at: None,
        })
    }

    /// Of a user who is not shut out.
    fn user_scope(&self, no: ParticipantNo) -> Option<Scope> {
        let row = self.participants.get(&no).filter(|row| !row.disabled)?;
        Some(Scope::User {
            no,
            id: row.id.clone(),
            role: self.users.get(&no)?.role,
        })
    }

    pub(super) fn password(&self, user: &ParticipantId) -> Option<PasswordRow> {
        let no = *self.ids.get(user)?;
        let user = self.users.get(&no)?;
        Some(PasswordRow {
            role: user.role,
            no,
            hash: user.password.clone(),
            disabled: self.participants.get(&no).is_some_and(|row| row.disabled),
        })
    }

    pub(super) fn me(&self, user: ParticipantNo, now: Timestamp) -> Option<MeRows> {
        let (row, known) = (self.participants.get(&user)?, self.users.get(&user)?);
        let devices = self
            .devices
            .values()
            .filter(|device| device.participant == Some(user));
        let sessions = self
            .sessions
            .iter()
            .filter(|(_, session)| session.row.user == user && session.row.expires_at > now);
        Some(MeRows {
            user_id: row.id.clone(),
            name: row.shown_name().to_owned(),
            role: known.role,
            watches: self.watches(user),
            devices: devices
                .map(|device| DeviceView {
                    device_id: device.id.clone(),
                    device_name: device.name.clone(),
                    last_seen_at: device.last_seen_at,
                })
                .collect(),
            sessions: sessions
                .map(|(no, session)| {
                    let device = self.devices.get(&session.device);
                    let view = SessionView {
                        session_id: no.0.to_string(),
                        device_id: device.map(|device| device.id.clone()).unwrap_or_default(),
                        created_at: session.created_at,
                        expires_at: session.row.expires_at,
                        current: false,
                    };
                    (*no, view)
                })
                .collect(),
        })
    }
}
