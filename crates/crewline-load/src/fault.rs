//! Why something did not go on, in words for whoever ran it.

use std::fmt;

/// What went wrong.
#[derive(Debug, Clone)]
pub(crate) struct Fault(pub(crate) String);

/// The result of everything here that can go wrong.
pub(crate) type Done<T = ()> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<tokio::task::JoinError> for Fault {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(error.to_string())
    }
}

/// Says what was being done when it went wrong.
pub(crate) trait When<T> {
    fn when(self, what: impl fmt::Display) -> Done<T>;
}

impl<T, E: Into<Fault>> When<T> for Result<T, E> {
    fn when(self, what: impl fmt::Display) -> Done<T> {
        self.map_err(|error| Fault(format!("{what}: {}", error.into())))
    }
}
