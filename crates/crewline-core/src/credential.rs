//! Credentials: who a secret stands for. Secrets are kept as hashes only.

use std::fmt;

use crewline_api::{ParticipantId, Role, Timestamp};
use sha2::{Digest, Sha256};

use crate::{DeviceNo, ParticipantNo, SessionNo, TokenNo};

/// SHA-256 of a secret. A secret has 256 bits of randomness, so that a fast hash is enough.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of what a caller presents.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// The secret of a session or a token. It is shown once, and kept nowhere.
pub struct Secret(String);

impl Secret {
    /// Makes a secret of 32 random bytes: `crewline_` and 64 hexadecimal digits, so that it is known when it leaks.
    pub fn from_random(random: [u8; 32]) -> Self {
        let mut text = String::with_capacity(9 + 64);
        text.push_str("crewline_");
        for byte in random {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        Self(text)
    }

    /// The secret itself, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which externals a token may act as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExternalPattern {
    /// This one.
    Exact(ParticipantId),
    /// Every id that begins so.
    Prefix(String),
}

/// Why a text is no pattern of externals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A bare `*` would be everybody.
    #[error("a bare * would let the token act as anybody; give a prefix, such as scada:*")]
    Everybody,
    /// Not an id.
    #[error("the id {0}")]
    Id(#[from] crewline_api::IdError),
}

impl ExternalPattern {
    /// Reads `scada:dms` (that id) or `scada:*` (each id that begins so).
    ///
    /// # Errors
    /// A bare `*`, and what cannot be an id.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        match text.strip_suffix('*') {
            Some("") => Err(PatternError::Everybody),
            Some(prefix) => {
                // A prefix is made of what an id is made of.
                ParticipantId::new(format!("{prefix}_"))?;
                Ok(Self::Prefix(prefix.to_owned()))
            }
            None => Ok(Self::Exact(ParticipantId::new(text)?)),
        }
    }

    /// Whether it covers an id. (That a prefix never covers a user's id is for the caller to check.)
    pub fn covers(&self, id: &ParticipantId) -> bool {
        match self {
            Self::Exact(own) => own == id,
            Self::Prefix(prefix) => id.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl fmt::Display for ExternalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(id) => write!(f, "{id}"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// Where a credential comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialSource {
    /// A person signed in.
    Session(SessionNo),
    /// A token was made.
    Token(TokenNo),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(no) => write!(f, "session {}", no.0),
            Self::Token(no) => write!(f, "token {}", no.0),
        }
    }
}

/// Whom a credential lets act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// This user.
    User {
        /// The number.
        no: ParticipantNo,
        /// The id.
        id: ParticipantId,
        /// The role.
        role: Role,
    },
    /// These externals.
    Externals(Vec<ExternalPattern>),
    /// Administration: keeps the directory, and sends nothing.
    Administration,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Where it comes from.
    pub source: CredentialSource,
    /// Whom it lets act.
    pub scope: Scope,
    /// The device it stands for.
    pub device: DeviceNo,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_an_id_or_a_prefix_and_never_everybody() {
        let id = |text| ParticipantId::new(text).unwrap();
        let prefix = ExternalPattern::parse("scada:*").unwrap();
        assert!(
            prefix.covers(&id("scada:"))
                && prefix.covers(&id("scada:dms"))
                && !prefix.covers(&id("scad"))
        );
        assert!(ExternalPattern::parse("a").unwrap().covers(&id("a")));
        assert_eq!(ExternalPattern::parse("*"), Err(PatternError::Everybody));
        assert!(ExternalPattern::parse("").is_err());
        assert!(ExternalPattern::parse("me").is_err());
    }

    #[test]
    fn a_secret_is_never_shown_by_debug() {
        let secret = Secret::from_random([0xab; 32]);
        assert_eq!(
            format!("{secret:?} {:?}", secret.hash()),
            "Secret(…) SecretHash(…)"
        );
        assert_eq!(secret.reveal().len(), 73);
    }
}
