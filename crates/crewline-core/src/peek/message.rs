//! One message of the source: whether it can be taken, and as what command.

use std::sync::Arc;

use crewline_api::{IdempotencyKey, NewReply, ParticipantId, Payload, Priority, Timestamp, limits};
use sha2::{Digest as _, Sha256};

use super::plan::{Plan, Set};
use super::report::{Kind, Report};
use super::{SourceMessage, SourcePayload};
use crate::DeviceNo;
use crate::command::{Actor, Command, Recipient, ReplyCommand, SendCommand};
use crate::state::{Fingerprint, Payloads};

/// A message that can be taken.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) set: usize,
    pub(super) sender: ParticipantId,
    pub(super) external: bool,
    pub(super) at: Timestamp,
    pub(super) priority: Priority,
    pub(super) text: Arc<str>,
    pub(super) payloads: Vec<(ParticipantId, Payload)>,
    /// How many of them are read already, and so fire at once.
    pub(super) fired: u64,
    key: (IdempotencyKey, Fingerprint),
}

/// Checks a message, and brings it into its plainest form.
pub(super) fn check(plan: &Plan, message: SourceMessage, report: &mut Report) -> Option<Post> {
    let (set_no, sender, at) = match place(plan, &message) {
        Ok(found) => found,
        Err(why) => {
            for payload in &message.payloads {
                let why = format!("its message {} was not taken", message.id);
                report.leave(Kind::Payload, payload.id, why);
            }
            report.leave(Kind::Message, message.id, why);
            return None;
        }
    };
    let set = &plan.sets[set_no];
    let external = set.members.get(&sender).copied().unwrap_or_default();
    let priority = priority(&message, report);
    let key = key(&message, at)?;
    let mut payloads = Vec::new();
    for payload in message.payloads {
        match recipient(plan, message.chat, &sender, external, &payload, &payloads) {
            Ok(who) => payloads.push((who, Payload::from(payload.bytes))),
            Err(why) => report.leave(Kind::Payload, payload.id, why),
        }
    }
    let is_read = |who: &ParticipantId| {
        let mark = plan.read_up_to.get(&(set_no, who.clone()));
        mark.is_some_and(|mark| *mark >= at)
    };
    let fired = payloads.iter().filter(|(who, _)| is_read(who)).count() as u64;
    Some(Post {
        set: set_no,
        sender,
        external,
        at,
        priority,
        text: message.text.into(),
        payloads,
        fired,
        key,
    })
}

/// The set, the sender and the time, or why there is none.
fn place(
    plan: &Plan,
    message: &SourceMessage,
) -> Result<(usize, ParticipantId, Timestamp), String> {
    let set = match plan.chats.get(&message.chat) {
        None => return Err(format!("its chat {} is not there", message.chat)),
        Some(None) => return Err(format!("its chat {} was not taken", message.chat)),
        Some(Some(set)) => *set,
    };
    if plan.sets[set].chat.is_none() && plan.has_store {
        return Err(format!("its chat {} was not taken", message.chat));
    }
    let sender = ParticipantId::new(&message.from)
        .ok()
        .filter(|id| plan.sets[set].members.contains_key(id))
        .ok_or_else(|| {
            let from: String = message.from.chars().take(64).collect();
            format!("its sender {from:?} is not in its chat {}", message.chat)
        })?;
    let at = message.at.ok_or("it has no time")?;
    if at.as_millis() < 0 {
        return Err("its time is before 1970".to_owned());
    }
    NewReply::new(message.text.as_str())
        .check()
        .map_err(|error| {
            let detail = error
                .fields
                .first()
                .map_or(error.detail.as_str(), |field| field.detail.as_str());
            format!("its text {detail}")
        })?;
    Ok((set, sender, at))
}

fn priority(message: &SourceMessage, report: &mut Report) -> Priority {
    let given = message
        .priority
        .and_then(|number| u64::try_from(number).ok());
    let priority = given.and_then(|number| Priority::try_from(number).ok());
    priority.unwrap_or_else(|| {
        let was = message
            .priority
            .map_or_else(|| "none".to_owned(), |number| number.to_string());
        let what = format!("has the priority 2 here; it had {was}");
        report.change(Kind::Message, message.id, what);
        Priority::Fleeting
    })
}

/// What makes the message one message, however often it is brought here. Its payloads go when they fire; they do not
/// belong to it.
fn key(message: &SourceMessage, at: Timestamp) -> Option<(IdempotencyKey, Fingerprint)> {
    let mut hash = Sha256::new();
    hash.update(b"peek");
    for number in [message.id, at.as_millis(), message.priority.unwrap_or(-1)] {
        hash.update(number.to_be_bytes());
    }
    hash.update(message.text.as_bytes());
    Some((key_of(message.id)?, Fingerprint(hash.finalize().into())))
}

/// The idempotency key of a message of the source.
pub(super) fn key_of(id: i64) -> Option<IdempotencyKey> {
    IdempotencyKey::new(format!("peek:{id}")).ok()
}

/// Whose reading a payload waits for, or why it cannot be taken.
fn recipient(
    plan: &Plan,
    chat: i64,
    sender: &ParticipantId,
    external: bool,
    payload: &SourcePayload,
    taken: &[(ParticipantId, Payload)],
) -> Result<ParticipantId, String> {
    let (of, who) = plan
        .members
        .get(&payload.member)
        .ok_or_else(|| format!("its member {} is not there", payload.member))?;
    if *of != chat {
        return Err(format!(
            "its member {} is of chat {of}, its message of chat {chat}",
            payload.member
        ));
    }
    if who == sender {
        return Err(format!("{who} would get it for a message of its own"));
    }
    if !external {
        return Err("its message is of a user; payloads come back to externals".to_owned());
    }
    let bytes = payload.size;
    if bytes == 0 {
        return Err("it is empty: nothing is to come back".to_owned());
    }
    if bytes > limits::PAYLOAD_BYTES_MAX as u64 {
        return Err(format!(
            "it has {bytes} bytes; at most {} are allowed",
            limits::PAYLOAD_BYTES_MAX
        ));
    }
    if taken.iter().any(|(other, _)| other == who) {
        return Err(format!(
            "another one waits for {who} to read the same message"
        ));
    }
    Ok(who.clone())
}

impl Post {
    /// As a command: an external sends, a user replies into the chat.
    pub(super) fn command(&self, set: &Set, plan: &Plan) -> Option<Command> {
        let actor = Actor {
            id: self.sender.clone(),
            external: self.external,
            device: DeviceNo(0),
        };
        if !self.external {
            return Some(Command::Reply(ReplyCommand {
                actor,
                chat: set.chat?,
                text: Arc::clone(&self.text),
                priority: self.priority,
                reply_to: None,
                read_up_to: None,
                key: Some(self.key.clone()),
            }));
        }
        let others = set.members.keys().filter(|id| **id != self.sender);
        let name = plan.known.get(&self.sender);
        let name = name.map_or(self.sender.as_str(), |row| row.shown_name());
        Some(Command::Send(SendCommand {
            actor,
            from_name: name.into(),
            recipients: others.map(|id| self.recipient(id)).collect(),
            groups: Vec::new(),
            text: Arc::clone(&self.text),
            priority: self.priority,
            key: Some(self.key.clone()),
        }))
    }

    fn recipient(&self, id: &ParticipantId) -> Recipient {
        let payload = self.payloads.iter().find(|(who, _)| who == id);
        Recipient {
            id: id.clone(),
            field: String::new(),
            payloads: Payloads {
                on_delivered: None,
                on_read: payload.map(|(_, payload)| payload.clone()),
            },
        }
    }
}
