//! What administrators see and change: users, externals, tokens, what is kept, and how the server is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeviceView, ParticipantId, Role, SessionView, Timestamp};

/// A user, as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// The id.
    pub user_id: ParticipantId,
    /// The name to show; the id where there is none.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// Whether there is a password; without one nobody can sign in as this user.
    pub has_password: bool,
    /// When the user was added.
    pub created_at: Timestamp,
    /// When a device or a token of the user last spoke to the server, to the minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_seen_at: Option<Timestamp>,
    /// Whose logs the user may read.
    pub watches: Vec<ParticipantId>,
    /// Devices, those of tokens among them.
    pub devices: Vec<DeviceView>,
    /// Open sessions.
    pub sessions: Vec<SessionView>,
}

/// A page of users, sorted by id byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Users {
    /// The users.
    pub users: Vec<User>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// A user to be added.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddUser {
    /// The id: 1 to 255 bytes, taken as it is.
    pub user_id: ParticipantId,
    /// The name to show; the id where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// What the user may do; crew where it is left out.
    #[serde(default)]
    pub role: Role,
    /// The password; where it is left out, one is made and is in the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// Whether there is to be none: nobody can sign in as this user, only tokens act.
    #[serde(default)]
    pub without_password: bool,
}

impl fmt::Debug for AddUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddUser")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// A user that was added.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserAdded {
    /// The user.
    pub user: User,
    /// The password that was made. Shown once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// Another participant whose id looks the same to people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub looks_like: Option<ParticipantId>,
}

/// What a user is to be from now on. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserChanges {
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// What the user may do. Nobody is signed out by it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<Role>,
    /// Whether the user is shut out: no sign-in, no recipient; open sessions end, and tokens rest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled: Option<bool>,
}

/// A password to be set.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewPassword {
    /// The password; where it is left out, one is made and is in the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
}

/// A password that was set.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordSet {
    /// Whose.
    pub user_id: ParticipantId,
    /// The password that was made. Shown once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
}

/// How a user is signed out everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignOutUser {
    /// Whether the user's tokens are revoked, too.
    #[serde(default)]
    pub tokens: bool,
}

/// An external, as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct External {
    /// The id.
    pub external_id: ParticipantId,
    /// The name that it last sent with; the id where there is none.
    pub name: String,
    /// The tokens by which it acts.
    pub token_ids: Vec<String>,
    /// When one of these was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_at: Option<Timestamp>,
}

/// A page of externals, sorted by id byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Externals {
    /// The externals.
    pub externals: Vec<External>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// To whom a token belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TokenKind {
    /// A user.
    User,
    /// Externals.
    External,
    /// Administration: it keeps the directory, and sends nothing.
    Administration,
}

/// A token. The secret itself is kept nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// A short id to name it by.
    pub token_id: String,
    /// To whom it belongs.
    pub kind: TokenKind,
    /// The user, or the externals and prefixes (`scada:*`).
    pub owners: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_at: Option<Timestamp>,
    /// The secret, to send as `Authorization: Bearer …`: in the answer to making it, and never again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("token_id", &self.token_id)
            .field("owners", &self.owners)
            .finish_non_exhaustive()
    }
}

/// A page of tokens, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// A token to be made: for one user, for externals, or for administration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<ParticipantId>,
    /// Externals, or prefixes such as `scada:*`: any id that begins so, but no user's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub externals: Option<Vec<String>>,
    /// Whether it is for administration.
    #[serde(default)]
    pub administration: bool,
}

/// What is removed when it is old. It stands in the configuration of the server, and cannot be changed by a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Kept {
    /// Seconds for which texts and events are kept (`retention.messages`); left out: for ever.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub messages_seconds: Option<u64>,
    /// Seconds for which a cursor that does not move holds its log (`retention.cursorDays`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursors_seconds: Option<u64>,
    /// Seconds for which the audit is kept (`audit.keep`); left out: for ever.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audit_seconds: Option<u64>,
    /// Always true: change `crewline.toml`, and start the server again.
    pub read_only: bool,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemState {
    /// The version of the program.
    pub version: String,
    /// The commit that it was built from, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Whether the store takes writes.
    pub ready: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<String>,
    /// Where everything is kept.
    pub store: StoreState,
    /// Sessions of people that have not ended.
    pub sessions: u64,
    /// Open sockets.
    pub sockets: u64,
    /// Open event streams.
    pub streams: u64,
    /// Rows that wait for the writer.
    pub queued_rows: u64,
    /// Webhooks whose receiver does not take an event now, or that have parked some.
    pub webhooks_failing: Vec<String>,
    /// The latest warnings and errors of the log, newest first; at most 100, since the start.
    pub last_errors: Vec<LogLine>,
}

/// Where everything is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreState {
    /// What it is.
    pub name: String,
    /// The number of its schema.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<u32>,
    /// Bytes that its data take.
    pub bytes: u64,
    /// Bytes that wait to be moved into place (the WAL of SQLite).
    pub wal_bytes: u64,
    /// Bytes that are free on its disk, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disk_free_bytes: Option<u64>,
    /// Names the logs; it changes when the store is restored.
    pub epoch: String,
}

/// A warning or an error of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// `warn` or `error`.
    pub level: String,
    /// What happened, with its fields.
    pub text: String,
}
