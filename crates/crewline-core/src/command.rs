//! Commands: what a participant asks for, checked and in its plainest form.
//!
//! They are made at the edge, where parsing, checking and hashing cost nobody else anything.

mod meaning;
mod plain;

use std::sync::Arc;

use crewline_api::{
    Chat, ChatId, Cursor, CursorName, EventKinds, GroupId, IdempotencyKey, MessageId, NewReminder,
    ParticipantId, Priority, ReceiptResult, ReceiptState, Reminded, SentMessage, Seq, Timestamp,
    limits,
};

use crate::state::{Fingerprint, Payloads};
use crate::{DeviceNo, ParticipantNo};

/// Who acts. The edge has checked that it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The participant.
    pub id: ParticipantId,
    /// Whether it acts as an external. A user's id never does, and an external's never acts as a user.
    pub external: bool,
    /// The device by which it acts.
    pub device: DeviceNo,
}

/// A recipient of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub id: ParticipantId,
    /// The field in which it was first named, for errors.
    pub field: String,
    /// Its payloads, duplicates merged.
    pub payloads: Payloads,
}

/// A group among the recipients of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecipient {
    /// Which.
    pub id: GroupId,
    /// Only those of it who are on duty.
    pub on_duty_only: bool,
    /// Where it was first named, for errors: `toGroups[0]`.
    pub field: String,
    /// The payloads of each of them, duplicates merged.
    pub payloads: Payloads,
}

/// `POST /api/v1/messages`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendCommand {
    /// The external that sends.
    pub actor: Actor,
    /// Its name, as people are to see it.
    pub from_name: Arc<str>,
    /// The recipients, sorted by id, each once, the sender not among them.
    pub recipients: Vec<Recipient>,
    /// Groups whose members are recipients too, sorted, each once.
    pub groups: Vec<GroupRecipient>,
    /// The text.
    pub text: Arc<str>,
    /// The priority.
    pub priority: Priority,
    /// The idempotency key, and what it stands for.
    pub key: Option<(IdempotencyKey, Fingerprint)>,
}

/// `POST /api/v1/chats/{chatId}/messages`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyCommand {
    /// The user who sends.
    pub actor: Actor,
    /// The chat.
    pub chat: ChatId,
    /// The text.
    pub text: Arc<str>,
    /// The priority.
    pub priority: Priority,
    /// The message it replies to.
    pub reply_to: Option<MessageId>,
    /// The newest message on the screen; everything, where left out.
    pub read_up_to: Option<MessageId>,
    /// The idempotency key, and what it stands for.
    pub key: Option<(IdempotencyKey, Fingerprint)>,
}

/// `POST /api/v1/chats`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatCommand {
    /// Who makes it.
    pub actor: Actor,
    /// The others, sorted by id, each once, the actor not among them; no payloads.
    pub others: Vec<Recipient>,
    /// Groups whose members are among them, sorted, each once; no payloads.
    pub groups: Vec<GroupRecipient>,
}

/// One receipt. An id that no server could have given out is `None`, and answered as one that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptCommand {
    /// Of one message.
    Message {
        /// The id as it was given.
        given: String,
        /// The message.
        message: Option<MessageId>,
        /// What is said of it; never `accepted`.
        state: ReceiptState,
        /// The device's time.
        at: Option<Timestamp>,
    },
    /// Of everything up to a message.
    UpTo {
        /// The chat's id as it was given.
        given: String,
        /// The chat and the message.
        place: Option<(ChatId, MessageId)>,
        /// The device's time.
        at: Option<Timestamp>,
    },
}

/// `POST /api/v1/receipts`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsCommand {
    /// Who says so.
    pub actor: Actor,
    /// What is said.
    pub receipts: Vec<ReceiptCommand>,
}

/// `PUT /api/v1/participants/{id}/cursors/{name}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorCommand {
    /// Whose cursor.
    pub actor: Actor,
    /// Its name.
    pub name: CursorName,
    /// Where to put it.
    pub seq: Seq,
    /// Of which kinds everything up to there is confirmed.
    pub kinds: EventKinds,
    /// Whether it may go back.
    pub rewind: bool,
}

