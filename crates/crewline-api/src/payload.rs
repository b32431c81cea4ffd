//! Payloads: bytes that a sender attaches for a recipient, and gets back.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes that come back to the sender when a recipient's device has the message, or when the person has read it.
/// At most 65,536; in JSON base64 (RFC 4648 section 4, padded). Opaque to Crewline.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads base64 with padding.
    ///
    /// # Errors
    /// When the text is not base64, or has no or wrong padding.
    pub fn from_base64(text: &str) -> Result<Self, base64::DecodeError> {
        Ok(Self(STANDARD.decode(text)?.into()))
    }

    /// The bytes as base64 with padding.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl<B: AsRef<[u8]>> From<B> for Payload {
    fn from(bytes: B) -> Self {
        Self(bytes.as_ref().into())
    }
}

impl fmt::Debug for Payload {
    /// Says how long it is: what a payload says is the sender's business, and not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_base64(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
