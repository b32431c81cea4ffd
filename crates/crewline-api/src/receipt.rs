//! Receipts: what became of a message, for each recipient.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ChatId, MessageId, ParticipantId, Timestamp};

/// How far a message has come with one recipient. The order is the order of proof: a later state implies the earlier
/// ones, and a state never goes back.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ReceiptState {
    /// The server has it durably. Nobody else has it yet, as far as is known.
    #[default]
    Accepted,
    /// A device of the recipient has stored it durably, and said so.
    Delivered,
    /// The person opened the conversation or the alert on a visible page.
    Read,
    /// The person pressed the button. Never inferred, never taken back.
    Acknowledged,
}

impl ReceiptState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Acknowledged => "acknowledged",
        }
    }
}

impl fmt::Display for ReceiptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReceiptState {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [
            Self::Accepted,
            Self::Delivered,
            Self::Read,
            Self::Acknowledged,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or(())
    }
}

/// One receipt as a recipient says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ReceiptSaid {
    /// Of one message.
    #[serde(rename_all = "camelCase")]
    #[cfg_attr(feature = "openapi", schema(rename_all = "camelCase"))]
    Message {
        /// Which one. As text: what is not an id of this server is answered `not_found`, like any other.
        message_id: String,
        /// `delivered`, `read` or `acknowledged`.
        state: ReceiptState,
        /// When, by the device's clock.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Of everything in a chat up to a message, but emergencies: each of those is read by itself.
    #[serde(rename_all = "camelCase")]
    #[cfg_attr(feature = "openapi", schema(rename_all = "camelCase"))]
    UpTo {
        /// The chat.
        chat_id: String,
        /// The newest message that was on the screen.
        read_up_to: String,
        /// When, by the device's clock.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
}

/// Receipts of one call: 1 to 1,000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewReceipts {
    /// Who says so, where a token names several participants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
    /// What is said.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 1000))]
    pub receipts: Vec<ReceiptSaid>,
}

/// What a receipt brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// The recipient's state went forward, or something was newly read.
    New,
    /// It was known already.
    Known,
    /// It came after the recipient's state had ended; it is kept and reported.
    Late,
    /// No such message or chat, or not one of the caller's: these look the same.
    NotFound,
}

/// The outcome of one receipt, with the id as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptResult {
    /// Of a receipt of one message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message_id: Option<String>,
    /// Of a receipt of everything up to a message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chat_id: Option<String>,
    /// What it brought about.
    pub outcome: Outcome,
}

/// The answer to receipts, in the order in which they were said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptsDone {
    /// One for each receipt.
    pub results: Vec<ReceiptResult>,
}

impl ReceiptResult {
    /// Of one message.
    pub fn message(id: MessageId, outcome: Outcome) -> Self {
        Self {
            message_id: Some(id.to_string()),
            chat_id: None,
            outcome,
        }
    }

    /// Of a chat.
    pub fn chat(id: ChatId, outcome: Outcome) -> Self {
        Self {
            message_id: None,
            chat_id: Some(id.to_string()),
            outcome,
        }
    }
}