/// A device confirms that it has stored the log up to an event: what acks of a socket come to.
///
/// Messages that the session itself was sent are said to be delivered by receipts, each a fact of that device; this
/// command says it of what came before: nothing that was stored stays undelivered because an ack was lost on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmCommand {
    /// Whose log.
    pub actor: Actor,
    /// Everything up to this event is stored on the device.
    pub seq: Seq,
    /// Receipts have said `delivered` of every message received after this one, up to `seq`.
    pub said_after: Seq,
}

/// `POST /api/v1/messages/{messageId}/reminders`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemindCommand {
    /// Who reminds.
    pub actor: Actor,
    /// Whose message it is, where that is not the actor: the edge has checked that the actor is a dispatcher or
    /// administrator who watches this participant.
    pub watched: Option<ParticipantId>,
    /// The message; `None` for an id that no server could have given out.
    pub message: Option<MessageId>,
    /// What is asked for.
    pub reminder: NewReminder,
}

/// What a participant asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// An external sends.
    Send(SendCommand),
    /// A user sends.
    Reply(ReplyCommand),
    /// Somebody makes a chat.
    Chat(ChatCommand),
    /// Somebody says what became of messages.
    Receipts(ReceiptsCommand),
    /// Somebody moves a named cursor.
    Cursor(CursorCommand),
    /// A device confirms what it has stored.
    Confirm(ConfirmCommand),
    /// Somebody reminds the silent recipients of a message.
    Remind(RemindCommand),
    /// An external reads its log: it is known from now on.
    Appear(Actor),
}

/// The answer to a command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A message.
    Sent {
        /// What was stored.
        sent: SentMessage,
        /// Whether it was stored before, with the same idempotency key.
        again: bool,
    },
    /// A chat.
    Chat {
        /// The chat.
        chat: Chat,
        /// Whether it is new.
        new: bool,
    },
    /// Receipts.
    Receipts(Vec<ReceiptResult>),
    /// A cursor, as it stands now.
    Cursor(Cursor),
    /// Everything up to this event is confirmed. Below what was asked for, where that would be too much at once: ask
    /// again.
    Confirmed(Seq),
    /// A reminder.
    Reminded {
        /// Who was reminded.
        reminded: Reminded,
        /// Whether nothing new came of it: it is the first answer again, or nobody was left to be reminded.
        again: bool,
    },
    /// A participant that is known now.
    Appeared(ParticipantNo),
}

impl Command {
    /// Who acts.
    pub fn actor(&self) -> &Actor {
        match self {
            Self::Send(command) => &command.actor,
            Self::Reply(command) => &command.actor,
            Self::Chat(command) => &command.actor,
            Self::Receipts(command) => &command.actor,
            Self::Cursor(command) => &command.actor,
            Self::Confirm(command) => &command.actor,
            Self::Remind(command) => &command.actor,
            Self::Appear(actor) => actor,
        }
    }

    /// About how many rows it will write.
    pub fn rows(&self) -> usize {
        match self {
            Self::Send(command) => 3 + command.recipients.len() + about(&command.groups),
            Self::Reply(_) => 8,
            Self::Chat(command) => 2 + 2 * (command.others.len() + about(&command.groups)),
            Self::Receipts(command) => 4 * command.receipts.len(),
            // How many are silent is not known yet.
            Self::Remind(_) => 64,
            Self::Cursor(_) | Self::Confirm(_) | Self::Appear(_) => 2,
        }
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        let of = |recipients: &[Recipient]| -> usize {
            recipients
                .iter()
                .map(|r| 128 + r.id.as_str().len() + r.payloads.bytes())
                .sum()
        };
        256 + match self {
            Self::Send(command) => {
                let groups = command.groups.iter();
                let groups: usize = groups.map(|group| 128 + group.payloads.bytes()).sum();
                command.text.len() + of(&command.recipients) + groups
            }
            Self::Reply(command) => command.text.len(),
            Self::Chat(command) => of(&command.others),
            Self::Receipts(command) => 96 * command.receipts.len(),
            Self::Cursor(_) | Self::Confirm(_) | Self::Remind(_) | Self::Appear(_) => 0,
        }
    }
}

/// About how many rows come of groups: how many are in them shows when they are resolved.
fn about(groups: &[GroupRecipient]) -> usize {
    (50 * groups.len()).min(limits::RECIPIENTS_MAX)
}
