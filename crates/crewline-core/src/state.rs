//! What decisions are made on: the rows that a store loaded, and what earlier decisions of the batch made of them.
//!
//! A `State` holds some of the store, never all of it. Every map says "not there" apart from "not loaded": an absent
//! key was not loaded, `None` is known not to exist. [`crate::needs`] asks for what is missing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crewline_api::{
    ChatId, CursorName, GroupId, IdempotencyKey, MessageId, ParticipantId, Payload, Priority,
    ReceiptState, Seq, Timestamp,
};
use sha2::{Digest, Sha256};

use crate::changes::{Changes, CursorRow, ReminderRow};
use crate::{ChatNo, MessageNo, ParticipantNo};

/// What a participant is, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Was named as a recipient, and has not appeared yet (only where unknown recipients are accepted).
    Expected,
    /// A person in the directory.
    User,
    /// A system, or someone known to it.
    External,
}

/// What is done with recipients that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownRecipients {
    /// The send is refused, and names them.
    #[default]
    Refuse,
    /// They are taken, and their messages wait until they first appear.
    Accept,
}

/// Settings that decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// `directory.unknownRecipients`
    pub unknown_recipients: UnknownRecipients,
}

/// A participant. What stands here changes only through the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantRow {
    /// Its number.
    pub no: ParticipantNo,
    /// Its id.
    pub id: ParticipantId,
    /// What it is.
    pub standing: Standing,
    /// The name to show; the id where there is none. An external's is the one it last sent with.
    pub name: Option<Arc<str>>,
    /// Whether it was shut out.
    pub disabled: bool,
}

impl ParticipantRow {
    /// The name to show.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// Where a participant's log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogHead {
    /// The seq of the last event; 0 where there is none.
    pub head: Seq,
    /// Messages up to this seq were confirmed by some device or cursor, and so are delivered. What is not said here may
    /// be delivered all the same: receipts say so of each message.
    pub confirmed: Seq,
}

/// The set of people of a chat as one value: SHA-256 over their numbers in ascending order, 8 bytes each, big endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MembersKey(pub [u8; 32]);

impl MembersKey {
    /// Of these participants, in any order; duplicates count once.
    pub fn of(members: impl IntoIterator<Item = ParticipantNo>) -> Self {
        let mut nos: Vec<i64> = members.into_iter().map(|no| no.0).collect();
        nos.sort_unstable();
        nos.dedup();
        let mut hash = Sha256::new();
        for no in nos {
            hash.update(no.to_be_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// A chat, as it stays for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRow {
    /// Its number.
    pub no: ChatNo,
    /// The salt of its id.
    pub salt: u64,
    /// Everyone in it, in the order of `member_ids`.
    pub members: Arc<[ParticipantNo]>,
    /// Everyone in it, sorted by id byte by byte.
    pub member_ids: Arc<[ParticipantId]>,
}

impl ChatRow {
    /// The id that callers know.
    pub fn id(&self) -> ChatId {
        ChatId::from_parts(self.no.0 as u64, self.salt)
    }

    /// Whether `participant` is in it.
    pub fn has(&self, participant: ParticipantNo) -> bool {
        self.members.contains(&participant)
    }

    /// The id of a member.
    pub fn member_id(&self, participant: ParticipantNo) -> Option<&ParticipantId> {
        self.members
            .iter()
            .position(|no| *no == participant)
            .and_then(|at| self.member_ids.get(at))
    }
}

/// How far a chat has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatHead {
    /// How many messages it has: the position of the last one.
    pub last_position: u64,
    /// When it was made or its last message was stored.
    pub last_activity: Timestamp,
    /// Its last message.
    pub last_message: Option<MessageNo>,
}

/// How far a member of a chat has come.
///
/// Everyone in a chat gets every message of it, so that the unread ones need no counting: they are the chat's
/// `last_position` less `done`. A send therefore touches no row of a recipient but the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemberRow {
    /// How many messages of the chat this member has read, or sent (as a user).
    pub done: u64,
    /// Every message up to this position has been read, but emergencies, which are read by themselves.
    pub read_position: u64,
}

/// A message, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRow {
    /// Its number.
    pub no: MessageNo,
    /// The salt of its id.
    pub salt: u64,
    /// Its chat.
    pub chat: ChatNo,
    /// Its number in the chat.
    pub position: u64,
    /// Who sent it.
    pub sender: ParticipantNo,
    /// Its priority.
    pub priority: Priority,
    /// When it was stored.
    pub sent_at: Timestamp,
    /// Whether it has any payload.
    pub has_payloads: bool,
}

