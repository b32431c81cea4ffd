//! Receipts: facts that devices say, and what follows from them. State never goes back; each event is told once.

use std::collections::BTreeMap;

use crewline_api::{
    ApiError, EventKind, Outcome, Priority, ReceiptResult, ReceiptState, Timestamp,
};

use super::{Context, Told, append, check_actor, not_loaded};
use crate::changes::{LogDetail, ReceiptFact};
use crate::command::{Answer, ReceiptCommand, ReceiptsCommand};
use crate::state::{Mark, MessageRow, RecipientRow, State};
use crate::{ChatNo, DeviceNo, MessageNo, ParticipantNo};

/// Who reads, on which device, and when by its clock.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) reader: ParticipantNo,
    pub(super) device: DeviceNo,
    pub(super) at: Option<Timestamp>,
}

/// What a call brought about, by chat in the order of first mention: for the reader's own other devices.
#[derive(Default)]
pub(super) struct Done {
    chats: Vec<ChatNo>,
    messages: BTreeMap<ChatNo, Vec<MessageRow>>,
}

impl Done {
    pub(super) fn add(&mut self, message: MessageRow) {
        let messages = self.messages.entry(message.chat).or_default();
        if messages.is_empty() {
            self.chats.push(message.chat);
        }
        messages.push(message);
    }
}

/// What devices say of messages.
pub(super) fn receipts(
    state: &mut State,
    command: &ReceiptsCommand,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    let Some(actor) = state.participant(&command.actor.id).map(|row| row.no) else {
        // An external that nobody knows has received nothing.
        return Ok(Answer::Receipts(
            command
                .receipts
                .iter()
                .map(|receipt| result(receipt, Outcome::NotFound))
                .collect(),
        ));
    };
    // Whatever was not loaded must show before the first receipt changes anything.
    for receipt in &command.receipts {
        check_loaded(state, actor, receipt)?;
    }
    let (mut read, mut acknowledged) = (Done::default(), Done::default());
    let mut results = Vec::with_capacity(command.receipts.len());
    for receipt in &command.receipts {
        let outcome = match receipt {
            ReceiptCommand::Message {
                message,
                state: said,
                at,
                ..
            } => {
                let reading = Reading {
                    reader: actor,
                    device: command.actor.device,
                    at: *at,
                };
                match message.and_then(|id| recipient_of(state, id, actor)) {
                    None => Outcome::NotFound,
                    Some(message) => one(
                        state,
                        message,
                        *said,
                        reading,
                        context,
                        &mut read,
                        &mut acknowledged,
                    ),
                }
            }
            ReceiptCommand::UpTo { place, at, .. } => {
                let reading = Reading {
                    reader: actor,
                    device: command.actor.device,
                    at: *at,
                };
                match place.and_then(|(chat, message)| place_of(state, chat, message, actor)) {
                    None => Outcome::NotFound,
                    Some((chat, position)) => {
                        let newly = read_up_to(state, chat, position, reading, context)?;
                        let outcome = if newly.chats.is_empty() {
                            Outcome::Known
                        } else {
                            Outcome::New
                        };
                        newly
                            .messages
                            .into_values()
                            .flatten()
                            .for_each(|message| read.add(message));
                        outcome
                    }
                }
            }
        };
        results.push(result(receipt, outcome));
    }
    // Only people have other devices that want to know.
    if !command.actor.external {
        tell_both(state, actor, &read, &acknowledged, context);
    }
    Ok(Answer::Receipts(results))
}

fn result(receipt: &ReceiptCommand, outcome: Outcome) -> ReceiptResult {
    match receipt {
        ReceiptCommand::Message { given, .. } => ReceiptResult {
            message_id: Some(given.clone()),
            chat_id: None,
            outcome,
        },
        ReceiptCommand::UpTo { given, .. } => ReceiptResult {
            message_id: None,
            chat_id: Some(given.clone()),
            outcome,
        },
    }
}

/// The message, if `who` is one of its recipients.
fn recipient_of(
    state: &State,
    id: crewline_api::MessageId,
    who: ParticipantNo,
) -> Option<MessageRow> {
    let message = *state.message(id)?;
    let chat = state.chats.get(&message.chat)?.as_ref()?;
    (message.sender != who && chat.has(who)).then_some(message)
}

/// The chat and the position of a message in it, if `who` is in the chat.
fn place_of(
    state: &State,
    chat: crewline_api::ChatId,
    message: crewline_api::MessageId,
    who: ParticipantNo,
) -> Option<(ChatNo, u64)> {
    let chat = state.chat(chat).filter(|chat| chat.has(who))?;
    let message = state
        .message(message)
        .filter(|message| message.chat == chat.no)?;
    Some((chat.no, message.position))
}

