//! What works on a store's file as a whole: backup, restore, check, shell. Only a restore needs the serve lock.

mod backup;
mod check;
mod restore;
mod shell;

pub use backup::{BackupMade, Progress, backup, backup_telling};
pub use check::check;
pub use restore::{RestoreOptions, Restored, Revived, restore};
pub use shell::{Shell, Table, open_shell};

use std::path::Path;

use crewline_api::Timestamp;
use crewline_core::copy::half_made;
use crewline_core::{
    CursorBehind, NewAudit, PushSubscriptionRow, StoreError, StoreErrorKind, WebhookRow,
};
use rusqlite::{Connection, OpenFlags};

use crate::connection::poll_for_locks;
use crate::error::{Fault, Place};
use crate::file::{Found, look};
use crate::{keep, meta, migration};

/// Cursors of the store in `path` that have been behind since before a time, the longest first. Nothing is found in a
/// store of another schema.
///
/// # Errors
/// Where there is no store, or it cannot be read.
pub fn cursors_behind(path: &Path, before: Timestamp) -> Result<Vec<CursorBehind>, StoreError> {
    rows(path, "reading cursors", |sql| {
        keep::cursors_behind(sql, before)
    })
}

/// The webhooks of the store in `path`. None are found in a store of another schema.
///
/// # Errors
/// Where there is no store, or it cannot be read.
pub fn webhooks(path: &Path) -> Result<Vec<WebhookRow>, StoreError> {
    rows(path, "reading the webhooks", crate::reader::webhooks)
}

/// The push subscriptions of the store in `path`. None are found in a store of another schema.
///
/// # Errors
/// Where there is no store, or it cannot be read.
pub fn push_subscriptions(
    path: &Path,
    now: Timestamp,
) -> Result<Vec<PushSubscriptionRow>, StoreError> {
    rows(path, "reading the push subscriptions", |sql| {
        crate::reader::push_subscriptions(sql, now)
    })
}

/// Rows of the store in `path`; none of one of another schema.
fn rows<T>(
    path: &Path,
    doing: &str,
    read: impl FnOnce(&Connection) -> Result<Vec<T>, Fault>,
) -> Result<Vec<T>, StoreError> {
    let (place, sql) = open_existing(path, doing)?;
    let found = || {
        sql.pragma_update(None, "query_only", true)?;
        if migration::version(&sql)? != migration::NEWEST {
            return Ok(Vec::new());
        }
        read(&sql)
    };
    found().map_err(|fault: Fault| place.error(doing, fault))
}

/// Adds a row to the audit of the store in `path`; says whether it was added. A store of another schema is left as it is.
///
/// # Errors
/// Where there is no store, or it cannot be written.
pub fn note(path: &Path, note: NewAudit, now: Timestamp) -> Result<bool, StoreError> {
    let doing = "noting an act in the audit";
    let (place, sql) = open_existing(path, doing)?;
    let add = || -> Result<bool, Fault> {
        if migration::version(&sql)? != migration::NEWEST {
            return Ok(false);
        }
        crate::directory::note(&sql, note, now)?;
        Ok(true)
    };
    add().map_err(|fault| place.error(doing, fault))
}

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
    let sql = open().map_err(|fault: Fault| place.error(doing, fault))?;
    // What cannot be read is told by whoever reads on.
    if let Ok(Some(_)) = meta::copy_of(&sql) {
        let detail = half_made(&path.display().to_string());
        return Err(StoreError::new(StoreErrorKind::Unavailable, detail));
    }
    Ok((place, sql))
}
