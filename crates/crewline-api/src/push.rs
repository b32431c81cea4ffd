//! Web Push: how a browser is woken when the app is closed.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How this server pushes, and whether it pushes to this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Push {
    /// The public key of the server (VAPID): a point of P-256, not compressed, as base64url without padding. It is what a browser
    /// is given as `applicationServerKey`. Null where push is switched off.
    pub public_key: Option<String>,
    /// The subscription of this session; null where there is none.
    pub subscription: Option<PushSubscription>,
}

/// The subscription of a session, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushSubscription {
    /// The host of the push service.
    pub endpoint_host: String,
    /// When it was put.
    pub created_at: Timestamp,
    /// When a test push was last seen to arrive on the device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proven_at: Option<Timestamp>,
    /// Why the last push did not go out; left out where it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_error: Option<String>,
}

/// What a browser's `PushSubscription.toJSON()` gives, without `expirationTime`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewPushSubscription {
    /// Where the push service takes pushes for this browser: `https`, at most 2,048 bytes.
    pub endpoint: String,
    /// By what bodies are encrypted.
    pub keys: PushKeys,
}

/// By what bodies are encrypted for a browser; both as base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushKeys {
    /// The browser's public key: a point of P-256, not compressed (65 bytes).
    pub p256dh: String,
    /// What the browser and the server share (16 bytes).
    pub auth: String,
}

/// A test push: that it was sent, or that it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushTest {
    /// What was sent in it, and is to be said back.
    pub test: String,
}
