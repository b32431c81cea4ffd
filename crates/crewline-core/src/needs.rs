//! What must be known to decide a batch: asked for in rounds, until nothing is missing.
//!
//! [`to_resolve`] asks for what never changes; it may take three rounds, since who is in a set is known only when the
//! ids are. [`to_lock`] says what the batch will change. [`to_read`] asks for what changes, once that is locked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{ChatId, CursorName, GroupId, IdempotencyKey, MessageId, ParticipantId, Seq};

use crate::command::{
    Command, ConfirmCommand, CursorCommand, GroupRecipient, ReceiptCommand, Recipient,
};
use crate::resolve;
use crate::set::{self, Set};
use crate::state::{Fingerprint, KeyRow, MembersKey, State};
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

/// What never changes and is still missing. Load it and ask again, until it is empty: at most four rounds.
pub fn to_resolve(commands: &[&Command], state: &State) -> Wanted {
    let mut wanted = Wanted {
        numbers: state.numbers.is_none(),
        ..Wanted::default()
    };
    for command in commands {
        wanted.id(state, &command.actor().id);
        match command {
            Command::Send(send) => {
                resolve_key(&mut wanted, state, &send.actor.id, send.key.as_ref());
                if !resolve_groups(&mut wanted, state, &send.groups) {
                    continue;
                }
                let all = resolve::everyone(state, &send.actor.id, &send.recipients, &send.groups);
                resolve_set(&mut wanted, state, &send.actor.id, &all);
            }
            Command::Reply(reply) => {
                resolve_key(&mut wanted, state, &reply.actor.id, reply.key.as_ref());
                wanted.chat_id(state, reply.chat);
                for id in [reply.reply_to, reply.read_up_to].into_iter().flatten() {
                    wanted.message_id(state, id);
                }
            }
            Command::Chat(chat) => {
                if !resolve_groups(&mut wanted, state, &chat.groups) {
                    continue;
                }
                let all = resolve::everyone(state, &chat.actor.id, &chat.others, &chat.groups);
                resolve_set(&mut wanted, state, &chat.actor.id, &all);
            }
            Command::Receipts(receipts) => {
                for receipt in &receipts.receipts {
                    match receipt {
                        ReceiptCommand::Message { message, .. } => {
                            if let Some(id) = *message {
                                wanted.message_id(state, id);
                                if let Some(message) = state.message(id) {
                                    wanted.chat(state, message.chat);
                                }
                            }
                        }
                        ReceiptCommand::UpTo { place, .. } => {
                            if let Some((chat, message)) = *place {
                                wanted.chat_id(state, chat);
                                wanted.message_id(state, message);
                            }
                        }
                    }
                }
            }
            Command::Remind(remind) => {
                if let Some(watched) = &remind.watched {
                    wanted.id(state, watched);
                }
                if let Some(id) = remind.message {
                    wanted.message_id(state, id);
                    if let Some(message) = state.message(id) {
                        wanted.chat(state, message.chat);
                    }
                }
            }
            Command::Cursor(_) | Command::Confirm(_) | Command::Appear(_) => {}
        }
    }
    wanted
}

fn resolve_key(
    wanted: &mut Wanted,
    state: &State,
    sender: &ParticipantId,
    key: Option<&(IdempotencyKey, Fingerprint)>,
) {
    let (Some((key, _)), Some(sender)) = (key, state.participant(sender)) else {
        return;
    };
    match state.keys.get(&(sender.no, key.clone())) {
        None => {
            wanted.keys.insert((sender.no, key.clone()));
        }
        Some(None) => {}
        // The first answer is given again: it needs the message and its chat.
        Some(Some(KeyRow { message, .. })) => {
            wanted.message(state, *message);
            if let Some(Some(message)) = state.messages.get(message) {
                wanted.chat(state, message.chat);
            }
        }
    }
}

/// Whether all groups are there; who is in a set is known only then.
fn resolve_groups(wanted: &mut Wanted, state: &State, groups: &[GroupRecipient]) -> bool {
    let mut all = true;
    for group in groups {
        if !state.groups.contains_key(&group.id) {
            wanted.groups.insert(group.id.clone());
            all = false;
        }
    }
    all
}

