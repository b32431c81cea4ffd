//! Participants as the directory shows them, sessions, devices and cursors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EventKind, ParticipantId, Seq, Timestamp};

/// What a participant is. Both are in one namespace of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ParticipantKind {
    /// A person in the directory, who signs in.
    User,
    /// A system, or someone known to it, who acts by a token.
    External,
}

/// What a user may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Sends and reads.
    #[default]
    Crew,
    /// Works at the desk.
    Dispatcher,
    /// Keeps the directory.
    Administrator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 3] = [Role::Crew, Role::Dispatcher, Role::Administrator];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crew => "crew",
            Self::Dispatcher => "dispatcher",
            Self::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                format!("{text:?} is not a role; it is crew, dispatcher or administrator")
            })
    }
}

/// Someone whom the caller may write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// The id to send to.
    pub user_id: ParticipantId,
    /// The name to show; the id where there is none.
    pub name: String,
    /// User or external.
    pub kind: ParticipantKind,
    /// Of a user, the role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<Role>,
    /// Of a user, whether on duty.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_duty: Option<bool>,
}

/// A page of people, sorted by id byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeoplePage {
    /// The people.
    pub people: Vec<Person>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// Credentials to open a session with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewSession {
    /// Who signs in.
    pub user_id: ParticipantId,
    /// The password.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub password: String,
    /// A UUID that a device makes once and keeps. Left out, the session is the device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub device_id: Option<String>,
    /// What the person calls the device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_name: Option<String>,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// A session that was opened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionOpened {
    /// The secret to send as `Authorization: Bearer …`. Shown once.
    pub token: String,
    /// Who signed in.
    pub user_id: ParticipantId,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// The caller, as `GET /api/v1/me` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The caller's id.
    pub user_id: ParticipantId,
    /// The caller's name.
    pub name: String,
    /// The caller's role.
    pub role: Role,
    /// Participants whose logs the caller may read.
    pub watches: Vec<ParticipantId>,
    /// The caller's devices.
    pub devices: Vec<DeviceView>,
    /// The caller's open sessions.
    pub sessions: Vec<SessionView>,
}

/// A page of those who watch a participant, sorted by id byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watchers {
    /// The watchers.
    pub watchers: Vec<Watcher>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// A user who may read another participant's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watcher {
    /// The user.
    pub user_id: ParticipantId,
    /// The user's name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// A device of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceView {
    /// Its id.
    pub device_id: String,
    /// What the person calls it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_name: Option<String>,
    /// When it last spoke to the server, to the minute.
    pub last_seen_at: Timestamp,
}

/// An open session of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// A short id to name it by. Not the secret.
    pub session_id: String,
    /// The device it was opened on.
    pub device_id: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether this call was made in it.
    pub current: bool,
}

/// Where a named cursor stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cursor {
    /// Everything up to this event is confirmed.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub seq: Seq,
    /// Of these kinds only, where given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
}

/// Where to move a named cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewCursor {
    /// Everything up to this event is confirmed.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub seq: Seq,
    /// Of these kinds only, where given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
    /// Whether it may go back. What was delivered stays delivered.
    #[serde(default)]
    pub rewind: bool,
}
