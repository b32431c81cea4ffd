//! Errors: from what SQLite says to what happened, in which file, and what to do.
//!
//! The text of a statement never gets into an error.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crewline_core::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::in_use::{InUse, enter};

/// Trouble inside of this crate, before it is known in which file and while doing what.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite said so. `no_room`: the operating system's last word was that a disk or a quota is full.
    Sql {
        error: rusqlite::Error,
        no_room: bool,
    },
    /// A row that cannot be, and which.
    Damaged(String),
    /// What was to be new is there already.
    Taken(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite knows ENOSPC, but takes a full quota for a broken disk. The system's last error is still the one that
        // made the call fail; it is looked at only where SQLite speaks of an I/O error.
        let last = io::Error::last_os_error().kind();
        let no_room = matches!(
            last,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        Self::Sql { error, no_room }
    }
}

impl Fault {
    /// What is damaged, where that is the trouble.
    pub(crate) fn as_damage(&self) -> Option<String> {
        (kind_of(self) == StoreErrorKind::Corrupt).then(|| what(self))
    }

    /// A row that cannot be.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }
}

/// Whether someone else holds a lock.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Where a store is: the name that errors show, and the one that is opened. It goes along with each connection, and is
/// dropped after it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    shown: Arc<Path>,
    /// Of a store that is open.
    in_use: Option<Arc<InUse>>,
}

impl Place {
    /// A file by the name that it was given.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            shown: path.into(),
            in_use: None,
        }
    }

    /// A store to be opened. `look` looks at the file, where this process does not have it open.
    ///
    /// Links are followed: SQLite keeps its files beside the target of a link, and so must the lock be there. The one
    /// name is also never one that means something else to SQLite.
    pub(crate) fn enter(
        path: &Path,
        look: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let place = Self::new(path);
        let resolve = || {
            crate::file::resolve(path).map_err(|error| place.io_error("opening the store", &error))
        };
        let in_use = Some(Arc::new(enter(look, resolve)?));
        Ok(Self { in_use, ..place })
    }

    /// The name to show.
    pub(crate) fn path(&self) -> &Path {
        &self.shown
    }

    /// The name to open.
    pub(crate) fn real(&self) -> &Path {
        self.in_use
            .as_ref()
            .map_or(&self.shown, |in_use| in_use.path())
    }

    /// What the port says of trouble while `doing` something.
    pub(crate) fn error(&self, doing: &str, fault: impl Into<Fault>) -> StoreError {
        let fault = fault.into();
        let kind = kind_of(&fault);
        self.explain(kind, doing, &what(&fault))
    }

    /// The same for the end of a transaction, where a failed fsync means that nobody knows what is on the disk.
    pub(crate) fn commit_error(&self, doing: &str, fault: impl Into<Fault>) -> StoreError {
        let fault = fault.into();
        let kind = if is_lost(&fault) {
            StoreErrorKind::Lost
        } else {
            kind_of(&fault)
        };
        self.explain(kind, doing, &what(&fault))
    }

    /// An error of the operating system with the file or what lies beside it.
    pub(crate) fn io_error(&self, doing: &str, error: &io::Error) -> StoreError {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
            _ => StoreErrorKind::Unavailable,
        };
        self.explain(kind, doing, error)
    }

    /// What is said where the disk has not confirmed what was written.
    pub(crate) fn lost(&self, doing: &str, error: &io::Error) -> StoreError {
        self.explain(StoreErrorKind::Lost, doing, error)
    }

    /// What is said where another one holds the lease under which something was to be written.
    pub(crate) fn superseded(&self, doing: &str, lease: &str) -> StoreError {
        let what = format!("the lease {lease} has another token");
        self.explain(StoreErrorKind::Superseded, doing, &what)
    }

    fn explain(&self, kind: StoreErrorKind, doing: &str, what: &dyn Display) -> StoreError {
        let path = self.shown.display();
        let detail = match kind {
            StoreErrorKind::Full => format!(
                "{doing}: no room on the disk of {path} ({what}). Nothing of it was written. Free some space; work goes on \
                 without a restart"
            ),
            StoreErrorKind::Conflict => format!(
                "{doing}: another process has held {path} or changed it at the same time ({what}). Try again; end a long \
                 `crewline db shell` if there is one"
            ),
            StoreErrorKind::Refused => format!("{doing}: {path} does not take these rows ({what})"),
            StoreErrorKind::Superseded => {
                format!("{doing}: another server at {path} does this now ({what})")
            }
            StoreErrorKind::Unavailable => format!(
                "{doing}: {path} cannot be used ({what}). Check that this user may read and write the file, the files \
                 beside it with -wal and -shm, and their folder, and that the file system is mounted for writing"
            ),
            StoreErrorKind::Corrupt => format!(
                "{doing}: {path} is damaged ({what}). Stop the server, keep a copy of the file as it is, look at it with \
                 `crewline db check`, and go on with the newest backup"
            ),
            StoreErrorKind::Lost => format!(
                "{doing}: the disk of {path} did not confirm what was written to it ({what}). Nobody knows what of it is \
                 on the disk. Stop the server, check the disk and the system's log, then `crewline db check` before \
                 starting again"
            ),
        };
        StoreError::new(kind, detail)
    }
}