fn check_loaded(
    state: &State,
    actor: ParticipantNo,
    receipt: &ReceiptCommand,
) -> Result<(), ApiError> {
    match receipt {
        ReceiptCommand::Message { message, .. } => {
            match message.and_then(|id| recipient_of(state, id, actor)) {
                None => Ok(()),
                Some(message) => check_message(state, &message, actor),
            }
        }
        ReceiptCommand::UpTo { place, .. } => {
            match place.and_then(|(chat, message)| place_of(state, chat, message, actor)) {
                None => Ok(()),
                Some((chat, position)) => unread_up_to(state, chat, position, actor).map(|_| ()),
            }
        }
    }
}

/// That everything is at hand to move a recipient's state.
pub(super) fn check_message(
    state: &State,
    message: &MessageRow,
    who: ParticipantNo,
) -> Result<(), ApiError> {
    let loaded = state.recipients.contains_key(&(message.no, who))
        && state.heads.contains_key(&message.sender)
        && (!message.has_payloads || state.payloads.contains_key(&(message.no, who)));
    if loaded {
        Ok(())
    } else {
        Err(not_loaded("a recipient"))
    }
}

/// One receipt of one message.
fn one(
    state: &mut State,
    message: MessageRow,
    said: ReceiptState,
    reading: Reading,
    context: &Context<'_>,
    read: &mut Done,
    acknowledged: &mut Done,
) -> Outcome {
    let before = advance(state, &message, said, reading, context);
    if before >= said {
        return Outcome::Known;
    }
    if before < ReceiptState::Read && said >= ReceiptState::Read {
        count_read(state, message.chat, reading.reader);
        read.add(message);
    }
    if said == ReceiptState::Acknowledged {
        acknowledged.add(message);
    }
    Outcome::New
}

/// Notes what a device said, and moves the recipient's state forward where that is forward. Tells the sender of each
/// state that is new, in their order. Returns the state before. The unread count is the caller's.
pub(super) fn advance(
    state: &mut State,
    message: &MessageRow,
    said: ReceiptState,
    reading: Reading,
    context: &Context<'_>,
) -> ReceiptState {
    let Reading {
        reader,
        device,
        at: said_at,
    } = reading;
    let at = context.now;
    state.changes.facts.push(ReceiptFact {
        message: message.no,
        recipient: reader,
        device,
        state: said,
        at,
        said_at,
    });
    let row = state.recipients.entry((message.no, reader)).or_default();
    let before = row.state();
    if before >= said {
        return before;
    }
    let mut told = Vec::with_capacity(3);
    for (step, kind) in STEPS {
        if step > before && step <= said {
            let implied = step < said;
            // What was implied became known now; no device said when it was.
            let said_at = if implied { None } else { said_at };
            set_mark(
                row,
                step,
                Mark {
                    at,
                    said_at,
                    implied,
                },
            );
            told.push(kind);
        }
    }
    state.changes.recipients.insert((message.no, reader), *row);
    for kind in told {
        append(
            state,
            message.sender,
            Told::receipt(kind, message.no, reader),
        );
    }
    before
}

const STEPS: [(ReceiptState, EventKind); 3] = [
    (ReceiptState::Delivered, EventKind::MessageDelivered),
    (ReceiptState::Read, EventKind::MessageRead),
    (ReceiptState::Acknowledged, EventKind::MessageAcknowledged),
];

fn set_mark(row: &mut RecipientRow, step: ReceiptState, mark: Mark) {
    match step {
        ReceiptState::Accepted => {}
        ReceiptState::Delivered => row.delivered = Some(mark),
        ReceiptState::Read => row.read = Some(mark),
        ReceiptState::Acknowledged => row.acknowledged = Some(mark),
    }
}

/// One more message of a chat is not unread any more.
fn count_read(state: &mut State, chat: ChatNo, reader: ParticipantNo) {
    let member = state.members.entry((chat, reader)).or_default();
    member.done += 1;
    state.changes.members.insert((chat, reader), *member);
}

