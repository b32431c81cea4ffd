//! Messages: what is sent, what is answered, and what is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::check::{check_message, check_text, id_error};
use crate::{
    ApiError, ChatId, ErrorCode, IdempotencyKey, MessageId, NewMessageGroup, ParticipantId,
    Payload, ReceiptState, ReminderView, Timestamp,
};

/// How urgent a message is; it decides what its alert does. 1, 2 or 3 on the wire.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u8")]
pub enum Priority {
    /// 1: an emergency. Its alert ends only by its own acknowledgement.
    Emergency = 1,
    /// 2: normal, with an alert that passes.
    #[default]
    Fleeting = 2,
    /// 3: normal, with an alert that stays until it is closed.
    Sticky = 3,
}

impl Priority {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> u8 {
        priority.number()
    }
}

impl TryFrom<u64> for Priority {
    type Error = &'static str;
    fn try_from(number: u64) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::Emergency),
            2 => Ok(Self::Fleeting),
            3 => Ok(Self::Sticky),
            _ => Err("a priority is 1 (emergency), 2 (fleeting alert) or 3 (sticky alert)"),
        }
    }
}

/// A message from an external system to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct NewMessage {
    /// The external that sends; it need not be in the directory.
    pub from_ext_user_id: ParticipantId,
    /// The name of the sender, as people are to see it: 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub from_ext_user_name: String,
    /// The recipients: 1 to 1,000 after duplicates and the sender are removed, those of groups among them. May be left out
    /// where there are groups.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub to_users: Vec<NewMessageUser>,
    /// Groups whose members are recipients: as they are when the message is stored. Who is in several is one recipient.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100, required = false))]
    pub to_groups: Vec<NewMessageGroup>,
    /// The text: 1 to 4,000 characters, not only white space.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4000))]
    pub message: String,
    /// How urgent it is; 2 if left out.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub priority: Priority,
    /// What makes a retry the same message. Over HTTP this is the header `Idempotency-Key`.
    #[serde(skip)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A recipient of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewMessageUser {
    /// Who.
    #[cfg_attr(feature = "openapi", schema(value_type = ParticipantId))]
    pub to_user_id: String,
    /// Comes back when the first device of the recipient has the message. At most 65,536 bytes; empty is as if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delivered_payload: Option<Payload>,
    /// Comes back when the recipient has read the message. At most 65,536 bytes; empty is as if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_read_payload: Option<Payload>,
}

impl NewMessageUser {
    /// A recipient without payloads. The id is checked when the message is built.
    pub fn new(to_user_id: impl Into<String>) -> Self {
        Self {
            to_user_id: to_user_id.into(),
            on_delivered_payload: None,
            on_read_payload: None,
        }
    }

    /// With bytes that come back when the first device of the recipient has the message.
    pub fn on_delivered_payload(mut self, payload: impl Into<Payload>) -> Self {
        self.on_delivered_payload = Some(payload.into());
        self
    }

    /// With bytes that come back when the recipient has read the message.
    pub fn on_read_payload(mut self, payload: impl Into<Payload>) -> Self {
        self.on_read_payload = Some(payload.into());
        self
    }
}

impl<S: Into<String>> From<S> for NewMessageUser {
    fn from(to_user_id: S) -> Self {
        Self::new(to_user_id)
    }
}

impl NewMessage {
    /// Starts a message with what cannot be left out; recipients follow by [`NewMessageBuilder::to`].
    pub fn builder(
        from_ext_user_id: impl Into<String>,
        from_ext_user_name: impl Into<String>,
        message: impl Into<String>,
    ) -> NewMessageBuilder {
        NewMessageBuilder {
            from_ext_user_id: from_ext_user_id.into(),
            from_ext_user_name: from_ext_user_name.into(),
            message: message.into(),
            to_users: Vec::new(),
            to_groups: Vec::new(),
            priority: Priority::default(),
            idempotency_key: None,
        }
    }

    /// Checks the message again, as its builder did: its fields may have been changed since.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`], with every field at fault.
    pub fn check(&self) -> Result<(), ApiError> {
        let mut errors = Vec::new();
        let from = self.from_ext_user_id.as_str();
        check_message(
            from,
            &self.from_ext_user_name,
            (&self.to_users, &self.to_groups),
            &self.message,
            &mut errors,
        );
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    }
}

/// Puts a [`NewMessage`] together, and checks it whole.
#[derive(Debug, Clone)]
pub struct NewMessageBuilder {
    from_ext_user_id: String,
    from_ext_user_name: String,
    message: String,
    to_users: Vec<NewMessageUser>,
    to_groups: Vec<NewMessageGroup>,
    priority: Priority,
    idempotency_key: Option<String>,
}

impl NewMessageBuilder {
    /// Adds a recipient.
    pub fn to(mut self, user: impl Into<NewMessageUser>) -> Self {
        self.to_users.push(user.into());
        self
    }

