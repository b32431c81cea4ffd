//! The whole story of a message: what became of it with each recipient and on each device, by both clocks.

use serde::{Deserialize, Serialize};

use crate::{ChatId, MessageId, ParticipantId, Priority, ReceiptState, ReminderView, Timestamp};

/// The whole story of a message. All times are the server's, but those that say that they are a device's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageStory {
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
    /// The text; empty where retention has removed it.
    pub message: String,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was stored.
    pub sent_at: Timestamp,
    /// The message it replies to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_to: Option<MessageId>,
    /// What became of it with each recipient, sorted by id.
    pub recipients: Vec<RecipientStory>,
    /// Who reminded whom of it, the oldest first.
    #[serde(default)]
    pub reminders: Vec<ReminderView>,
}

/// What became of a message with one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecipientStory {
    /// The recipient.
    pub user_id: ParticipantId,
    /// The recipient's name now.
    pub name: String,
    /// The highest state over all devices.
    pub state: ReceiptState,
    /// When the first device had it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivered: Option<StoryMark>,
    /// When it was first read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub read: Option<StoryMark>,
    /// When it was first acknowledged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged: Option<StoryMark>,
    /// What each device said, in the order in which the server heard of it.
    pub receipts: Vec<StoryReceipt>,
}

/// When a state was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoryMark {
    /// By the server's clock.
    pub at: Timestamp,
    /// By the device's clock, where it said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_at: Option<Timestamp>,
    /// Whether it is known only because a later state was said.
    pub implied: bool,
}

/// What a device said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoryReceipt {
    /// The state.
    pub state: ReceiptState,
    /// By the server's clock.
    pub at: Timestamp,
    /// By the device's clock, where it said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_at: Option<Timestamp>,
    /// The device; left out, where it was the server itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_id: Option<String>,
    /// What the person calls it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_name: Option<String>,
}
