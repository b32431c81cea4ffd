//! What must be known to decide a batch: asked for in rounds, until nothing is missing.
//!
//! [`to_resolve`] asks for what never changes; it takes rounds, since who is in a set is known only when the ids are.
//! [`to_lock`] says what the batch will change. [`to_read`] asks for what changes, once that is locked.

mod changing;
mod constant;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{ChatId, CursorName, GroupId, IdempotencyKey, MessageId, ParticipantId, Seq};

pub use self::changing::to_read;
pub(crate) use self::changing::{newly_confirmed, not_said};
pub use self::constant::to_resolve;
use crate::command::{Command, ReceiptCommand, Recipient};
use crate::resolve;
use crate::set::{self, Set};
use crate::state::{MembersKey, State};
use crate::{ChatNo, MessageNo, ParticipantNo};

/// What to load, by the map of [`State`] that it goes into.
///
/// Everything wanted gets an entry: `None` (or an empty row, where the map has no `None`) if it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// → `numbers`
    pub numbers: bool,
    /// → `ids`, and of those that exist `participants`
    pub ids: BTreeSet<ParticipantId>,
    /// → `participants` and `ids`; these exist
    pub participants: BTreeSet<ParticipantNo>,
    /// → `messages`
    pub messages: BTreeSet<MessageNo>,
    /// → `chats`, with their members
    pub chats: BTreeSet<ChatNo>,
    /// → `sets`
    pub sets: BTreeSet<MembersKey>,
    /// → `keys`
    pub keys: BTreeSet<(ParticipantNo, IdempotencyKey)>,
    /// → `heads`
    pub heads: BTreeSet<ParticipantNo>,
    /// → `chat_heads`
    pub chat_heads: BTreeSet<ChatNo>,
    /// → `members`
    pub members: BTreeSet<(ChatNo, ParticipantNo)>,
    /// → `recipients`; these messages and participants exist
    pub recipients: BTreeSet<(MessageNo, ParticipantNo)>,
    /// → `payloads`
    pub payloads: BTreeSet<(MessageNo, ParticipantNo)>,
    /// → `windows`, in the place of one that is there: every message of the chat that the member did not send, with a
    /// position above the one and up to the other, in the order of position
    pub windows: BTreeMap<(ChatNo, ParticipantNo), (u64, u64)>,
    /// → `received`: the messages of `message.received` in the log of the participant, after the one seq, up to the other
    pub received: BTreeSet<(ParticipantNo, Seq, Seq)>,
    /// → `groups`, and `participants` and `ids` of their members
    pub groups: BTreeSet<GroupId>,
    /// → `reminders`
    pub reminders: BTreeSet<MessageNo>,
    /// → `cursors`
    pub cursors: BTreeSet<(ParticipantNo, CursorName)>,
}

impl Wanted {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn id(&mut self, state: &State, id: &ParticipantId) {
        if !state.ids.contains_key(id) {
            self.ids.insert(id.clone());
        }
    }

    fn message(&mut self, state: &State, no: MessageNo) {
        if !state.messages.contains_key(&no) {
            self.messages.insert(no);
        }
    }

    fn message_id(&mut self, state: &State, id: MessageId) {
        if let Ok(no) = i64::try_from(id.no()) {
            self.message(state, MessageNo(no));
        }
    }

    fn chat(&mut self, state: &State, no: ChatNo) {
        if !state.chats.contains_key(&no) {
            self.chats.insert(no);
        }
    }

    fn chat_id(&mut self, state: &State, id: ChatId) {
        if let Ok(no) = i64::try_from(id.no()) {
            self.chat(state, ChatNo(no));
        }
    }

    fn head(&mut self, state: &State, no: ParticipantNo) {
        if !state.heads.contains_key(&no) {
            self.heads.insert(no);
        }
    }

    fn chat_head(&mut self, state: &State, no: ChatNo) {
        if !state.chat_heads.contains_key(&no) {
            self.chat_heads.insert(no);
        }
    }

    fn member(&mut self, state: &State, chat: ChatNo, no: ParticipantNo) {
        if !state.members.contains_key(&(chat, no)) {
            self.members.insert((chat, no));
        }
    }

    fn recipient(&mut self, state: &State, message: MessageNo, no: ParticipantNo) {
        if !state.recipients.contains_key(&(message, no)) {
            self.recipients.insert((message, no));
        }
    }
}

/// What a batch will change, to be locked in this order before it is read: by stores that have several writers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locks {
    /// Chats: their heads, members and recipients.
    pub chats: BTreeSet<ChatNo>,
    /// Participants: their logs and cursors.
    pub participants: BTreeSet<ParticipantNo>,
}

/// What the batch will change of what is stored. Ask when nothing is left to resolve.
///
/// The senders of what a cursor confirms are not in it: they are known only when its part of the log is read. Events in
/// their logs are guarded by their numbers, which are unique.
pub fn to_lock(commands: &[&Command], state: &State) -> Locks {
    let mut locks = Locks::default();
    for command in commands {
        locks.participants.extend(state.no(&command.actor().id));
        for chat in chats_of(command, state) {
            if let Some(Some(row)) = state.chats.get(&chat) {
                locks.participants.extend(row.members.iter().copied());
            }
            locks.chats.insert(chat);
        }
        // The people of a set that has no chat yet.
        let others = everyone_of(command, state);
        locks
            .participants
            .extend(others.iter().filter_map(|other| state.no(&other.id)));
    }
    locks
}

/// Everyone whom a send or a new chat is for; nobody of all else.
fn everyone_of<'a>(command: &'a Command, state: &State) -> Cow<'a, [Recipient]> {
    match command {
        Command::Send(send) => {
            resolve::everyone(state, &send.actor.id, &send.recipients, &send.groups)
        }
        Command::Chat(chat) => resolve::everyone(state, &chat.actor.id, &chat.others, &chat.groups),
        Command::Reply(_)
        | Command::Receipts(_)
        | Command::Cursor(_)
        | Command::Confirm(_)
        | Command::Remind(_)
        | Command::Appear(_) => Cow::Borrowed(&[]),
    }
}

fn chats_of(command: &Command, state: &State) -> Vec<ChatNo> {
    let of_set = |actor, others: &[Recipient]| match set::find(state, actor, others) {
        Set::Known(chat) => chat,
        Set::OfNew | Set::NotAsked(_) => None,
    };
    match command {
        Command::Send(_) | Command::Chat(_) => {
            let all = everyone_of(command, state);
            of_set(&command.actor().id, &all).into_iter().collect()
        }
        Command::Reply(reply) => state
            .chat(reply.chat)
            .map(|chat| chat.no)
            .into_iter()
            .collect(),
        Command::Receipts(receipts) => receipts
            .receipts
            .iter()
            .filter_map(|receipt| match receipt {
                ReceiptCommand::Message { message, .. } => message
                    .and_then(|id| state.message(id))
                    .map(|message| message.chat),
                ReceiptCommand::UpTo { place, .. } => place
                    .and_then(|(chat, _)| state.chat(chat))
                    .map(|chat| chat.no),
            })
            .collect(),
        Command::Remind(remind) => remind
            .message
            .and_then(|id| state.message(id))
            .map(|message| message.chat)
            .into_iter()
            .collect(),
        Command::Cursor(_) | Command::Confirm(_) | Command::Appear(_) => Vec::new(),
    }
}
