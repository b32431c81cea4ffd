//! The port behind which stores stand: whole acts, and no driver's type in sight.
//!
//! A store has one [`Writer`], which belongs to the engine's writer thread, and any number of [`Reader`]s, which may be
//! used from many threads at once. All of it is synchronous: who must not block calls it from a thread that may.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crewline_api::{
    ChatId, ChatsPage, CursorName, Event, EventKinds, GroupId, GroupsPage, MessageId, MessageStory,
    MessageView, MessagesPage, ParticipantId, PeoplePage, Role, Seq, Timestamp, WebhookFailure,
};

use crate::audit::{AuditFound, AuditQuery};
use crate::changes::{Changes, CursorRow};
use crate::credential::{Credential, SecretHash};
use crate::directory::{Directory, PasswordRow, TokenRow, UserRow, WatcherRow};
use crate::keep::{CursorBehind, Pass};
use crate::needs::{Locks, Wanted};
use crate::node::{LeaseRow, Nodes};
use crate::organisation::{OrganisationPart, OrganisationRow};
use crate::push::{PushKey, PushState, PushSubscriptionRow};
use crate::search::{Search, SearchFound};
use crate::state::{ChatRow, ParticipantRow, State};
use crate::webhook::WebhookRow;
use crate::{ChatNo, ParticipantNo, PushNo, SessionNo, WebhookNo};

/// What kind of trouble a store is in; it decides what the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Someone else wrote what must be unique in the meantime, or held the lock too long: load again and repeat.
    Conflict,
    /// The store refuses these rows. Other rows may be fine: run the batch one by one.
    Refused,
    /// The disk is full. Nothing was written; go on when there is room.
    Full,
    /// The store cannot be reached or written now. Nothing was written.
    Unavailable,
    /// What is in the store is damaged.
    Corrupt,
    /// Another one holds the lease under which this was to be written. Nothing was written.
    Superseded,
    /// It is not known whether what was written is durable (a failed fsync): stop, and never call it durable.
    Lost,
}

/// When somebody was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// When.
    pub at: Timestamp,
    /// What the person calls the device; of several of the same moment the one that came last.
    pub device_name: Option<String>,
}

/// An error of a store. The detail is for the log and the administrator's terminal; callers never see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of trouble.
    pub kind: StoreErrorKind,
    /// What happened, which file, and what to do.
    pub detail: String,
}

impl StoreError {
    /// An error.
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for StoreError {}

/// Names a batch, so that a writer that lost its connection while committing can find out what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchId(pub u128);

/// A store that was opened.
pub struct Opened {
    /// The one writer.
    pub writer: Box<dyn Writer>,
    /// Readers.
    pub reader: Arc<dyn Reader>,
}

/// What makes a batch durable that was written: it waits for the disk, on any thread. When it returns `Ok` the batch and
/// all before it are durable; after an error ([`StoreErrorKind::Lost`]) nobody knows, and nothing is ever called durable.
pub type Flush = Box<dyn FnOnce() -> Result<(), StoreError> + Send>;

/// The one that writes. One batch is: [`begin`](Writer::begin), [`load`](Writer::load) of what never changes in rounds,
/// [`lock`](Writer::lock), [`load`](Writer::load) of what changes in rounds, [`save`](Writer::save), then
/// [`write`](Writer::write) or [`abort`](Writer::abort).
///
/// After an error of any of them the transaction is gone, nothing of it was written, and the writer can begin anew
/// (but after [`StoreErrorKind::Lost`]).
pub trait Writer: Send {
    /// Begins a batch.
    ///
    /// Returns `false` where rows that earlier batches loaded may have been changed by someone else since (another
    /// process, the directory): then the engine forgets all it holds. The first batch after opening returns `false`.
    fn begin(&mut self) -> Result<bool, StoreError>;

    /// Loads what is wanted into the state: for each thing wanted, its entry in the maps, or `None` where it does not
    /// exist. See [`Wanted`] for which map.
    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError>;

    /// Locks what the batch will change, in the order of numbers: between what never changes and what does. A store whose
    /// one writer holds the whole lock from [`begin`](Writer::begin) on has nothing to do, and does not ask what it is.
    fn lock(&mut self, _locks: &mut dyn FnMut() -> Locks) -> Result<(), StoreError> {
        Ok(())
    }

