//! Keys by chance, for messages that were given none.

use std::fmt::Write as _;

use crewline_api::{ErrorCode, IdempotencyKey};

use crate::Error;

/// A key that nobody else makes.
pub(crate) fn random_key() -> Result<IdempotencyKey, Error> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|error| {
        let detail = format!("this machine gives no random numbers: {error}");
        Error::new(ErrorCode::Internal, detail)
    })?;
    let mut key = "client-".to_owned();
    for byte in random {
        let _ = write!(key, "{byte:02x}");
    }
    IdempotencyKey::new(key)
        .map_err(|error| Error::new(ErrorCode::Internal, format!("the random key {error}")))
}
