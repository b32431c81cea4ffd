//! `[auth]`: signing in.

use super::Layers;
use crate::failure::Failure;

/// Signing in.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    /// Days after which a session ends by itself.
    pub(crate) session_days: u64,
    /// Wrong passwords in a minute after which signing in is refused for a while.
    pub(crate) wrong_passwords_per_minute: u64,
}

impl Auth {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        Ok(Self {
            session_days: layers.number("auth.sessionDays", 1..=3650)?,
            wrong_passwords_per_minute: layers.number("auth.wrongPasswordsPerMinute", 1..=1000)?,
        })
    }
}