    /// Puts all changes of the batch into the transaction, or keeps them for its end. Nobody sees them yet.
    fn save(&mut self, changes: &Changes) -> Result<(), StoreError>;

    /// Ends the transaction. When it returns `Ok`, readers see the changes; they are durable when what it returns has
    /// run, and at once where that is `None`. The next batch may begin before: it is built on this one, and may be called
    /// durable only after it.
    ///
    /// `more` says that a batch follows at once: a store that is asked over a network begins it in the same trip. Whatever is
    /// done instead of it is done as if that had not been said.
    fn write(&mut self, batch: BatchId, more: bool) -> Result<Option<Flush>, StoreError>;

    /// Saves and writes the changes of a batch, and waits until they are durable.
    fn commit(&mut self, changes: &Changes, batch: BatchId) -> Result<(), StoreError> {
        self.save(changes)?;
        self.write(batch, false)?.map_or(Ok(()), |flush| flush())
    }

    /// Ends the batch without a change.
    fn abort(&mut self);

    /// Why nothing may be promised any more, where that is so and was not told by an error of this writer: the store has found
    /// out, also by a reading, that its logs do not go on as they were. The engine asks after each thing it does, and when it
    /// is idle.
    fn lost(&self) -> Option<StoreError> {
        None
    }

    /// Writes a little, durably, to find out whether writing works (again). Not inside of a batch, and with nothing left to
    /// flush; the same holds for [`prune`](Writer::prune) and [`directory`](Writer::directory).
    fn probe(&mut self) -> Result<(), StoreError>;

    /// Takes a pass of the retention one step on: removes about `rows` rows, durably, by the rules of [`crate::keep`]. Not
    /// inside of a batch. Call it until the pass is done; after an error begin a new pass.
    ///
    /// Nothing that earlier batches loaded changes by it.
    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError>;

    /// Puts up to `rows` messages that are not in it yet into the index that is searched; returns whether there are more. Not
    /// inside of a batch, but a batch may be left to flush. It need not be durable when this returns: what is lost is done
    /// again. A store that is searched without an index has nothing to do.
    fn index(&mut self, _rows: usize) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Who does the same beside the writer, from any thread, where the store lets somebody write at the same time.
    fn indexer(&self) -> Option<Box<dyn Indexer>> {
        None
    }

    /// What this node says of itself. Not inside of a batch.
    fn nodes(&mut self) -> &mut dyn Nodes;

    /// The directory. Not inside of a batch.
    fn directory(&mut self) -> &mut dyn Directory;
}

/// Who fills the index that is searched, beside the [`Writer`].
pub trait Indexer: Send {
    /// As [`Writer::index`].
    fn index(&mut self, rows: usize) -> Result<bool, StoreError>;
}

/// A page of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The events of the kinds asked for.
    pub events: Vec<Event>,
    /// Everything up to this seq was looked at: pass it as `after` next. Never below the `after` of this call.
    pub next: Seq,
    /// The last seq of the log in the same reading.
    pub head: Seq,
    /// The first seq that the log still holds; `head + 1` where it holds none.
    pub oldest: Seq,
}

/// Where a page of chats begins: behind this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatsBefore {
    /// Its last activity.
    pub last_activity: Timestamp,
    /// Its number.
    pub chat: ChatNo,
}

/// What `GET /api/v1/me` needs, beside the caller's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeRows {
    /// The user.
    pub user_id: ParticipantId,
    /// The name to show.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whose logs the user may read, sorted by id.
    pub watches: Vec<ParticipantId>,
    /// Devices: id, name, last seen.
    pub devices: Vec<crewline_api::DeviceView>,
    /// Sessions that have not ended; `current` is false in each.
    pub sessions: Vec<(SessionNo, crewline_api::SessionView)>,
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreInfo {
    /// What it is, for people: `SQLite 3.54.0, ./data/crewline.db`.
    pub name: String,
    /// Bytes that its data take.
    pub bytes: u64,
    /// Bytes that wait to be moved into place (the WAL of SQLite).
    pub wal_bytes: u64,
}

