//! What works on a store's file as a whole: backup, check, shell. None of it needs the serve lock.

mod backup;
mod check;
mod shell;

pub use backup::backup;
pub use check::{Report, check};
pub use shell::{Shell, Table, open_shell};

use std::path::Path;

use crewline_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};

use crate::connection::poll_for_locks;
use crate::error::Place;
use crate::file::{Found, look};

/// Opens a store that must exist. What is in it stays as it is; only the pages of a WAL that was left behind may move.
fn open_existing(path: &Path, doing: &str) -> Result<(Place, Connection), StoreError> {
    let place = Place::enter(path, || {
        if look(path)? == Found::Store {
            return Ok(());
        }
        let detail = format!(
            "{doing}: there is no store at {}. Name the store's file with --store",
            path.display()
        );
        Err(StoreError::new(StoreErrorKind::Unavailable, detail))
    })?;
    let open = || {
        // On a disk that cannot be written SQLite opens it for reading. Where it can be, the last one to leave must be
        // able to tidy up.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut sql = Connection::open_with_flags(place.real(), flags)?;
        poll_for_locks(&mut sql, std::time::Duration::from_secs(10))?;
        sql.pragma_update(None, "foreign_keys", false)?;
        sql.pragma_update(None, "trusted_schema", false)?;
        sql.pragma_update(None, "synchronous", "FULL")?;
        sql.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(sql)
    };
    let sql = open().map_err(|fault: crate::error::Fault| place.error(doing, fault))?;
    Ok((place, sql))
}
