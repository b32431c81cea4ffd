//! The desk: who sits there.

use serde::{Deserialize, Serialize};

use crate::{ParticipantId, Timestamp};

/// Somebody at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Seat {
    /// Who.
    pub user_id: ParticipantId,
    /// The name to show.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// Who sits at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Desk {
    /// Everybody there, who came first on top. Nobody, where the desk is free.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub seats: Vec<Seat>,
}