impl MessageRow {
    /// The id that callers know.
    pub fn id(&self) -> MessageId {
        MessageId::from_parts(self.no.0 as u64, self.salt)
    }
}

/// When a recipient reached a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The server's time.
    pub at: Timestamp,
    /// The device's time, where it said one.
    pub said_at: Option<Timestamp>,
    /// Whether it is known only because a later state was said.
    pub implied: bool,
}

impl Mark {
    /// The time to tell the sender: the device's where it gave one, else the server's.
    pub fn told_at(&self) -> Timestamp {
        self.said_at.unwrap_or(self.at)
    }
}

/// What became of a message with one recipient. A recipient of whom nothing is known has no row in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecipientRow {
    /// When it was delivered.
    pub delivered: Option<Mark>,
    /// When it was read.
    pub read: Option<Mark>,
    /// When it was acknowledged.
    pub acknowledged: Option<Mark>,
}

impl RecipientRow {
    /// The highest state reached.
    pub fn state(&self) -> ReceiptState {
        if self.acknowledged.is_some() {
            ReceiptState::Acknowledged
        } else if self.read.is_some() {
            ReceiptState::Read
        } else if self.delivered.is_some() {
            ReceiptState::Delivered
        } else {
            ReceiptState::Accepted
        }
    }

    /// When a state was reached.
    pub fn mark(&self, state: ReceiptState) -> Option<Mark> {
        match state {
            ReceiptState::Accepted => None,
            ReceiptState::Delivered => self.delivered,
            ReceiptState::Read => self.read,
            ReceiptState::Acknowledged => self.acknowledged,
        }
    }
}

/// The payloads of a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payloads {
    /// `onDeliveredPayload`
    pub on_delivered: Option<Payload>,
    /// `onReadPayload`
    pub on_read: Option<Payload>,
}

impl Payloads {
    /// Takes what is given where there is none yet. An empty payload is as if not given.
    pub(crate) fn or(&mut self, on_delivered: Option<Payload>, on_read: Option<Payload>) {
        let full = |payload: &Payload| !payload.as_bytes().is_empty();
        self.on_delivered = self.on_delivered.take().or(on_delivered.filter(full));
        self.on_read = self.on_read.take().or(on_read.filter(full));
    }

    /// How many bytes they have.
    pub(crate) fn bytes(&self) -> usize {
        let of = |payload: &Option<Payload>| payload.as_ref().map_or(0, |p| p.as_bytes().len());
        of(&self.on_delivered) + of(&self.on_read)
    }

    /// The payload that comes back with a state.
    pub fn of(&self, state: ReceiptState) -> Option<&Payload> {
        match state {
            ReceiptState::Delivered => self.on_delivered.as_ref(),
            ReceiptState::Read => self.on_read.as_ref(),
            ReceiptState::Accepted | ReceiptState::Acknowledged => None,
        }
    }
}

/// The meaning of a send, as one value: SHA-256 over its fields in a fixed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// What an idempotency key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    /// The message that was sent with it.
    pub message: MessageNo,
    /// What it meant.
    pub fingerprint: Fingerprint,
}

/// A member of a group, as it is in this batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupMember {
    /// Who; the row is in `participants`.
    pub no: ParticipantNo,
    /// Whether on duty.
    pub on_duty: bool,
}

/// The reminders of a message, as far as the next one depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reminders {
    /// How many there are.
    pub count: u32,
    /// The last one.
    pub last: Option<ReminderRow>,
}

/// A message of a chat as a member has it: one row of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowRow {
    /// The message.
    pub message: MessageRow,
    /// What became of it with that member.
    pub recipient: RecipientRow,
}

/// Messages of a chat as a member has them, in the order of position; those that the member sent are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// It holds every message up to this position.
    pub up_to: u64,
    /// The messages.
    pub rows: Vec<WindowRow>,
}

/// The next number of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// For the next participant.
    pub participant: ParticipantNo,
    /// For the next chat.
    pub chat: ChatNo,
    /// For the next message.
    pub message: MessageNo,
}

