//! What an organisation keeps for everybody: stock phrases, whom an SOS goes to, and the number to call.

use serde::{Deserialize, Serialize};

use crate::{ParticipantId, Priority, ToGroup};

/// A sentence that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Phrase {
    /// Names it: 1 to 255 bytes, each once.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub phrase_id: String,
    /// The text, with fields to fill in braces: `Switch off {line} at {time}`. 1 to 4,000 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4000))]
    pub text: String,
    /// What is typed to get it: 1 to 32 characters without white space, each once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 32))]
    pub shortcut: Option<String>,
    /// The priority that it is sent with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub priority: Option<Priority>,
}

/// The stock phrases, in the order in which they are offered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Phrases {
    /// Grows with each change. In a PUT: the one that was read; another one is refused.
    pub revision: u64,
    /// Up to 200 of them.
    #[cfg_attr(feature = "openapi", schema(max_items = 200))]
    pub phrases: Vec<Phrase>,
}

/// Whom an SOS goes to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sos {
    /// Grows with each change. In a PUT: the one that was read; another one is refused.
    pub revision: u64,
    /// People.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub to_users: Vec<ParticipantId>,
    /// Groups.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub to_groups: Vec<ToGroup>,
    /// Systems.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub to_externals: Vec<ParticipantId>,
    /// The telephone number to call beside it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<String>,
}

/// The number to call for emergencies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmergencyPhone {
    /// Grows with each change. In a PUT: the one that was read; another one is refused.
    pub revision: u64,
    /// As people write it: 1 to 32 digits, spaces and `+ - / ( ) . * #`. Left out, there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 32))]
    pub number: Option<String>,
}

/// What the organisation keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Organisation {
    /// The stock phrases.
    pub phrases: Phrases,
    /// Whom an SOS goes to.
    pub sos: Sos,
    /// The number to call for emergencies.
    pub phone: EmergencyPhone,
}