    /// Adds recipients.
    pub fn to_all<U: Into<NewMessageUser>>(mut self, users: impl IntoIterator<Item = U>) -> Self {
        self.to_users.extend(users.into_iter().map(Into::into));
        self
    }

    /// Adds a group.
    pub fn to_group(mut self, group: impl Into<NewMessageGroup>) -> Self {
        self.to_groups.push(group.into());
        self
    }

    /// Sets how urgent it is; [`Priority::Fleeting`] if left out.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets what makes a retry the same message.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Checks everything that can be checked without the directory.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`], with every field at fault.
    pub fn build(self) -> Result<NewMessage, ApiError> {
        let mut errors = Vec::new();
        check_message(
            &self.from_ext_user_id,
            &self.from_ext_user_name,
            (&self.to_users, &self.to_groups),
            &self.message,
            &mut errors,
        );
        let key = self.idempotency_key.map(IdempotencyKey::new).transpose();
        let key = key.map_err(|error| errors.push(id_error("Idempotency-Key", &error)));
        match (
            ParticipantId::new(&self.from_ext_user_id),
            key,
            errors.is_empty(),
        ) {
            (Ok(from_ext_user_id), Ok(idempotency_key), true) => Ok(NewMessage {
                from_ext_user_id,
                from_ext_user_name: self.from_ext_user_name,
                to_users: self.to_users,
                to_groups: self.to_groups,
                message: self.message,
                priority: self.priority,
                idempotency_key,
            }),
            _ => Err(ApiError::fields(ErrorCode::Invalid, errors)),
        }
    }
}

/// A message of a user into a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewReply {
    /// The text: 1 to 4,000 characters, not only white space.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4000))]
    pub message: String,
    /// How urgent it is; 2 if left out.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub priority: Priority,
    /// The message of this chat that it answers. It reads nothing more than any reply does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// The newest message of this chat that was on the screen when it was written. Left out: everything stored before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<MessageId>,
}

impl NewReply {
    /// A reply that has read everything before it.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            priority: Priority::default(),
            reply_to: None,
            read_up_to: None,
        }
    }

    /// With another priority than 2.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// As an answer to a message of the chat.
    pub fn reply_to(mut self, message: MessageId) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// With the newest message that was on the screen: nothing after it was read.
    pub fn read_up_to(mut self, message: MessageId) -> Self {
        self.read_up_to = Some(message);
        self
    }

    /// Checks the text.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`], with the field at fault.
    pub fn check(&self) -> Result<(), ApiError> {
        let mut errors = Vec::new();
        check_text("message", &self.message, &mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::fields(ErrorCode::Invalid, errors))
        }
    }
}

impl<S: Into<String>> From<S> for NewReply {
    fn from(message: S) -> Self {
        Self::new(message)
    }
}

/// The answer to a message that was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SentMessage {
    /// The message.
    pub message_id: MessageId,
    /// Its chat: the one of exactly these people.
    pub chat_id: ChatId,
    /// Its number in the chat: 1, 2, 3 …
    pub position: u64,
    /// When it was stored.
    pub sent_at: Timestamp,
    /// The recipients, sorted by id byte by byte.
    pub recipients: Vec<SentRecipient>,
}

/// A recipient in the answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SentRecipient {
    /// Who.
    pub user_id: ParticipantId,
    /// `accepted`.
    pub state: ReceiptState,
}

/// A message and what became of it, as far as the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageView {
    /// The message.
    pub message_id: MessageId,
    /// Its chat.
    pub chat_id: ChatId,
    /// Its number in the chat.
    pub position: u64,
    /// Who sent it.
    pub from_user_id: ParticipantId,
    /// The sender's name when it was sent.
    pub from_user_name: String,
    /// The text.
    pub message: String,
    /// Its priority.
    pub priority: Priority,
    /// When it was stored.
    pub sent_at: Timestamp,
    /// The message it replies to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_to: Option<MessageId>,
    /// Its recipients, sorted by id byte by byte. The sender sees all, a recipient itself.
    pub recipients: Vec<RecipientView>,
    /// Who reminded whom of it, oldest first: for the sender, where one message is asked for. Left out where nobody did.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reminders: Vec<ReminderView>,
}

/// What became of a message with one recipient. Times are the server's; implied states have theirs too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecipientView {
    /// Who.
    pub user_id: ParticipantId,
    /// How far it has come.
    pub state: ReceiptState,
    /// When a device had it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivered_at: Option<Timestamp>,
    /// When it was read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub read_at: Option<Timestamp>,
    /// When it was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged_at: Option<Timestamp>,
}

/// A page of a chat's history, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagesPage {
    /// The messages.
    pub messages: Vec<MessageView>,
    /// What to pass as `before` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// The head of the caller's log in the same reading: load, then follow the log from there.
    pub as_of: u64,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Emergency => "emergency",
            Self::Fleeting => "fleeting",
            Self::Sticky => "sticky",
        })
    }
}
