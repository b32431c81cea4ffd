//! What changes: ends of logs, how far members and recipients have come, cursors.

use crewline_api::{EventKind, MessageId, Seq};

use super::{Wanted, chats_of, everyone_of};
use crate::command::{Command, ConfirmCommand, CursorCommand, ReceiptCommand, Recipient};
use crate::state::State;
use crate::{ChatNo, MessageNo, ParticipantNo};

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
    let delivers = cursor.actor.external && cursor.kinds.contains(EventKind::MessageReceived);
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
