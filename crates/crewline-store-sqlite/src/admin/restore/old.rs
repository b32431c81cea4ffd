//! The store that is replaced: made one file, and held so that nobody writes to it any more.

use std::time::Duration;

use crewline_core::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::DOING;
use crate::connection::{leave_wal, poll_for_locks};
use crate::error::{Fault, Place};

/// How long to wait for a command that has the store open.
const OTHERS_MAX: Duration = Duration::from_secs(5);

/// The old store, locked: dropping it lets go.
pub(super) struct Old {
    sql: Connection,
}

impl Old {
    /// Moves what is in the write-ahead log into the file, does away with the log, and keeps everybody else out.
    ///
    /// # Errors
    /// Where another process has the store open, or SQLite cannot read it.
    pub(super) fn settle(place: &Place) -> Result<Self, StoreError> {
        let settle = || -> Result<Connection, Fault> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut sql = Connection::open_with_flags(place.real(), flags)?;
            // Of a file that SQLite cannot read, what lies beside it must not go when it is closed.
            leave_wal(&sql);
            poll_for_locks(&mut sql, OTHERS_MAX)?;
            sql.pragma_update(None, "synchronous", "FULL")?;
            // It is refused while anybody else has the file open.
            sql.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
            sql.execute_batch("BEGIN EXCLUSIVE")?;
            Ok(sql)
        };
        let sql = settle().map_err(|fault| place.error(DOING, fault))?;
        Ok(Self { sql })
    }

    pub(super) fn sql(&self) -> &Connection {
        &self.sql
    }
}
