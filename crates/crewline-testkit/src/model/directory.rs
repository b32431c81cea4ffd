//! Acts on the directory, as plain values: a core carries them out on its store, and the plain rules take note of them.

use crewline_api::{GroupId, ParticipantId, Timestamp};
use crewline_core::{
    Directory, DirectoryError, GroupRow, NewSessionRow, NewToken, NewUser, SecretHash, SessionNo,
    UserChange,
};
use serde_json::{Value, json};

/// An act on the directory.
#[derive(Debug, Clone)]
pub enum Act {
    /// Adds a user.
    AddUser(NewUser),
    /// Changes a user.
    Change(ParticipantId, UserChange),
    /// Makes a token.
    CreateToken(NewToken),
    /// Revokes a token.
    Revoke(SecretHash),
    /// Opens a session.
    OpenSession(NewSessionRow),
    /// Closes a session.
    CloseSession(SessionNo),
    /// Makes the first a watcher of the second.
    Watch(ParticipantId, ParticipantId),
    /// Ends that the first watches the second.
    Unwatch(ParticipantId, ParticipantId),
    /// Makes a group, or changes it.
    PutGroup(GroupRow),
    /// Removes a group.
    RemoveGroup(GroupId),
    /// Says whether a user is on duty; and who says so.
    SetDuty(ParticipantId, bool, String),
}

impl Act {
    /// Carries it out.
    ///
    /// # Errors
    /// What the directory refuses.
    pub fn carry_out(
        &self,
        directory: &mut dyn Directory,
        now: Timestamp,
    ) -> Result<Value, DirectoryError> {
        Ok(match self {
            Self::AddUser(user) => {
                json!({"looksLike": directory.add_user(user, now)?.looks_like})
            }
            Self::Change(user, change) => {
                directory.change_user(user, change, now)?;
                Value::Null
            }
            Self::CreateToken(token) => json!({"no": directory.create_token(token, now)?.no.0}),
            Self::Revoke(hash) => json!(directory.revoke_token_by_hash(hash)?),
            Self::OpenSession(session) => {
                directory.open_session(session, now)?;
                Value::Null
            }
            Self::CloseSession(session) => json!(directory.close_session(*session)?),
            Self::Watch(user, whose) => json!(directory.watch(user, whose, now)?),
            Self::Unwatch(user, whose) => json!(directory.unwatch(user, whose)?),
            Self::PutGroup(group) => json!(directory.put_groups(std::slice::from_ref(group), now)?),
            Self::RemoveGroup(group) => json!(directory.remove_group(group)?),
            Self::SetDuty(user, on_duty, by) => {
                let row = directory.set_duty(user, *on_duty, by, now)?;
                json!({"onDuty": row.on_duty, "since": row.since, "by": row.by})
            }
        })
    }
}