/// A map that is looked up and never walked through, so that its order, which is none, shows nowhere.
pub type Lookup<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Rows for decisions. See the module.
///
/// The first group of fields never changes in a store (but through the directory), the second is loaded after the
/// chats and participants are locked, the third lives for one batch.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Participants by id.
    pub ids: Lookup<ParticipantId, Option<ParticipantNo>>,
    /// Participants by number.
    pub participants: Lookup<ParticipantNo, ParticipantRow>,
    /// Chats by number.
    pub chats: Lookup<ChatNo, Option<ChatRow>>,
    /// Chats by their people.
    pub sets: Lookup<MembersKey, Option<ChatNo>>,
    /// Chats of two people, of those in `sets` that were used: the lower number first.
    pub pairs: Lookup<(ParticipantNo, ParticipantNo), ChatNo>,
    /// Messages by number.
    pub messages: BTreeMap<MessageNo, Option<MessageRow>>,
    /// The numbers to give out next; `None` until loaded.
    pub numbers: Option<Numbers>,

    /// Where logs stand.
    pub heads: Lookup<ParticipantNo, LogHead>,
    /// How far chats have come.
    pub chat_heads: Lookup<ChatNo, ChatHead>,
    /// How far members have come.
    pub members: Lookup<(ChatNo, ParticipantNo), MemberRow>,
    /// What became of messages; a recipient without a row in the store is here with an empty one.
    pub recipients: BTreeMap<(MessageNo, ParticipantNo), RecipientRow>,

    /// What idempotency keys were used for.
    pub keys: BTreeMap<(ParticipantNo, IdempotencyKey), Option<KeyRow>>,
    /// Payloads of recipients, of messages that have any.
    pub payloads: BTreeMap<(MessageNo, ParticipantNo), Payloads>,
    /// Of a chat and a member, messages after the member's `read_position`, as they were before the batch.
    pub windows: BTreeMap<(ChatNo, ParticipantNo), Window>,
    /// Messages sent in this batch, by chat and position: they are in no window.
    pub fresh: BTreeMap<(ChatNo, u64), MessageNo>,
    /// Messages received by a participant between two seqs (after, up to), with their seqs, as they were before the batch.
    pub received: BTreeMap<(ParticipantNo, Seq, Seq), Vec<(Seq, MessageNo)>>,
    /// Who is in groups; of `on-duty`, everyone on duty. Read anew in each batch.
    pub groups: BTreeMap<GroupId, Option<Arc<[GroupMember]>>>,
    /// The reminders of messages.
    pub reminders: BTreeMap<MessageNo, Reminders>,
    /// Named cursors.
    pub cursors: BTreeMap<(ParticipantNo, CursorName), Option<CursorRow>>,
    /// What was decided in this batch.
    pub changes: Changes,
}

/// How many rows of each kind a state keeps from one batch to the next.
const KEPT_MAX: usize = 100_000;

impl State {
    /// The number of an id, if it is known to exist.
    pub fn no(&self, id: &ParticipantId) -> Option<ParticipantNo> {
        self.ids.get(id).copied().flatten()
    }

    /// The participant of an id, if it is known to exist.
    pub fn participant(&self, id: &ParticipantId) -> Option<&ParticipantRow> {
        self.ids
            .get(id)
            .copied()
            .flatten()
            .and_then(|no| self.participants.get(&no))
    }

    /// The message of an id, if it is known to exist.
    pub fn message(&self, id: MessageId) -> Option<&MessageRow> {
        let row = self
            .messages
            .get(&MessageNo(i64::try_from(id.no()).ok()?))?
            .as_ref()?;
        (row.salt == id.salt()).then_some(row)
    }

    /// The chat of an id, if it is known to exist.
    pub fn chat(&self, id: ChatId) -> Option<&ChatRow> {
        let row = self
            .chats
            .get(&ChatNo(i64::try_from(id.no()).ok()?))?
            .as_ref()?;
        (row.salt == id.salt()).then_some(row)
    }

    /// Ends a batch that was written: takes what was decided, and keeps the rows that the next batch may need.
    pub fn end_batch(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.changes);
        self.keys.clear();
        self.payloads.clear();
        self.windows.clear();
        self.fresh.clear();
        self.received.clear();
        self.reminders.clear();
        self.groups.clear();
        self.cursors.clear();
        self.trim();
        changes
    }

    /// Drops what was loaded when there is too much of it. Rows of old messages go first; the rest goes as a whole,
    /// which costs some reads, and is simple.
    fn trim(&mut self) {
        while self.messages.len() > KEPT_MAX {
            self.messages.pop_first();
        }
        while self.recipients.len() > KEPT_MAX {
            self.recipients.pop_first();
        }
        if self.participants.len() > KEPT_MAX || self.ids.len() > KEPT_MAX {
            self.ids.clear();
            self.participants.clear();
            self.heads.clear();
        }
        let members: usize = self.members.len();
        if self.chats.len() > KEPT_MAX || self.sets.len() > KEPT_MAX || members > 10 * KEPT_MAX {
            self.chats.clear();
            self.sets.clear();
            self.pairs.clear();
            self.chat_heads.clear();
            self.members.clear();
        }
    }
}
