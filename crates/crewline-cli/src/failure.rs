//! Why a command failed, for the person at the terminal: what was wrong, and what to do.
//!
//! Every command ends in a [`Failure`] or well. Nothing here prints but [`Failure::report`].

use std::fmt;
use std::process::ExitCode;

use crewline_api::ApiError;
use crewline_core::{DirectoryError, StoreError};

/// The command could not do what was asked.
const FAILED: u8 = 1;
/// The command was called in a way that makes no sense.
const USAGE: u8 = 2;
/// The message was accepted, but not everybody reached the state asked for in time.
const TIMED_OUT: u8 = 3;

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    remedies: Vec<String>,
    code: u8,
}

impl Failure {
    /// The command could not do what was asked.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedies: Vec::new(),
            code: FAILED,
        }
    }

    /// The command was called in a way that makes no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            ..Self::new(what)
        }
    }

    /// The message was accepted, but not everybody reached the state asked for in time.
    pub(crate) fn timed_out(what: impl Into<String>) -> Self {
        Self {
            code: TIMED_OUT,
            ..Self::new(what)
        }
    }

    /// Adds what the person may do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    /// Prints it on standard error, and gives the code to exit with.
    pub(crate) fn report(&self, style: crate::style::Style) -> ExitCode {
        let mut text = format!("{} {}\n", style.red("error:"), self.what);
        for remedy in &self.remedies {
            text.push_str("  ");
            text.push_str(&style.bold("try:"));
            text.push(' ');
            text.push_str(remedy);
            text.push('\n');
        }
        crate::output::complain(&text);
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<StoreError> for Failure {
    /// The detail of a store names the file and the remedy already.
    fn from(error: StoreError) -> Self {
        Self::new(error.detail)
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            DirectoryError::NoUser(_) => failure.remedy("crewline user list"),
            DirectoryError::NoParticipant(_) => failure
                .remedy("crewline user list and crewline token list   (they show the ids; an external is known from its token or its first act on)"),
            _ => failure,
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::new(error.to_string())
    }
}
