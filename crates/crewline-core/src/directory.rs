//! The directory: users, tokens, sessions, devices. Acts here are rare, and each is a transaction of its own.

use std::fmt;

use crewline_api::{GroupId, ParticipantId, Role, Seq, Timestamp, WebhookFailure};
use unicode_normalization::UnicodeNormalization as _;

use crate::audit::{AuditedAct, NewAudit};
use crate::credential::{ExternalPattern, SecretHash};
use crate::group::{DutyRow, GroupRow};
use crate::organisation::OrganisationPart;
use crate::port::StoreError;
use crate::push::{NewPushSubscriptionRow, PushKey, PushNote};
use crate::webhook::{NewWebhookRow, WebhookAct};
use crate::{DeviceNo, ParticipantNo, PushNo, SessionNo, TokenNo, WebhookNo};

/// An id with differences removed that people do not see: NFC, then lower case, then NFC.
/// Adding an id that equals another in this form warns.
pub fn fold(id: &str) -> String {
    id.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// A user to be added.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The id. It may be that of a participant who was expected; never that of an external.
    pub id: ParticipantId,
    /// The name to show; the id where there is none.
    pub name: Option<String>,
    /// The role.
    pub role: Role,
    /// The argon2id hash of the password (a PHC string); without one nobody can sign in as this user.
    pub password: Option<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What came of adding a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAdded {
    /// The number.
    pub no: ParticipantNo,
    /// Another id that looks the same to people ([`fold`]); to be warned of.
    pub looks_like: Option<ParticipantId>,
}

/// A change of a user.
#[derive(Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Lets the user in again.
    Enable,
    /// Shuts the user out: no sign-in, no recipient; open sessions end, and tokens rest.
    Disable,
    /// A new password (a PHC string). Open sessions end.
    Password(String),
    /// Another role. Sessions and tokens go on, with the rights of the new one.
    Role(Role),
    /// Another name to show.
    Name(String),
    /// Signs the user out everywhere: open sessions end. The user may sign in again.
    SignOut {
        /// Whether the user's tokens are revoked, too.
        tokens: bool,
    },
}

impl fmt::Debug for UserChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enable => "Enable",
            Self::Disable => "Disable",
            Self::Password(_) => "Password(…)",
            Self::Role(role) => return write!(f, "Role({role})"),
            Self::Name(_) => "Name(…)",
            Self::SignOut { tokens } => return write!(f, "SignOut({tokens})"),
        })
    }
}

/// A user, as lists show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The number.
    pub no: ParticipantNo,
    /// The id.
    pub id: ParticipantId,
    /// The name to show.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// Whether there is a password.
    pub has_password: bool,
    /// When the user was added.
    pub created_at: Timestamp,
    /// Whose logs the user may read, sorted by id.
    pub watches: Vec<ParticipantId>,
}

/// A user who watches a participant, as lists show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatcherRow {
    /// The user's id.
    pub id: ParticipantId,
    /// The name to show.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// What is needed to check a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordRow {
    /// The user.
    pub no: ParticipantNo,
    /// The PHC string, where one was set.
    pub hash: Option<String>,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// The role.
    pub role: Role,
}

/// One line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// The user. Without a password the old one stays, or none is set.
    pub user: NewUser,
    /// The line in the file, for messages.
    pub line: u64,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Users that are new.
    pub added: Vec<ParticipantId>,
    /// Users whose name, role or password changed.
    pub changed: Vec<ParticipantId>,
    /// Users that were so already.
    pub unchanged: Vec<ParticipantId>,
    /// New ids that look like others.
    pub look_alikes: Vec<(ParticipantId, ParticipantId)>,
}

/// To whom a token belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOwner {
    /// A user.
    User(ParticipantId),
    /// Externals.
    Externals(Vec<ExternalPattern>),
    /// Administration.
    Administration,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The hash of its secret.
    pub hash: SecretHash,
    /// To whom it belongs. An exact external is known from now on; it must not be a user's id.
    pub owner: TokenOwner,
}

/// A token, as lists show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The number: a short id to name it by.
    pub no: TokenNo,
    /// To whom it belongs.
    pub owner: TokenOwner,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A session to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSessionRow {
    /// Who signed in.
    pub user: ParticipantNo,
    /// The hash of its secret.
    pub hash: SecretHash,
    /// The device's own id, where it has one. Without, the session is the device.
    pub device_id: Option<String>,
    /// What the person calls the device.
    pub device_name: Option<String>,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// A session that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedSession {
    /// The session.
    pub session: SessionNo,
    /// Its device.
    pub device: DeviceNo,
}

/// What of a user is signed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedOut {
    /// One session.
    Session(SessionNo),
    /// Every session on the device of this id, where the user has such a device.
    Device(String),
}

/// That a device or token was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The device.
    pub device: DeviceNo,
    /// The token, where it was one.
    pub token: Option<TokenNo>,
    /// When.
    pub at: Timestamp,
}

