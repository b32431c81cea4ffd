//! Groups of people, and who is on duty: recipients that are resolved when a message is sent.

use serde::{Deserialize, Serialize};

use crate::{GroupId, ParticipantId, Payload, Timestamp};

/// A group among the recipients of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewMessageGroup {
    /// Which group; `on-duty` is everyone on duty.
    #[cfg_attr(feature = "openapi", schema(value_type = GroupId))]
    pub group_id: String,
    /// Only those of it who are on duty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub on_duty_only: bool,
    /// Comes back for each of them, when the first device has the message. As of a recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delivered_payload: Option<Payload>,
    /// Comes back for each of them, when that one has read the message. As of a recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_read_payload: Option<Payload>,
}

impl NewMessageGroup {
    /// A group without payloads. The id is checked when the message is built.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            on_duty_only: false,
            on_delivered_payload: None,
            on_read_payload: None,
        }
    }

    /// Only those of it who are on duty.
    pub fn on_duty_only(mut self) -> Self {
        self.on_duty_only = true;
        self
    }
}

impl<S: Into<String>> From<S> for NewMessageGroup {
    fn from(group_id: S) -> Self {
        Self::new(group_id)
    }
}

/// A group among those who are to be in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToGroup {
    /// Which group; `on-duty` is everyone on duty.
    pub group_id: GroupId,
    /// Only those of it who are on duty.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub on_duty_only: bool,
}

/// A group as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewGroup {
    /// The name to show: 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// Who is in it: up to 1,000 users, in any order. It may be empty.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub user_ids: Vec<ParticipantId>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    /// Its id.
    pub group_id: GroupId,
    /// The name to show.
    pub name: String,
    /// Who is in it, sorted by id byte by byte; also those who are shut out, to whom nothing is sent.
    pub user_ids: Vec<ParticipantId>,
}

/// A page of groups, sorted by id byte by byte. It ends before `limit` where the groups are large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupsPage {
    /// The groups.
    pub groups: Vec<Group>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// Whether somebody is to be on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewDuty {
    /// True or false.
    pub on_duty: bool,
}

/// Whether a user is on duty, since when, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Duty {
    /// The user.
    pub user_id: ParticipantId,
    /// On duty, or not.
    pub on_duty: bool,
    /// Since when. Left out where nobody has ever said anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Timestamp>,
    /// Who said so: a user's id, or a token by its number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
}
