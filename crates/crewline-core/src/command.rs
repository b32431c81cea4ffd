//! Commands: what a participant asks for, checked and in its plainest form.
//!
//! They are made at the edge, where parsing, checking and hashing cost nobody else anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{
    ApiError, Chat, ChatId, Cursor, CursorName, ErrorCode, EventKinds, FieldCode, FieldError,
    GroupId, IdempotencyKey, MessageId, NewMessage, NewMessageGroup, NewReminder, NewReply,
    ParticipantId, Priority, ReceiptResult, ReceiptSaid, ReceiptState, Reminded, SentMessage, Seq,
    Timestamp, ToGroup, limits,
};
use sha2::{Digest, Sha256};

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

impl SendCommand {
    /// Brings a message into its plainest form.
    ///
    /// # Errors
    /// What [`crewline_api::NewMessageBuilder::build`] refuses.
    pub fn new(message: NewMessage, device: DeviceNo) -> Result<Self, ApiError> {
        message.check()?;
        let mut recipients: BTreeMap<ParticipantId, Recipient> = BTreeMap::new();
        for (index, user) in message.to_users.into_iter().enumerate() {
            let Ok(id) = ParticipantId::new(&user.to_user_id) else {
                continue;
            };
            if id == message.from_ext_user_id {
                continue;
            }
            let recipient = recipients.entry(id.clone()).or_insert_with(|| Recipient {
                id,
                field: format!("toUsers[{index}].toUserId"),
                payloads: Payloads::default(),
            });
            recipient
                .payloads
                .or(user.on_delivered_payload, user.on_read_payload);
        }
        let groups = plain_groups(message.to_groups);
        let recipients: Vec<Recipient> = recipients.into_values().collect();
        let key = message.idempotency_key.map(|key| {
            // What was asked counts, not whom it came to: a group may have changed when a retry comes.
            let kind = ["send", "send to groups"][usize::from(!groups.is_empty())];
            let mut meaning = Meaning::new(kind);
            meaning
                .text(message.from_ext_user_name.as_str())
                .text(&message.message)
                .number(u64::from(message.priority.number()));
            for recipient in &recipients {
                meaning.text(recipient.id.as_str());
                for payload in [
                    &recipient.payloads.on_delivered,
                    &recipient.payloads.on_read,
                ] {
                    meaning.optional(payload.as_ref().map(crewline_api::Payload::as_bytes));
                }
            }
            for group in &groups {
                meaning
                    .number(u64::MAX)
                    .text(group.id.as_str())
                    .number(u64::from(group.on_duty_only));
                for payload in [&group.payloads.on_delivered, &group.payloads.on_read] {
                    meaning.optional(payload.as_ref().map(crewline_api::Payload::as_bytes));
                }
            }
            (key, meaning.fingerprint())
        });
        Ok(Self {
            actor: Actor {
                id: message.from_ext_user_id,
                external: true,
                device,
            },
            from_name: message.from_ext_user_name.into(),
            recipients,
            groups,
            text: message.message.into(),
            priority: message.priority,
            key,
        })
    }
}

impl ReplyCommand {
    /// Brings a reply into its plainest form.
    ///
    /// # Errors
    /// What [`NewReply::check`] refuses.
    pub fn new(
        actor: Actor,
        chat: ChatId,
        reply: NewReply,
        key: Option<IdempotencyKey>,
    ) -> Result<Self, ApiError> {
        reply.check()?;
        let key = key.map(|key| {
            let mut meaning = Meaning::new("reply");
            meaning
                .text(&chat.to_string())
                .text(&reply.message)
                .number(u64::from(reply.priority.number()));
            for id in [reply.reply_to, reply.read_up_to] {
                meaning.optional(id.map(|id| id.to_string()).as_deref().map(str::as_bytes));
            }
            (key, meaning.fingerprint())
        });
        Ok(Self {
            actor,
            chat,
            text: reply.message.into(),
            priority: reply.priority,
            reply_to: reply.reply_to,
            read_up_to: reply.read_up_to,
            key,
        })
    }
}