/// What happened, without any statement's text.
fn what(fault: &Fault) -> String {
    match fault {
        Fault::Damaged(what) | Fault::Taken(what) => what.clone(),
        Fault::Sql { error, .. } => match error {
            rusqlite::Error::SqliteFailure(code, message) => match message {
                Some(message) => message.clone(),
                None => code.to_string(),
            },
            // This one would show the statement.
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            other => other.to_string(),
        },
    }
}

fn kind_of(fault: &Fault) -> StoreErrorKind {
    let (error, no_room) = match fault {
        Fault::Damaged(_) => return StoreErrorKind::Corrupt,
        Fault::Taken(_) => return StoreErrorKind::Conflict,
        Fault::Sql { error, no_room } => (error, *no_room),
    };
    let Some(code) = error.sqlite_error() else {
        // What rusqlite itself says of a column: a value of a type or a range that was never written there.
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows
            // A table or column is missing: not the schema that its number promises.
            | rusqlite::Error::SqlInputError { .. } => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Unavailable,
        };
    };
    match code.code {
        ErrorCode::DiskFull => StoreErrorKind::Full,
        ErrorCode::SystemIoFailure if no_room => StoreErrorKind::Full,
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged => StoreErrorKind::Conflict,
        // Every unique key of the schema is one that someone else may have taken in the meantime.
        ErrorCode::ConstraintViolation if is_unique(code.extended_code) => StoreErrorKind::Conflict,
        ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch => {
            StoreErrorKind::Refused
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown => {
            StoreErrorKind::Corrupt
        }
        _ => StoreErrorKind::Unavailable,
    }
}

fn is_unique(extended: i32) -> bool {
    matches!(
        extended,
        ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID
    )
}

fn is_lost(fault: &Fault) -> bool {
    let Fault::Sql { error, .. } = fault else {
        return false;
    };
    matches!(
        error.sqlite_error().map(|code| code.extended_code),
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_IOERR_TRUNCATE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended: i32, message: &str) -> Fault {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended), Some(message.to_owned())).into()
    }

    #[test]
    fn each_kind_of_trouble_is_what_the_engine_must_do() {
        let place = Place::new(Path::new("data/crewline.db"));
        let cases = [
            (ffi::SQLITE_FULL, StoreErrorKind::Full),
            (ffi::SQLITE_BUSY, StoreErrorKind::Conflict),
            (ffi::SQLITE_BUSY_SNAPSHOT, StoreErrorKind::Conflict),
            (ffi::SQLITE_LOCKED, StoreErrorKind::Conflict),
            (ffi::SQLITE_CONSTRAINT_UNIQUE, StoreErrorKind::Conflict),
            (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, StoreErrorKind::Conflict),
            (ffi::SQLITE_CONSTRAINT_NOTNULL, StoreErrorKind::Refused),
            (ffi::SQLITE_CONSTRAINT_DATATYPE, StoreErrorKind::Refused),
            (ffi::SQLITE_TOOBIG, StoreErrorKind::Refused),
            (ffi::SQLITE_MISMATCH, StoreErrorKind::Refused),
            (ffi::SQLITE_READONLY, StoreErrorKind::Unavailable),
            (ffi::SQLITE_CANTOPEN, StoreErrorKind::Unavailable),
            (ffi::SQLITE_PERM, StoreErrorKind::Unavailable),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, StoreErrorKind::Corrupt),
        ];
        for (code, kind) in cases {
            let error = place.error("writing a batch", failure(code, "as it says"));
            assert_eq!(error.kind, kind, "{code}");
            assert!(
                error.detail.starts_with("writing a batch: "),
                "{}",
                error.detail
            );
            assert!(
                error.detail.contains("data/crewline.db"),
                "{}",
                error.detail
            );
            assert!(error.detail.contains("as it says"), "{}", error.detail);
        }
    }

    #[test]
    fn a_failed_fsync_is_lost_in_a_commit_and_nowhere_else() {
        let place = Place::new(Path::new("crewline.db"));
        for code in [
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_TRUNCATE,
        ] {
            let fault = || Fault::Sql {
                error: rusqlite::Error::SqliteFailure(ffi::Error::new(code), None),
                no_room: false,
            };
            assert_eq!(
                place.commit_error("writing", fault()).kind,
                StoreErrorKind::Lost
            );
            assert_eq!(
                place.error("reading", fault()).kind,
                StoreErrorKind::Unavailable
            );
        }
    }

    #[test]
    fn an_io_error_for_want_of_room_is_a_full_disk() {
        let fault = Fault::Sql {
            error: rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_WRITE), None),
            no_room: true,
        };
        assert_eq!(
            Place::new(Path::new("a"))
                .commit_error("writing", fault)
                .kind,
            StoreErrorKind::Full
        );
    }

    #[test]
    fn the_text_of_a_statement_is_in_no_error() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let error = connection
            .execute("INSERT INTO secret_table VALUES (1)", [])
            .unwrap_err();
        let error = Place::new(Path::new("a")).error("writing", error);
        assert!(!error.detail.contains("INSERT"), "{}", error.detail);
    }
}
