//! The audit: who did what, when and from where.
//!
//! Entries come from two places: rows that were written with an act, and messages, each of which is itself the proof that it
//! was sent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// What was done. There are no others.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum AuditKind { $($(#[doc = $doc])+ $name,)+ }

        impl AuditKind {
            /// Every kind.
            pub const ALL: &[AuditKind] = &[$(AuditKind::$name,)+];

            /// The word on the wire and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(AuditKind::$name => $text,)+ }
            }
        }
    };
}

kinds! {
    /// Somebody signed in. Refused: the user or the password was wrong.
    SignIn = "session.opened";
    /// More was refused, from one address or in all, than is written one by one.
    RefusedMore = "refused.more";
    /// Somebody signed out; `detail` says `everywhere` where all sessions ended.
    SignOut = "session.closed";
    /// A message was sent; `about` is the message, `detail` says to how many.
    MessageSent = "message.sent";
    /// A user was added.
    UserAdded = "user.added";
    /// A user has another name.
    UserNamed = "user.named";
    /// A user has another role.
    UserRole = "user.role";
    /// A user was let in again.
    UserEnabled = "user.enabled";
    /// A user was shut out.
    UserDisabled = "user.disabled";
    /// A user has a new password.
    UserPassword = "user.password";
    /// All sessions of a user were ended.
    UserSignedOut = "user.signedOut";
    /// One session of a user was ended.
    SessionEnded = "user.sessionEnded";
    /// All sessions on one device of a user were ended.
    DeviceSignedOut = "user.deviceSignedOut";
    /// Users were imported.
    UsersImported = "user.imported";
    /// A user watches a participant from now on.
    WatcherMade = "watcher.made";
    /// A user does not watch a participant any more.
    WatcherEnded = "watcher.ended";
    /// A token was made.
    TokenMade = "token.made";
    /// A token was revoked.
    TokenRevoked = "token.revoked";
    /// A group was made or changed; `detail` says how many are in it.
    GroupPut = "group.put";
    /// A group was removed.
    GroupRemoved = "group.removed";
    /// It was said whether a user is on duty; `detail` says which.
    DutySaid = "duty.said";
    /// What the organisation keeps was changed; `about` says which part.
    OrganisationChanged = "organisation.changed";
    /// A webhook was added.
    WebhookAdded = "webhook.added";
    /// A webhook was changed, paused, resumed or sent back; `detail` says which.
    WebhookChanged = "webhook.changed";
    /// A webhook was removed.
    WebhookRemoved = "webhook.removed";
    /// Push has a new key, and every subscription was removed.
    PushKeyChanged = "push.keyChanged";
    /// The store was restored from a backup; `detail` says of which epoch that was.
    StoreRestored = "store.restored";
    /// Somebody let statements of SQL change the store.
    StoreWritten = "store.written";
    /// Messages of another system were taken over; `about` is from where.
    StoreImported = "store.imported";
    /// A watcher read the log or the messages of a participant: once an hour for each of both.
    WatcherRead = "watcher.read";
    /// An administrator read the story of a message of others.
    StoryRead = "story.read";
    /// Somebody who may not asked for a call of administration.
    AdministrationRefused = "administration.refused";
}

impl fmt::Display for AuditKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AuditKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            format!(
                "{text:?} is not a kind of act; there are {}",
                words.join(", ")
            )
        })
    }
}

impl Serialize for AuditKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AuditKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// As what somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AuditRole {
    /// A user of this role.
    Crew,
    /// A user of this role.
    Dispatcher,
    /// A user of this role.
    Administrator,
    /// An external, by its token.
    External,
    /// A token of administration.
    Administration,
    /// Somebody with access to the machine, by a command of `crewline`.
    Terminal,
    /// Nobody who is known yet: a sign-in that was refused.
    Nobody,
}

impl AuditRole {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Crew,
        Self::Dispatcher,
        Self::Administrator,
        Self::External,
        Self::Administration,
        Self::Terminal,
        Self::Nobody,
    ];

    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crew => "crew",
            Self::Dispatcher => "dispatcher",
            Self::Administrator => "administrator",
            Self::External => "external",
            Self::Administration => "administration",
            Self::Terminal => "terminal",
            Self::Nobody => "nobody",
        }
    }
}

impl From<crate::Role> for AuditRole {
    fn from(role: crate::Role) -> Self {
        match role {
            crate::Role::Crew => Self::Crew,
            crate::Role::Dispatcher => Self::Dispatcher,
            crate::Role::Administrator => Self::Administrator,
        }
    }
}

/// One entry of the audit. Entries are only added. They go when they are older than `audit.keep`, but for sends, which are
/// kept as long as messages: for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its number: 1, 2, 3 … Of a send the id of the message.
    pub audit_id: String,
    /// When, by the server's clock.
    pub at: Timestamp,
    /// What was done.
    pub what: AuditKind,
    /// Who: the id of a user or an external; of a token of administration `token N`; at a terminal the account of the machine.
    pub who: String,
    /// As what; of somebody who sent, as it is now.
    pub role: AuditRole,
    /// By which session or token: `session N` or `token N`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential: Option<String>,
    /// The device that the credential stands for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_id: Option<String>,
    /// The address that it came from. Left out of a send: the entry of the sign-in says it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// About whom or what: an id of a participant, a message or a device, or the number of a token, session or webhook.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<String>,
    /// What else is to be said; never a secret, a text or a payload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// Whether it was refused, and nothing was changed.
    pub refused: bool,
}

/// A page of the audit, newest first. It may hold less than was asked for, and still not be the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// What was done.
    pub entries: Vec<AuditEntry>,
    /// What to pass as `before` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}