/// The messages of a chat up to a position that `reader` has not read, oldest first, but no emergencies; and what is
/// known of each.
fn unread_up_to(
    state: &State,
    chat: ChatNo,
    position: u64,
    reader: ParticipantNo,
) -> Result<Vec<(MessageRow, RecipientRow)>, ApiError> {
    let head = state
        .chat_heads
        .get(&chat)
        .ok_or_else(|| not_loaded("the chat"))?;
    let member = state
        .members
        .get(&(chat, reader))
        .ok_or_else(|| not_loaded("the member"))?;
    let position = position.min(head.last_position);
    if position <= member.read_position {
        return Ok(Vec::new());
    }
    let after = member.read_position;
    let open = |message: &MessageRow| {
        message.position > after
            && message.position <= position
            && message.sender != reader
            && message.priority != Priority::Emergency
    };
    let first_fresh = state
        .fresh
        .range((chat, 0)..=(chat, u64::MAX))
        .next()
        .map_or(head.last_position + 1, |((_, at), _)| *at);
    // What was sent in this batch is in no window.
    let stored_up_to = position.min(first_fresh - 1);
    let stored = match state.windows.get(&(chat, reader)) {
        _ if after >= stored_up_to => &[],
        Some(window) if window.up_to >= stored_up_to => window.rows.as_slice(),
        _ => return Err(not_loaded("the window of unread messages")),
    };
    let mut unread = Vec::new();
    for row in stored.iter().filter(|row| open(&row.message)) {
        let known = state
            .recipients
            .get(&(row.message.no, reader))
            .unwrap_or(&row.recipient);
        let payloads =
            !row.message.has_payloads || state.payloads.contains_key(&(row.message.no, reader));
        if known.read.is_none() {
            if !payloads || !state.heads.contains_key(&row.message.sender) {
                return Err(not_loaded("a sender or a payload"));
            }
            unread.push((row.message, *known));
        }
    }
    for no in state
        .fresh
        .range((chat, after + 1)..=(chat, position))
        .map(|(_, no)| no)
    {
        let message = state.messages.get(no).copied().flatten();
        let message = message.ok_or_else(|| not_loaded("the message"))?;
        let known = state
            .recipients
            .get(&(*no, reader))
            .copied()
            .unwrap_or_default();
        if open(&message) && known.read.is_none() {
            unread.push((message, known));
        }
    }
    Ok(unread)
}

/// Reads everything of a chat up to a position, but emergencies: what was not read yet costs once, the rest nothing.
pub(super) fn read_up_to(
    state: &mut State,
    chat: ChatNo,
    position: u64,
    reading: Reading,
    context: &Context<'_>,
) -> Result<Done, ApiError> {
    let unread = unread_up_to(state, chat, position, reading.reader)?;
    let mut done = Done::default();
    for (message, known) in &unread {
        state
            .recipients
            .entry((message.no, reading.reader))
            .or_insert(*known);
        advance(state, message, ReceiptState::Read, reading, context);
        done.add(*message);
    }
    let last = state
        .chat_heads
        .get(&chat)
        .map_or(0, |head| head.last_position);
    let member = state.members.entry((chat, reading.reader)).or_default();
    let moved = position.min(last).max(member.read_position);
    if moved != member.read_position || !unread.is_empty() {
        member.read_position = moved;
        member.done += unread.len() as u64;
        state
            .changes
            .members
            .insert((chat, reading.reader), *member);
    }
    Ok(done)
}

fn tell_both(
    state: &mut State,
    reader: ParticipantNo,
    read: &Done,
    acknowledged: &Done,
    context: &Context<'_>,
) {
    // By chat: first what was read, then what was acknowledged.
    let mut chats = read.chats.clone();
    chats.extend(
        acknowledged
            .chats
            .iter()
            .filter(|chat| !read.chats.contains(chat)),
    );
    for chat in chats {
        tell_chat(state, reader, EventKind::SelfRead, chat, read, context);
        tell_chat(
            state,
            reader,
            EventKind::SelfAcknowledged,
            chat,
            acknowledged,
            context,
        );
    }
}

/// Tells a reader's own devices what was read or acknowledged, one event for each chat.
pub(super) fn tell_self(
    state: &mut State,
    reader: ParticipantNo,
    kind: EventKind,
    done: &Done,
    context: &Context<'_>,
) {
    for chat in &done.chats {
        tell_chat(state, reader, kind, *chat, done, context);
    }
}

fn tell_chat(
    state: &mut State,
    reader: ParticipantNo,
    kind: EventKind,
    chat: ChatNo,
    done: &Done,
    context: &Context<'_>,
) {
    let Some(messages) = done.messages.get(&chat) else {
        return;
    };
    let last = state
        .chat_heads
        .get(&chat)
        .map_or(0, |head| head.last_position);
    let member = state
        .members
        .get(&(chat, reader))
        .copied()
        .unwrap_or_default();
    let mut messages: Vec<MessageNo> = messages.iter().map(|message| message.no).collect();
    // Within a chat, numbers grow with positions: oldest first.
    messages.sort_unstable();
    messages.dedup();
    let detail = LogDetail {
        at: context.now,
        chat,
        messages,
        unread: last.saturating_sub(member.done),
        until: None,
    };
    append(state, reader, Told::detail(kind, detail));
}