/// Why an act on the directory was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The id is taken.
    #[error("{id} exists already, as {what}")]
    Exists {
        /// The id.
        id: ParticipantId,
        /// `a user` or `an external`.
        what: &'static str,
    },
    /// There is no such user.
    #[error("there is no user {0}")]
    NoUser(ParticipantId),
    /// There is no such participant: nobody of that id is in the directory, has acted, or is covered by a token.
    #[error("there is no participant {0}")]
    NoParticipant(ParticipantId),
    /// A user would watch itself.
    #[error("{0} cannot watch itself: everybody reads their own log anyway")]
    WatchesItself(ParticipantId),
    /// A line of an import is wrong; nothing was imported.
    #[error("line {line}: {detail}")]
    Line {
        /// The line in the file.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// The group of everyone on duty is made by nobody.
    #[error(
        "the group {} is everyone on duty; nobody makes or removes it",
        crewline_api::GroupId::ON_DUTY
    )]
    ReservedGroup,
    /// Members who are no users.
    #[error("there is no user {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    UnknownMembers(Vec<ParticipantId>),
    /// A group has more members than it may.
    #[error("the group {} has more than {} members", .0, crewline_api::limits::GROUP_MEMBERS_MAX)]
    TooManyMembers(GroupId),
    /// The store holds as many groups as it may.
    #[error(
        "there are more than {} groups; remove one",
        crewline_api::limits::GROUPS_MAX
    )]
    TooManyGroups,
    /// Somebody else has changed a part of what the organisation keeps since it was read.
    #[error("somebody else has changed it since it was read; the revision is {is} now")]
    Revision {
        /// The revision now.
        is: u64,
    },
    /// There is no such webhook.
    #[error("there is no webhook {}", .0.0)]
    NoWebhook(WebhookNo),
    /// That event is not parked.
    #[error("event {0} is not parked; the list of failures says which are")]
    NotParked(Seq),
    /// A webhook would begin behind the end of the log.
    #[error("the log ends at {head}; {seq} lies beyond")]
    BeyondLog {
        /// What was asked for.
        seq: Seq,
        /// The last event of the log.
        head: Seq,
    },
    /// The store holds as many webhooks as it may.
    #[error(
        "there are {} webhooks, and no more are allowed; remove one",
        crewline_api::limits::WEBHOOKS_MAX
    )]
    TooManyWebhooks,
    /// The session has ended.
    #[error("the session has ended")]
    NoSession,
    /// The store holds as many push subscriptions as it may.
    #[error(
        "there are {} push subscriptions, and no more are allowed",
        crewline_api::limits::PUSH_SUBSCRIPTIONS_MAX
    )]
    TooManySubscriptions,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Acts on the directory: each is one transaction. Whatever takes something from somebody, or changes who somebody is,
/// moves [`crate::Reader::directory_version`], at which every open stream looks again whether it may go on. Opening a
/// session takes nothing from anybody, and does not: many who sign in at once would make every stream look as often.
pub trait Directory {
    /// Adds a user. A participant who was expected becomes the user, and finds what has waited.
    fn add_user(&mut self, user: &NewUser, now: Timestamp) -> Result<UserAdded, DirectoryError>;

    /// Changes a user.
    fn change_user(
        &mut self,
        id: &ParticipantId,
        change: &UserChange,
        now: Timestamp,
    ) -> Result<(), DirectoryError>;