impl ChatCommand {
    /// Brings the people of a chat into their plainest form.
    ///
    /// # Errors
    /// Nobody but the actor, or too many.
    pub fn new(
        actor: Actor,
        to_user_ids: Vec<ParticipantId>,
        to_groups: Vec<ToGroup>,
    ) -> Result<Self, ApiError> {
        let none_given = to_user_ids.is_empty();
        let mut others: BTreeMap<ParticipantId, Recipient> = BTreeMap::new();
        for (index, id) in to_user_ids.into_iter().enumerate() {
            if id != actor.id {
                let field = format!("toUserIds[{index}]");
                others.entry(id.clone()).or_insert_with(|| Recipient {
                    id,
                    field,
                    payloads: Payloads::default(),
                });
            }
        }
        let mut errors = Vec::new();
        if to_groups.is_empty() || others.len() > limits::RECIPIENTS_MAX {
            crewline_api::check_recipient_count("toUserIds", none_given, others.len(), &mut errors);
        }
        crewline_api::check_to_groups(to_groups.len(), &mut errors);
        let groups = to_groups.into_iter().map(|group| NewMessageGroup {
            on_duty_only: group.on_duty_only,
            ..NewMessageGroup::new(group.group_id)
        });
        if errors.is_empty() {
            Ok(Self {
                actor,
                others: others.into_values().collect(),
                groups: plain_groups(groups.collect()),
            })
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    }
}

impl ReceiptsCommand {
    /// Brings receipts into their plainest form.
    ///
    /// # Errors
    /// None or more than 1,000, and a receipt that says `accepted`.
    pub fn new(actor: Actor, receipts: Vec<ReceiptSaid>) -> Result<Self, ApiError> {
        let mut errors = Vec::new();
        if receipts.is_empty() {
            errors.push(FieldError::new(
                "receipts",
                FieldCode::Empty,
                "holds no receipt",
            ));
        } else if receipts.len() > limits::RECEIPTS_MAX {
            let detail = format!(
                "holds {} receipts; at most {} are allowed",
                receipts.len(),
                limits::RECEIPTS_MAX
            );
            errors.push(FieldError::new("receipts", FieldCode::TooMany, detail));
        }
        let receipts = receipts
            .into_iter()
            .enumerate()
            .map(|(index, said)| match said {
                ReceiptSaid::Message {
                    message_id,
                    state,
                    at,
                } => {
                    if state == ReceiptState::Accepted {
                        let detail =
                            "is delivered, read or acknowledged; accepted is what the server says";
                        errors.push(FieldError::new(
                            format!("receipts[{index}].state"),
                            FieldCode::OutOfRange,
                            detail,
                        ));
                    }
                    ReceiptCommand::Message {
                        message: message_id.parse().ok(),
                        given: message_id,
                        state,
                        at,
                    }
                }
                ReceiptSaid::UpTo {
                    chat_id,
                    read_up_to,
                    at,
                } => {
                    let place = chat_id.parse().ok().zip(read_up_to.parse().ok());
                    ReceiptCommand::UpTo {
                        given: chat_id,
                        place,
                        at,
                    }
                }
            });
        let receipts = receipts.collect();
        if errors.is_empty() {
            Ok(Self { actor, receipts })
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    }
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
            let payload = |payload: &Option<crewline_api::Payload>| {
                payload.as_ref().map_or(0, |bytes| bytes.as_bytes().len())
            };
            recipients
                .iter()
                .map(|r| {
                    128 + r.id.as_str().len()
                        + payload(&r.payloads.on_delivered)
                        + payload(&r.payloads.on_read)
                })
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

/// Groups in their plainest form: sorted, each once, payloads of duplicates merged.
fn plain_groups(groups: Vec<NewMessageGroup>) -> Vec<GroupRecipient> {
    let mut plain: BTreeMap<(GroupId, bool), GroupRecipient> = BTreeMap::new();
    for (index, group) in groups.into_iter().enumerate() {
        let Ok(id) = GroupId::new(&group.group_id) else {
            continue;
        };
        let key = (id.clone(), group.on_duty_only);
        let kept = plain.entry(key).or_insert_with(|| GroupRecipient {
            id,
            on_duty_only: group.on_duty_only,
            field: format!("toGroups[{index}]"),
            payloads: Payloads::default(),
        });
        kept.payloads
            .or(group.on_delivered_payload, group.on_read_payload);
    }
    plain.into_values().collect()
}

/// Collects what a send means. Each part is written with its length, so that no two meanings look the same.
struct Meaning(Sha256);

impl Meaning {
    fn new(kind: &str) -> Self {
        let mut meaning = Self(Sha256::new());
        meaning.text(kind);
        meaning
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            None => self.number(u64::MAX),
            Some(bytes) => self.bytes(bytes),
        }
    }

    fn fingerprint(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}
