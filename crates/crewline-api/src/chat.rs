//! Chats: sets of people. There is one chat for each set, whoever starts it.

use serde::{Deserialize, Serialize};

use crate::{ChatId, MessageView, ParticipantId, Seq, Timestamp, ToGroup};

/// A chat to be made without a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewChat {
    /// The external that makes it. Left out where a user makes it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_ext_user_id: Option<ParticipantId>,
    /// The others: 1 to 1,000, those of groups among them. May be left out where there are groups.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub to_user_ids: Vec<ParticipantId>,
    /// Groups whose members are to be in the chat: as they are when it is made. Who joins the group later is not in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 100, required = false))]
    pub to_groups: Vec<ToGroup>,
}

/// A chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Chat {
    /// Its id.
    pub chat_id: ChatId,
    /// Everyone in it, sorted by id byte by byte.
    pub user_ids: Vec<ParticipantId>,
}

/// A chat in a person's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatSummary {
    /// Its id.
    pub chat_id: ChatId,
    /// Everyone in it, sorted by id byte by byte.
    pub user_ids: Vec<ParticipantId>,
    /// When it was made or its newest message was stored.
    pub last_activity_at: Timestamp,
    /// The newest message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_message: Option<MessageView>,
    /// How many messages the caller has not read, emergencies included.
    pub unread: u64,
}

/// A page of a person's chats, newest activity first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatsPage {
    /// The chats.
    pub chats: Vec<ChatSummary>,
    /// What to pass as `before` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// The head of the caller's log in the same reading: load, then follow the log from there.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub as_of: Seq,
}