/// Those that read. Each call is one short reading of one state of the store.
pub trait Reader: Send + Sync {
    /// Events of a log after `after`, of `kinds`, at most `limit`, and no more once they hold about
    /// [`crate::PAGE_BYTES_MAX`]. Looks at no more than 10,000 rows, so that a page may be empty and `next` below `head`:
    /// then call again. Does not judge `after`; the caller does, by `head` and `oldest`.
    fn log(
        &self,
        participant: ParticipantNo,
        after: Seq,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, StoreError>;

    /// The last seq of each of these logs, in the order given, 0 where a log is empty: in one query for all of them.
    fn heads(&self, of: &[ParticipantNo]) -> Result<Vec<Seq>, StoreError>;

    /// A participant by id.
    fn participant(&self, id: &ParticipantId) -> Result<Option<ParticipantRow>, StoreError>;

    /// A message as `viewers` may see it together: the sender sees all recipients and who was reminded, a recipient itself,
    /// others nothing.
    fn message(
        &self,
        viewers: &[ParticipantNo],
        id: MessageId,
    ) -> Result<Option<MessageView>, StoreError>;

    /// A chat's messages with a position below `before`, newest first, as `viewers` may see them together; `None` where
    /// none of them is in the chat. `next` is the position to pass as `before`, `as_of` the head of the log of the first
    /// of them who is in the chat.
    fn history(
        &self,
        viewers: &[ParticipantNo],
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<MessagesPage>, StoreError>;

    /// Who is in a chat: for edges that act for several participants at once. It judges nobody's right to know.
    fn members_of_chat(&self, chat: ChatId) -> Result<Option<ChatRow>, StoreError>;

    /// Who is in the chat of a message. It judges nobody's right to know either.
    fn members_of_message(&self, message: MessageId) -> Result<Option<ChatRow>, StoreError>;

    /// A participant's chats, newest activity first (of equals the higher number first). `next` is
    /// `<lastActivity in ms>.<chat number>`.
    fn chats(
        &self,
        viewer: ParticipantNo,
        before: Option<ChatsBefore>,
        limit: usize,
    ) -> Result<ChatsPage, StoreError>;

    /// Users and externals that are not disabled, whose id or name contains `q` (without regard to case; all, where it
    /// is empty), with an id after `after`, sorted by id byte by byte. `next` is the last id where there are more.
    fn people(&self, q: &str, after: Option<&str>, limit: usize) -> Result<PeoplePage, StoreError>;

    /// Groups with an id after `after`, sorted by id byte by byte, at most `limit`, and no more once they have about
    /// [`crate::GROUP_PAGE_MEMBERS_MAX`] members together.
    fn groups(&self, after: Option<&str>, limit: usize) -> Result<GroupsPage, StoreError>;

    /// Who is in a group at this moment, those who are shut out among them, and whether each is on duty; `None` where there is
    /// no such group.
    fn group_members(
        &self,
        group: &GroupId,
    ) -> Result<Option<Vec<(ParticipantRow, bool)>>, StoreError>;

    /// When a device of each of these users was last heard of, and which, in the order given; of externals nothing is known.
    fn last_contacts(&self, who: &[ParticipantNo]) -> Result<Vec<Option<Contact>>, StoreError>;

    /// What the organisation keeps; parts that never changed are not in it.
    fn organisation(&self) -> Result<BTreeMap<OrganisationPart, OrganisationRow>, StoreError>;

    /// A named cursor.
    fn cursor(
        &self,
        participant: ParticipantNo,
        name: &CursorName,
    ) -> Result<Option<CursorRow>, StoreError>;

    /// Cursors that have been behind since before a time, the longest first, at most `limit`; and how many there are.
    fn cursors_behind(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<(Vec<CursorBehind>, u64), StoreError>;

    /// Whose secret this is: of a session that has not ended by `now`, or of a token; of nobody who is disabled.
    fn credential(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<Credential>, StoreError>;

    /// What is needed to check a password. `None` where there is no such user.
    fn password(&self, user: &ParticipantId) -> Result<Option<PasswordRow>, StoreError>;

    /// The caller as the caller is shown.
    fn me(&self, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>, StoreError>;

    /// Every user, sorted by id.
    fn users(&self) -> Result<Vec<UserRow>, StoreError>;

    /// The whole story of a message. It judges nobody's right to know.
    fn story(&self, message: MessageId) -> Result<Option<MessageStory>, StoreError>;

    /// Messages that a user may read, in the own chats and in those of whom the user watches, newest first; at most `limit`.
    /// A call may look at only so many messages, and then finds less than there is before `next`.
    fn search(
        &self,
        user: ParticipantNo,
        search: &Search,
        limit: usize,
    ) -> Result<SearchFound, StoreError>;

    /// A participant by number.
    fn participant_of(&self, no: ParticipantNo) -> Result<Option<ParticipantRow>, StoreError>;

    /// A user by number.
    fn user(&self, no: ParticipantNo) -> Result<Option<UserRow>, StoreError>;

    /// Users whose id or name contains `q` (without regard to case; all, where it is empty), also those who are disabled,
    /// with an id after `after`, sorted by id byte by byte; at most `limit` of them.
    fn users_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserRow>, StoreError>;

    /// The same of externals.
    fn externals_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ParticipantRow>, StoreError>;

    /// How many sessions have not ended.
    fn session_count(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// The audit, its rows and the sends that messages tell of in one order, newest first; at most `limit` entries. A call may
    /// look at only so many messages, and then finds less than there is before `next`.
    fn audit(&self, query: &AuditQuery, limit: usize) -> Result<AuditFound, StoreError>;

    /// Who watches a participant, with an id after `after`, sorted by id byte by byte; at most `limit` of them. `None` where
    /// there is no such participant.
    fn watchers(
        &self,
        participant: &ParticipantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<WatcherRow>>, StoreError>;

    /// Those of these participants that a user watches, in the order given. Nobody watches itself.
    fn watched_among(
        &self,
        user: ParticipantNo,
        participants: &[ParticipantNo],
    ) -> Result<Vec<ParticipantNo>, StoreError>;

    /// Whether a user watches a participant.
    fn watches(&self, user: ParticipantNo, participant: ParticipantNo) -> Result<bool, StoreError> {
        Ok(!self.watched_among(user, &[participant])?.is_empty())
    }

    /// Every token, oldest first.
    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;

    /// Every webhook, oldest first.
    fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError>;

    /// Events after `after` that a webhook's receiver did not take, oldest event first; at most `limit` of them.
    fn webhook_failures(
        &self,
        no: WebhookNo,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<WebhookFailure>, StoreError>;

    /// The key pair for push, where one was made.
    fn push_key(&self) -> Result<Option<PushKey>, StoreError>;

    /// Every push subscription whose session has not ended by `now` and whose user is not shut out, oldest first.
    fn push_subscriptions(&self, now: Timestamp) -> Result<Vec<PushSubscriptionRow>, StoreError>;

    /// That of a session, likewise.
    fn push_subscription(
        &self,
        session: SessionNo,
        now: Timestamp,
    ) -> Result<Option<PushSubscriptionRow>, StoreError>;

    /// What is known of a message, for the device of a subscription; `None` where the subscription is gone or its session has
    /// ended, or there is no such message.
    fn push_state(
        &self,
        no: PushNo,
        message: MessageId,
        now: Timestamp,
    ) -> Result<Option<PushState>, StoreError>;

    /// A number that grows whenever a user, a token, a watcher or a webhook changed, or a session was closed, also by another
    /// process: what was read of the directory before may not hold any more. It stays when a session is opened.
    fn directory_version(&self) -> Result<u64, StoreError>;

    /// Every lease that was ever taken, by name.
    fn leases(&self) -> Result<Vec<LeaseRow>, StoreError>;

    /// Who follows the own log at another node than this one, of which the time is not over, in the order of numbers.
    fn present_elsewhere(
        &self,
        node: u64,
        now: Timestamp,
    ) -> Result<Vec<ParticipantNo>, StoreError>;

    /// Names this log; it changes when the store is restored from a backup.
    fn epoch(&self) -> Result<String, StoreError>;

    /// What the store says of itself.
    fn info(&self) -> Result<StoreInfo, StoreError>;
}
