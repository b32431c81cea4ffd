//! Tokens, as they are shown and noted.

use std::fmt;

use crewline_api::{Token, TokenKind};

use crate::directory::{TokenOwner, TokenRow};

impl TokenOwner {
    /// The user, or the externals and prefixes; none of administration.
    fn names(&self) -> Vec<String> {
        match self {
            Self::User(id) => vec![id.to_string()],
            Self::Externals(patterns) => patterns.iter().map(ToString::to_string).collect(),
            Self::Administration => Vec::new(),
        }
    }
}

impl fmt::Display for TokenOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Administration => f.write_str("administration"),
            Self::User(_) | Self::Externals(_) => f.write_str(&self.names().join(", ")),
        }
    }
}

impl TokenRow {
    /// As it is shown, without its secret.
    pub fn shown(&self) -> Token {
        Token {
            token_id: self.no.0.to_string(),
            kind: match &self.owner {
                TokenOwner::User(_) => TokenKind::User,
                TokenOwner::Externals(_) => TokenKind::External,
                TokenOwner::Administration => TokenKind::Administration,
            },
            owners: self.owner.names(),
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            token: None,
        }
    }
}
