//! Messages: from externals to people, and from people into their chats.

use std::sync::Arc;

use crewline_api::{
    ApiError, ErrorCode, EventKind, FieldCode, IdempotencyKey, Priority, ReceiptState, SentMessage,
    SentRecipient,
};

use super::chat::{SALT_MASK, make};
use super::receipt::{Reading, read_up_to, tell_self};
use super::{
    Context, Told, appear, append, check_actor, check_heads, check_recipients, expect_recipients,
    find_chat, known, not_loaded,
};
use crate::changes::{NewMessageRow, PayloadRow};
use crate::command::{Actor, Answer, ReplyCommand, SendCommand};
use crate::resolve::everyone_checked;
use crate::state::{Fingerprint, KeyRow, MessageRow, State};
use crate::{ChatNo, DeviceNo, MessageNo, ParticipantNo};

/// An external sends.
pub(super) fn send(
    state: &mut State,
    command: &SendCommand,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    if let Some(again) = sent_before(state, &command.actor, command.key.as_ref())? {
        return Ok(again);
    }
    let actor = &command.actor;
    let everyone = everyone_checked(state, &actor.id, &command.recipients, &command.groups)?;
    check_recipients(state, &everyone, context.settings)?;
    let chat = find_chat(state, actor, &everyone)?;
    if chat.is_some_and(|chat| !state.chat_heads.contains_key(&chat)) {
        return Err(not_loaded("the head of the chat"));
    }
    // An external's own log is not written by its own send.
    check_heads(state, known(state, &everyone))?;
    let sender = appear(state, &command.actor, Some(&command.from_name))?;
    let recipients = expect_recipients(state, &everyone)?;
    let chat = chat.unwrap_or_else(|| make(state, sender, &recipients, context));
    let has_payloads = everyone
        .iter()
        .any(|r| r.payloads.on_delivered.is_some() || r.payloads.on_read.is_some());
    let post = Post {
        chat,
        sender,
        sender_name: Arc::clone(&command.from_name),
        sender_is_user: false,
        text: Arc::clone(&command.text),
        priority: command.priority,
        reply_to: None,
        has_payloads,
        device: command.actor.device,
        key: command.key.clone(),
    };
    let sent = store(state, post, context)?;
    let message = state
        .changes
        .messages
        .last()
        .map(|row| row.message.no)
        .ok_or_else(|| not_loaded("the message"))?;
    for (recipient, no) in everyone.iter().zip(recipients) {
        for (payload, state_of) in [
            (&recipient.payloads.on_delivered, ReceiptState::Delivered),
            (&recipient.payloads.on_read, ReceiptState::Read),
        ] {
            if let Some(payload) = payload {
                state.changes.payloads.push(PayloadRow {
                    message,
                    recipient: no,
                    state: state_of,
                    payload: payload.clone(),
                });
            }
        }
    }
    Ok(Answer::Sent { sent, again: false })
}

/// A user sends into a chat, and has read what was on the screen.
pub(super) fn reply(
    state: &mut State,
    command: &ReplyCommand,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    check_actor(state, &command.actor)?;
    if command.actor.external {
        let detail = "An external does not reply; it sends a message to the people of the chat.";
        return Err(ApiError::new(ErrorCode::NotAllowed, detail));
    }
    if let Some(again) = sent_before(state, &command.actor, command.key.as_ref())? {
        return Ok(again);
    }
    let sender = state
        .participant(&command.actor.id)
        .ok_or_else(ApiError::not_found)?;
    let (sender, sender_name) = (sender.no, Arc::<str>::from(sender.shown_name()));
    let chat = state
        .chat(command.chat)
        .filter(|chat| chat.has(sender))
        .ok_or_else(ApiError::not_found)?;
    let (chat, members) = (chat.no, Arc::clone(&chat.members));
    let of_chat = |field: &str, id| match id {
        None => Ok(None),
        Some(id) => match state.message(id).filter(|message| message.chat == chat) {
            Some(message) => Ok(Some(*message)),
            None => Err(ApiError::field(
                field,
                FieldCode::UnknownMessage,
                "is no message of this chat",
            )),
        },
    };
    let reply_to = of_chat("replyTo", command.reply_to)?;
    let up_to = of_chat("readUpTo", command.read_up_to)?;
    check_heads(state, members.iter().copied())?;
    let last = state
        .chat_heads
        .get(&chat)
        .ok_or_else(|| not_loaded("the chat"))?
        .last_position;
    let reading = Reading {
        reader: sender,
        device: command.actor.device,
        at: None,
    };
    // Nothing fails from here on but what was not loaded, and that is checked by `read_up_to` before it changes anything.
    let read = read_up_to(
        state,
        chat,
        up_to.map_or(last, |message| message.position),
        reading,
        context,
    )?;
    tell_self(state, sender, EventKind::SelfRead, &read, context);
    let post = Post {
        chat,
        sender,
        sender_name,
        sender_is_user: true,
        text: Arc::clone(&command.text),
        priority: command.priority,
        reply_to: reply_to.map(|message| message.no),
        has_payloads: false,
        device: command.actor.device,
        key: command.key.clone(),
    };
    Ok(Answer::Sent {
        sent: store(state, post, context)?,
        again: false,
    })
}

