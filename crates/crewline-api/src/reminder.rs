//! Reminders: a message is brought back to the mind of those who have not come far enough with it. None is a message.

use serde::{Deserialize, Serialize};

use crate::{
    ApiError, ChatId, FieldCode, MessageId, ParticipantId, Priority, ReceiptState, Timestamp,
};

/// A reminder to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewReminder {
    /// How far everybody should have come: `delivered`, `read` or `acknowledged`. Who has is not reminded. Left out, it is
    /// `acknowledged` of an emergency, and `read` of all else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<ReceiptState>,
}

impl NewReminder {
    /// Checks it.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Invalid`] where everybody has come as far from the beginning.
    pub fn check(&self) -> Result<(), ApiError> {
        if self.until == Some(ReceiptState::Accepted) {
            let detail =
                "must be delivered, read or acknowledged; accepted is what the server says";
            return Err(ApiError::field("until", FieldCode::OutOfRange, detail));
        }
        Ok(())
    }

    /// How far everybody should have come with a message of this priority.
    pub fn until_of(&self, priority: Priority) -> ReceiptState {
        self.until.unwrap_or(match priority {
            Priority::Emergency => ReceiptState::Acknowledged,
            Priority::Fleeting | Priority::Sticky => ReceiptState::Read,
        })
    }
}

/// The answer to a reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reminded {
    /// The message.
    pub message_id: MessageId,
    /// When.
    pub reminded_at: Timestamp,
    /// Who was reminded, sorted by id byte by byte: those who had not come as far as was asked. Nobody, where all had.
    pub user_ids: Vec<ParticipantId>,
}

/// A reminder in the story of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReminderView {
    /// When.
    pub at: Timestamp,
    /// Who reminded.
    pub by_user_id: ParticipantId,
    /// How far everybody should have come.
    pub until: ReceiptState,
    /// Who was reminded, sorted by id byte by byte.
    pub user_ids: Vec<ParticipantId>,
}

/// Data of `message.reminded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReminderEvent {
    /// The message: one that this log had before.
    pub message_id: MessageId,
    /// Its chat.
    pub chat_id: ChatId,
    /// Who reminds: the sender, or a dispatcher who watches the sender.
    pub by_user_id: ParticipantId,
    /// When.
    pub at: Timestamp,
    /// How far the recipient should have come.
    pub until: ReceiptState,
    /// The priority of the message: its alert comes again.
    pub priority: Priority,
}