fn resolve_set(wanted: &mut Wanted, state: &State, actor: &ParticipantId, others: &[Recipient]) {
    for other in others {
        wanted.id(state, &other.id);
    }
    match set::find(state, actor, others) {
        Set::OfNew | Set::Known(None) => {}
        Set::NotAsked(key) => {
            wanted.sets.insert(key);
        }
        Set::Known(Some(chat)) => wanted.chat(state, chat),
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

/// What changes and is still missing. Load it and ask again, until it is empty: at most four rounds.
pub fn to_read(commands: &[&Command], state: &State) -> Wanted {
    let mut wanted = Wanted::default();
    for command in commands {
        let Some(actor) = state.no(&command.actor().id) else {
            // An external that is new: nothing of it is stored. The heads of its recipients are still needed.
            read_recipients(&mut wanted, state, &everyone_of(command, state));
            continue;
        };
        match command {
            Command::Send(_) => {
                read_recipients(&mut wanted, state, &everyone_of(command, state));
                for chat in chats_of(command, state) {
                    wanted.chat_head(state, chat);
                }
            }
            Command::Chat(_) => {
                wanted.head(state, actor);
                read_recipients(&mut wanted, state, &everyone_of(command, state));
            }
            Command::Reply(reply) => {
                if let Some(chat) = state.chat(reply.chat) {
                    for member in chat.members.iter() {
                        wanted.head(state, *member);
                    }
                    // Left out, it is everything; one that is not known is refused.
                    let up_to = reply.read_up_to.and_then(|id| state.message(id));
                    let up_to = up_to.map_or(u64::MAX, |message| message.position);
                    read_window(&mut wanted, state, chat.no, actor, up_to);
                }
            }
            Command::Receipts(receipts) => {
                wanted.head(state, actor);
                for receipt in &receipts.receipts {
                    read_receipt(&mut wanted, state, actor, receipt);
                }
            }
            Command::Cursor(cursor) => read_cursor(&mut wanted, state, actor, cursor),
            Command::Confirm(confirm) => {
                wanted.head(state, actor);
                read_received(&mut wanted, state, actor, not_said(state, actor, confirm));
            }
            Command::Remind(remind) => read_remind(&mut wanted, state, remind.message),
            Command::Appear(_) => {}
        }
    }
    wanted
}

/// What a reminder needs: how far each recipient has come, their logs, and the reminders before it.
fn read_remind(wanted: &mut Wanted, state: &State, id: Option<MessageId>) {
    let Some(message) = id.and_then(|id| state.message(id)) else {
        return;
    };
    if !state.reminders.contains_key(&message.no) {
        wanted.reminders.insert(message.no);
    }
    let Some(Some(chat)) = state.chats.get(&message.chat) else {
        return;
    };
    for member in chat.members.iter().filter(|no| **no != message.sender) {
        wanted.head(state, *member);
        wanted.recipient(state, message.no, *member);
    }
}

fn read_recipients(wanted: &mut Wanted, state: &State, recipients: &[Recipient]) {
    for recipient in recipients {
        if let Some(no) = state.no(&recipient.id) {
            wanted.head(state, no);
        }
    }
}

/// What a receipt of one message needs: the row of the recipient, the logs of both, the counts of the chat.
fn read_message(wanted: &mut Wanted, state: &State, message: MessageNo, recipient: ParticipantNo) {
    let Some(Some(row)) = state.messages.get(&message) else {
        return;
    };
    if state
        .chats
        .get(&row.chat)
        .and_then(Option::as_ref)
        .is_some_and(|chat| !chat.has(recipient))
    {
        return;
    }
    wanted.head(state, row.sender);
    wanted.recipient(state, message, recipient);
    if row.has_payloads && !state.payloads.contains_key(&(message, recipient)) {
        wanted.payloads.insert((message, recipient));
    }
}

fn read_receipt(
    wanted: &mut Wanted,
    state: &State,
    actor: ParticipantNo,
    receipt: &ReceiptCommand,
) {
    match receipt {
        ReceiptCommand::Message { message, .. } => {
            let Some(message) = message.and_then(|id| state.message(id)) else {
                return;
            };
            read_message(wanted, state, message.no, actor);
            wanted.chat_head(state, message.chat);
            wanted.member(state, message.chat, actor);
        }
        ReceiptCommand::UpTo { place, .. } => {
            let Some((chat, message)) = *place else {
                return;
            };
            let (Some(chat), Some(message)) = (state.chat(chat), state.message(message)) else {
                return;
            };
            if chat.has(actor) && message.chat == chat.no {
                read_window(wanted, state, chat.no, actor, message.position);
            }
        }
    }
}

/// What reading up to a message needs: what the member has not read yet, and the logs of those who sent it.
fn read_window(
    wanted: &mut Wanted,
    state: &State,
    chat: ChatNo,
    member: ParticipantNo,
    up_to: u64,
) {
    wanted.chat_head(state, chat);
    wanted.member(state, chat, member);
    let head = state.chat_heads.get(&chat);
    let (Some(head), Some(row)) = (head, state.members.get(&(chat, member))) else {
        return;
    };
    let up_to = up_to.min(head.last_position);
    if up_to <= row.read_position {
        return;
    }
    let window = state
        .windows
        .get(&(chat, member))
        .filter(|window| window.up_to >= up_to);
    let Some(window) = window else {
        let range = wanted
            .windows
            .entry((chat, member))
            .or_insert((row.read_position, up_to));
        range.1 = range.1.max(up_to);
        return;
    };
    for row in &window.rows {
        wanted.head(state, row.message.sender);
        let payloads = row.recipient.read.is_none() && row.message.has_payloads;
        if payloads && !state.payloads.contains_key(&(row.message.no, member)) {
            wanted.payloads.insert((row.message.no, member));
        }
    }
}

/// What of an external's log a cursor would confirm, as a range of seqs: what is behind everything confirmed before.
pub(crate) fn newly_confirmed(
    state: &State,
    actor: ParticipantNo,
    cursor: &CursorCommand,
) -> Option<(Seq, Seq)> {
    let head = state.heads.get(&actor)?;
    let delivers = cursor.actor.external
        && cursor
            .kinds
            .contains(crewline_api::EventKind::MessageReceived);
    (delivers && cursor.seq > head.confirmed && cursor.seq <= head.head)
        .then_some((head.confirmed, cursor.seq))
}

fn read_cursor(wanted: &mut Wanted, state: &State, actor: ParticipantNo, cursor: &CursorCommand) {
    wanted.head(state, actor);
    let key = (actor, cursor.name.clone());
    if !state.cursors.contains_key(&key) {
        wanted.cursors.insert(key);
    }
    read_received(wanted, state, actor, newly_confirmed(state, actor, cursor));
}

/// Most events that one command confirms: a long way is gone in steps, so that others are served between them.
const CONFIRMED_AT_ONCE_MAX: Seq = 1_000;

/// What of a log a device confirms without having said it by receipts, as a range of seqs; a first part of it, where
/// it is long. The range begins behind everything that any device or cursor confirmed before.
pub(crate) fn not_said(
    state: &State,
    actor: ParticipantNo,
    confirm: &ConfirmCommand,
) -> Option<(Seq, Seq)> {
    let head = state.heads.get(&actor)?;
    let up_to = confirm.seq.min(confirm.said_after).min(head.head);
    (up_to > head.confirmed).then(|| {
        let step = head.confirmed + CONFIRMED_AT_ONCE_MAX;
        (head.confirmed, up_to.min(step))
    })
}

/// What confirming a range of a log needs: the messages received in it, and what their receipts need.
fn read_received(
    wanted: &mut Wanted,
    state: &State,
    actor: ParticipantNo,
    range: Option<(Seq, Seq)>,
) {
    let Some((after, up_to)) = range else {
        return;
    };
    let Some(messages) = state.received.get(&(actor, after, up_to)) else {
        wanted.received.insert((actor, after, up_to));
        return;
    };
    for (_, message) in messages {
        wanted.message(state, *message);
        if let Some(Some(row)) = state.messages.get(message) {
            wanted.chat(state, row.chat);
            read_message(wanted, state, *message, actor);
        }
    }
}