    /// Adds or changes users, all or none. With `dry_run` it only says what it would do.
    fn import_users(
        &mut self,
        rows: &[ImportRow],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<ImportReport, DirectoryError>;

    /// Makes a token.
    fn create_token(
        &mut self,
        token: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRow, DirectoryError>;

    /// Revokes a token, by the hash of its secret; returns whether there was one.
    fn revoke_token_by_hash(&mut self, hash: &SecretHash) -> Result<bool, DirectoryError>;

    /// Revokes a token, by its short id; returns whether there was one.
    fn revoke_token(&mut self, no: TokenNo) -> Result<bool, DirectoryError>;

    /// Opens a session, and its device where it is new. Drops sessions that have ended. Does not move the directory's
    /// version.
    fn open_session(
        &mut self,
        session: &NewSessionRow,
        now: Timestamp,
    ) -> Result<OpenedSession, DirectoryError>;

    /// Closes a session; returns whether there was one.
    fn close_session(&mut self, session: SessionNo) -> Result<bool, DirectoryError>;

    /// Ends a session of a user, or all that are open on one of the user's devices; returns whether there is such a session
    /// or device of this user. A device without an open session is no refusal: whoever lost it wants that to be so.
    fn sign_out(&mut self, user: &ParticipantId, what: &SignedOut) -> Result<bool, DirectoryError>;

    /// Makes a user a watcher of a participant; returns whether that is new. Everybody who is known can be watched, and who
    /// is not known yet where a token's prefix covers the id: then that participant is expected from now on.
    fn watch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Result<bool, DirectoryError>;

    /// Ends that; returns whether the user was a watcher.
    fn unwatch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
    ) -> Result<bool, DirectoryError>;

    /// Puts groups, all or none, each in the place of the one of its id; returns how many are new. Messages that were sent to
    /// a group before stay as they are. Does not move the directory's version: it takes no right from anybody; nor does
    /// what follows.
    fn put_groups(&mut self, groups: &[GroupRow], now: Timestamp) -> Result<usize, DirectoryError>;

    /// Removes a group; returns whether there was one.
    fn remove_group(&mut self, group: &GroupId) -> Result<bool, DirectoryError>;

    /// Says whether a user is on duty. What was so already stays as it was said first. Returns what holds now.
    fn set_duty(
        &mut self,
        user: &ParticipantId,
        on_duty: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<DutyRow, DirectoryError>;

    /// Sets a part of what the organisation keeps, where its revision is the one that was read; returns the new one. Does
    /// not move the directory's version.
    fn put_organisation(
        &mut self,
        part: OrganisationPart,
        revision: u64,
        value: &str,
    ) -> Result<u64, DirectoryError>;

    /// Adds a webhook, and puts its cursor. Returns its number. Whose log it reads is known from now on; who is not in the
    /// directory acts as an external.
    fn add_webhook(
        &mut self,
        webhook: &NewWebhookRow,
        now: Timestamp,
    ) -> Result<WebhookNo, DirectoryError>;

    /// Does something to a webhook; its revision grows.
    fn act_on_webhook(&mut self, no: WebhookNo, act: &WebhookAct) -> Result<(), DirectoryError>;

    /// Removes a webhook, its cursor and what it failed at; returns whether there was one.
    fn remove_webhook(&mut self, no: WebhookNo) -> Result<bool, DirectoryError>;

    /// Notes that the cursor of a webhook went back to where it was to. This and what follows is noted by who posts: it moves
    /// neither the directory's version nor the webhook's revision, and is nothing where the webhook was removed.
    fn webhook_rewound(&mut self, no: WebhookNo, to: Seq) -> Result<(), DirectoryError>;

    /// Notes what became of an event that was not taken. Of those that are parked the oldest go, and are counted, where there
    /// are more than [`crewline_api::limits::WEBHOOK_PARKED_MAX`].
    fn note_webhook_failure(
        &mut self,
        no: WebhookNo,
        failure: &WebhookFailure,
    ) -> Result<(), DirectoryError>;

    /// Forgets that an event was not taken.
    fn forget_webhook_failure(&mut self, no: WebhookNo, seq: Seq) -> Result<(), DirectoryError>;

    /// Keeps a key pair for push, where there is none yet; returns the one that is kept. With `rotate` it takes the place of the
    /// old one, and every subscription goes: each was made for the old key.
    fn keep_push_key(&mut self, key: &PushKey, rotate: bool) -> Result<PushKey, DirectoryError>;

    /// Puts a subscription in the place of the one that its session has; returns whether it is another one. The same again
    /// leaves everything as it was, but the origin. A new one begins behind the newest event, another one where the old one
    /// stood. Neither this nor what follows moves the directory's version: many may subscribe at once, and who pushes runs in
    /// the same process.
    fn put_push_subscription(
        &mut self,
        new: &NewPushSubscriptionRow,
        now: Timestamp,
    ) -> Result<bool, DirectoryError>;

    /// Removes the subscription of a session; returns whether there was one.
    fn remove_push_subscription(&mut self, session: SessionNo) -> Result<bool, DirectoryError>;

    /// Notes that a test push has arrived; returns whether there is such a subscription.
    fn prove_push(&mut self, no: PushNo, now: Timestamp) -> Result<bool, DirectoryError>;

    /// Notes what became of pushes, all at once.
    fn note_pushes(&mut self, notes: &[PushNote]) -> Result<(), DirectoryError>;

    /// Carries an act out and adds to the audit what it leaves in the list of notes, in one transaction. The list begins with
    /// `note`. Where the act is refused, the notes are added as refused, and nothing else is changed. Not inside of another
    /// such act. See [`crate::audited`].
    fn audited(
        &mut self,
        note: NewAudit,
        now: Timestamp,
        act: AuditedAct<'_>,
    ) -> Result<(), DirectoryError>;

    /// Removes the oldest rows of the audit that are from before a time, at most `limit`; returns how many.
    fn forget_audit(&mut self, before: Timestamp, limit: usize) -> Result<u64, DirectoryError>;

    /// Notes when devices and tokens were last used. Does not move the directory's version.
    fn note_seen(&mut self, seen: &[Seen]) -> Result<(), DirectoryError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_people_take_for_the_same_fold_to_the_same() {
        assert_eq!(fold("Müller"), fold("MU\u{308}LLER"));
        assert_ne!(fold("a"), fold("b"));
    }
}
