//! Who can be reached now, and who is there.

use serde::{Deserialize, Serialize};

use crate::{NewMessageGroup, NewMessageUser, ParticipantId, Role, Timestamp};

/// Of whom it is asked whether they can be reached: as the recipients of a message are named. Payloads say nothing here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AskReach {
    /// By name.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub to_users: Vec<NewMessageUser>,
    /// By group.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub to_groups: Vec<NewMessageGroup>,
}

/// By which way somebody can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Way {
    /// A device or a system follows the log now, over a socket or a stream.
    App,
    /// A device can be woken.
    Push,
}

/// Whether somebody can be reached now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reachable {
    /// Who.
    pub user_id: ParticipantId,
    /// By which way; null where by none.
    pub by: Option<Way>,
    /// When a device was last heard of, to the minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_contact_at: Option<Timestamp>,
}

/// Who of them can be reached now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reach {
    /// How many they are, each once, without the caller.
    pub recipients: u64,
    /// How many of them can be reached.
    pub reachable: u64,
    /// Each of them, sorted by id byte by byte.
    pub people: Vec<Reachable>,
}

/// A user, and whether that one is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Present {
    /// Who.
    pub user_id: ParticipantId,
    /// The name to show.
    pub name: String,
    /// The role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<Role>,
    /// Whether on duty.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_duty: Option<bool>,
    /// By which way reachable now; null where by none.
    pub by: Option<Way>,
    /// When a device was last heard of, to the minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_contact_at: Option<Timestamp>,
    /// What the person calls the device that was last heard of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_name: Option<String>,
}

/// A page of users, sorted by id byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresencePage {
    /// The users.
    pub people: Vec<Present>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// What to pass as `since` to wait until somebody came or went.
    pub version: u64,
}
