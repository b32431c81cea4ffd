//! Errors: from what PostgreSQL says to what happened, in which database, and what to do.
//!
//! The text of a statement and the password never get into an error.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use crewline_core::{DirectoryError, StoreError, StoreErrorKind};
use tokio_postgres::error::SqlState;

/// Trouble inside of this crate, before it is known while doing what.
#[derive(Debug)]
pub(crate) enum Fault {
    /// PostgreSQL or the connection said so.
    Sql(tokio_postgres::Error),
    /// A row that cannot be, and which.
    Damaged(String),
    /// What was to be new is there already.
    Taken(String),
    /// It is known already what it means.
    Known(StoreError),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Known(error)
    }
}

impl Fault {
    /// A row that cannot be.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// What kind of trouble.
    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Damaged(_) => StoreErrorKind::Corrupt,
            Self::Taken(_) => StoreErrorKind::Conflict,
            Self::Known(error) => error.kind,
            Self::Sql(error) => kind_of(error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) | Self::Taken(what) => f.write_str(what),
            Self::Known(error) => error.fmt(f),
            Self::Sql(error) => match (error.as_db_error(), error.source()) {
                (Some(said), _) => write!(f, "{} ({})", said.message(), said.code().code()),
                (None, Some(cause)) => write!(f, "{error}: {cause}"),
                (None, None) => error.fmt(f),
            },
        }
    }
}

fn kind_of(error: &tokio_postgres::Error) -> StoreErrorKind {
    let Some(code) = error.code() else {
        // A column that does not have the type that was written there is damage; all else is the connection.
        return if error.is_closed() || is_connection(error) {
            StoreErrorKind::Unavailable
        } else {
            StoreErrorKind::Corrupt
        };
    };
    kind_of_code(code)
}

/// Whether the connection is the trouble, and not what was asked.
fn is_connection(error: &tokio_postgres::Error) -> bool {
    let cause = error.source();
    cause.is_none_or(<dyn std::error::Error>::is::<std::io::Error>)
}

fn kind_of_code(code: &SqlState) -> StoreErrorKind {
    match code.code() {
        // Every unique key is one that someone else may have taken in the meantime. Deadlocks, serialization, a lock that
        // somebody holds for too long.
        "23505" | "40P01" | "40001" | "55P03" => StoreErrorKind::Conflict,
        "53100" => StoreErrorKind::Full,
        // A damaged page; or a table, a column or a function that is missing: not the schema that its number promises.
        "XX001" | "XX002" | "42P01" | "42703" | "42883" => StoreErrorKind::Corrupt,
        code if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => {
            StoreErrorKind::Refused
        }
        _ => StoreErrorKind::Unavailable,
    }
}

/// Which database it is, as errors show it.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<str>);

impl Place {
    /// By an address without its password.
    pub(crate) fn new(shown: &str) -> Self {
        Self(shown.into())
    }

    /// As it is shown.
    pub(crate) fn shown(&self) -> &str {
        &self.0
    }

    /// What the port says of trouble while `doing` something.
    pub(crate) fn error(&self, doing: &str, fault: impl Into<Fault>) -> StoreError {
        let fault = fault.into();
        if let Fault::Known(error) = fault {
            return error;
        }
        self.explain(fault.kind(), doing, &fault)
    }

    /// Where nobody knows whether something was written.
    pub(crate) fn lost(&self, doing: &str, fault: &dyn fmt::Display) -> StoreError {
        self.explain(StoreErrorKind::Lost, doing, fault)
    }

    /// Where another one holds the lease.
    pub(crate) fn superseded(&self, doing: &str, lease: &str) -> StoreError {
        let what = format!("the lease {lease} has another token");
        self.explain(StoreErrorKind::Superseded, doing, &what)
    }

    /// An error of this kind.
    pub(crate) fn explain(
        &self,
        kind: StoreErrorKind,
        doing: &str,
        what: &dyn fmt::Display,
    ) -> StoreError {
        let place = self.shown();
        let detail = match kind {
            StoreErrorKind::Full => format!(
                "{doing}: no room on the disk of {place} ({what}). Nothing of it was written. Free some space; work goes on \
                 without a restart"
            ),
            StoreErrorKind::Conflict => format!(
                "{doing}: another one has written to {place} at the same time, or holds it ({what}). Try again; end a long \
                 session of psql if there is one"
            ),
            StoreErrorKind::Refused => format!("{doing}: {place} refuses the rows ({what})"),
            StoreErrorKind::Unavailable => format!(
                "{doing}: {place} cannot be used now ({what}). Nothing of it was written. Look at the database; work goes on \
                 without a restart"
            ),
            StoreErrorKind::Corrupt => format!(
                "{doing}: what is in {place} is damaged ({what}). Run `crewline db check`; restore from a backup of the database"
            ),
            StoreErrorKind::Superseded => {
                format!(
                    "{doing}: another node does that now at {place} ({what}). Nothing was written"
                )
            }
            StoreErrorKind::Lost => format!(
                "{doing}: {place} has not said whether it was written, and cannot be asked ({what}). When the database is there \
                 again, start the server: whoever was not answered tries again with the same idempotency key"
            ),
        };
        StoreError::new(kind, detail)
    }
}

/// Why an act on the directory did not come about.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The directory says so.
    Directory(DirectoryError),
    /// The store says so.
    Fault(Fault),
}

impl Refusal {
    /// The same, of a line of an import.
    pub(crate) fn at_line(self, line: u64) -> Self {
        match self {
            Self::Directory(error) => Self::Directory(error.at_line(line)),
            Self::Fault(_) => self,
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_well_the_next_time_is_told_from_what_may_not() {
        for (code, kind) in [
            ("23505", StoreErrorKind::Conflict),
            ("40P01", StoreErrorKind::Conflict),
            ("40001", StoreErrorKind::Conflict),
            ("55P03", StoreErrorKind::Conflict),
            ("53100", StoreErrorKind::Full),
            ("57P01", StoreErrorKind::Unavailable),
            ("57P03", StoreErrorKind::Unavailable),
            ("25006", StoreErrorKind::Unavailable),
            ("53300", StoreErrorKind::Unavailable),
            ("08006", StoreErrorKind::Unavailable),
            ("23502", StoreErrorKind::Refused),
            ("22003", StoreErrorKind::Refused),
            ("42P01", StoreErrorKind::Corrupt),
        ] {
            assert_eq!(kind_of_code(&SqlState::from_code(code)), kind, "{code}");
        }
    }
}
