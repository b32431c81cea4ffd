//! What a search finds.

use serde::{Deserialize, Serialize};

use crate::{ChatId, MessageId, ParticipantId, Priority, Timestamp};

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchPart {
    /// The piece, as it was written.
    pub text: String,
    /// Whether it is what was looked for.
    #[serde(default)]
    pub hit: bool,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchHit {
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
    /// How urgent it is.
    pub priority: Priority,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// A part of its text in pieces, so that the places that were found can be shown.
    pub snippet: Vec<SearchPart>,
}

/// A page of what was found, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchPage {
    /// The messages.
    pub hits: Vec<SearchHit>,
    /// What to pass as `page` for the next page; left out at the end. A page may hold fewer than were asked for, or none,
    /// and still have a next one: a call looks through so many messages and no more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// Messages sent after this are not looked through yet; left out, where all are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub indexed_up_to: Option<Timestamp>,
}