/// What an idempotency key answers: the first answer again, or that it was used for something else.
fn sent_before(
    state: &State,
    actor: &Actor,
    key: Option<&(IdempotencyKey, Fingerprint)>,
) -> Result<Option<Answer>, ApiError> {
    let (Some((key, fingerprint)), Some(sender)) = (key, state.participant(&actor.id)) else {
        return Ok(None);
    };
    let Some(used) = state.keys.get(&(sender.no, key.clone())).copied().flatten() else {
        return Ok(None);
    };
    if used.fingerprint != *fingerprint {
        let detail =
            "This idempotency key was used for another message. Use a new key for a new message.";
        return Err(ApiError::new(ErrorCode::IdempotencyMismatch, detail));
    }
    let message = state
        .messages
        .get(&used.message)
        .copied()
        .flatten()
        .ok_or_else(|| not_loaded("the message"))?;
    Ok(Some(Answer::Sent {
        sent: sent(state, &message)?,
        again: true,
    }))
}

fn sent(state: &State, message: &MessageRow) -> Result<SentMessage, ApiError> {
    let chat = state
        .chats
        .get(&message.chat)
        .and_then(Option::as_ref)
        .ok_or_else(|| not_loaded("the chat"))?;
    let recipients = chat
        .members
        .iter()
        .zip(chat.member_ids.iter())
        .filter(|(no, _)| **no != message.sender);
    Ok(SentMessage {
        message_id: message.id(),
        chat_id: chat.id(),
        position: message.position,
        sent_at: message.sent_at,
        recipients: recipients
            .map(|(_, id)| SentRecipient {
                user_id: id.clone(),
                state: ReceiptState::Accepted,
            })
            .collect(),
    })
}

/// A message that may be stored: everything about it was checked.
struct Post {
    chat: ChatNo,
    sender: ParticipantNo,
    sender_name: Arc<str>,
    sender_is_user: bool,
    text: Arc<str>,
    priority: Priority,
    reply_to: Option<MessageNo>,
    has_payloads: bool,
    device: DeviceNo,
    key: Option<(IdempotencyKey, Fingerprint)>,
}

/// Stores a message under its chat, and tells everyone in it.
fn store(
    state: &mut State,
    post: Post,
    context: &mut Context<'_>,
) -> Result<SentMessage, ApiError> {
    let numbers = state
        .numbers
        .as_mut()
        .ok_or_else(|| not_loaded("numbers"))?;
    let no = numbers.message;
    numbers.message = no.next();
    let head = state
        .chat_heads
        .get_mut(&post.chat)
        .ok_or_else(|| not_loaded("the chat"))?;
    head.last_position += 1;
    // A clock that was set back must not put a newer message under an older one.
    head.last_activity = head.last_activity.max(context.now);
    head.last_message = Some(no);
    let message = MessageRow {
        no,
        salt: (context.salt)() & SALT_MASK,
        chat: post.chat,
        position: head.last_position,
        sender: post.sender,
        priority: post.priority,
        sent_at: context.now,
        has_payloads: post.has_payloads,
    };
    state.changes.chat_heads.insert(post.chat, *head);
    state.messages.insert(no, Some(message));
    state.fresh.insert((post.chat, message.position), no);
    if let Some((key, fingerprint)) = &post.key {
        state.keys.insert(
            (post.sender, key.clone()),
            Some(KeyRow {
                message: no,
                fingerprint: *fingerprint,
            }),
        );
    }
    if post.sender_is_user {
        // Unread is counted for people; what they sent is not unread to them.
        let member = state.members.entry((post.chat, post.sender)).or_default();
        member.done += 1;
        state
            .changes
            .members
            .insert((post.chat, post.sender), *member);
    }
    let members = state
        .chats
        .get(&post.chat)
        .and_then(Option::as_ref)
        .map(|chat| Arc::clone(&chat.members));
    for member in members.iter().flat_map(|members| members.iter()) {
        if *member != post.sender {
            append(
                state,
                *member,
                Told::message(EventKind::MessageReceived, no),
            );
        } else if post.sender_is_user {
            append(state, *member, Told::message(EventKind::MessageSent, no));
        }
    }
    let Post {
        sender_name,
        text,
        reply_to,
        device,
        key,
        ..
    } = post;
    state.changes.messages.push(NewMessageRow {
        message,
        sender_name,
        text,
        reply_to,
        device,
        key,
    });
    sent(state, &message)
}
