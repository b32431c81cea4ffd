//! Opening a store: to serve it, or beside a server.

use std::sync::Arc;

use crewline_core::{Opened, StoreError, StoreErrorKind};

use crate::beside::Beside;
use crate::checkpointer::Checkpointer;
use crate::connection::{WriteConnection, connect, use_wal};
use crate::copy::refuse_half_made;
use crate::error::Place;
use crate::file::{folder_of, look, private, sync_folder};
use crate::lock::ServeLock;
use crate::options::Options;
use crate::reader::SqliteReader;
use crate::writer::SqliteWriter;
use crate::{meta, migration};

/// SQLite before this could lose committed rows when one connection moved pages while another began the WAL anew.
const SQLITE_MIN: i32 = 3_051_003;

const OPENING: &str = "opening the store";

/// Opens a store to serve it, and makes it where there is none. Only one process (and one engine) at a time can.
///
/// The writer holds the serve lock; dropping it moves the rest of the WAL into the file and lets go. Readers may outlive it.
///
/// # Errors
/// Where the file is no store, of a newer version, damaged, served already, or cannot be written: each with what to do.
pub fn open(options: &Options) -> Result<Opened, StoreError> {
    let place = find(options)?;
    let lock = ServeLock::take(&place)?;
    let mut main = open_file(&place, options)?;
    if options.synchronous_full {
        main.open_log_file()?;
        // A server that was killed may have written what the disk never confirmed: it is there to be read, and whoever is
        // shown it, or is told that it was stored before, relies on it.
        main.flush_log(OPENING)?;
    }
    let checkpointer = Checkpointer::start(&place, options, &mut main)?;
    let forgotten = Arc::default();
    let reader = SqliteReader::open(
        &place,
        options,
        options.readers,
        Some(Arc::clone(checkpointer.wal())),
        Arc::clone(&forgotten),
    )?;
    let writer = SqliteWriter::new(main, checkpointer, lock, forgotten);
    Ok(Opened {
        writer: Box::new(writer),
        reader: Arc::new(reader),
    })
}

/// Opens a store beside a server, for a short act or a few; makes the store where there is none.
///
/// # Errors
/// As [`open()`], but for the serve lock, which it neither takes nor minds.
pub fn open_beside(options: &Options) -> Result<Beside, StoreError> {
    let place = find(options)?;
    let main = open_file(&place, options)?;
    let reader = SqliteReader::open(&place, options, 1, None, Arc::default())?;
    Ok(Beside::new(main, reader))
}

/// Finds the file, and makes an empty one where there is none: the target of a link is known only when it exists.
fn find(options: &Options) -> Result<Place, StoreError> {
    check_sqlite(rusqlite::version_number())?;
    let path = &options.path;
    Place::enter(path, || {
        look(path)?;
        // Also tells whether it may be written, in plainer words than SQLite would.
        match private().open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(Place::new(path).io_error(OPENING, &error)),
        }
    })
}

fn check_sqlite(version: i32) -> Result<(), StoreError> {
    if version >= SQLITE_MIN {
        return Ok(());
    }
    let detail = format!(
        "this program was built with SQLite {}; versions before 3.51.3 can lose committed rows. Build it with the SQLite \
         that it bundles",
        rusqlite::version()
    );
    Err(StoreError::new(StoreErrorKind::Unavailable, detail))
}

fn open_file(place: &Place, options: &Options) -> Result<WriteConnection, StoreError> {
    let mut connection = connect(place, options).map_err(|fault| place.error(OPENING, fault))?;
    // A new store is made whole before it gets a WAL: so the first page of the file always tells what it is.
    let had = migration::migrate(&mut connection, place)?;
    use_wal(&connection, place)?;
    if had == 0 {
        // The file's name must be as durable as what is in it.
        sync_folder(folder_of(place.real())).map_err(|error| place.io_error(OPENING, &error))?;
    }
    let mut main = WriteConnection::new(connection, place.clone())
        .map_err(|fault| place.error(OPENING, fault))?;
    refuse_half_made(main.sql(), place)?;
    renew_epoch_of_backup(&mut main)?;
    Ok(main)
}

/// A backup that is opened becomes a store with logs of its own.
fn renew_epoch_of_backup(main: &mut WriteConnection) -> Result<(), StoreError> {
    let doing = "making a store of a backup";
    let is_backup =
        meta::backup_of(main.sql()).map_err(|fault| main.place().error(doing, fault))?;
    if is_backup.is_none() {
        return Ok(());
    }
    main.begin(doing)?;
    match meta::renew_epoch(main.sql()) {
        Ok(epoch) => {
            main.commit(doing)?;
            if let Some(epoch) = epoch {
                tracing::info!(
                    store = %main.place().path().display(), epoch,
                    "this store was a backup: its logs have a new epoch, and consumers are told"
                );
            }
            Ok(())
        }
        Err(fault) => {
            main.rollback();
            Err(main.place().error(doing, fault))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_rows_is_refused() {
        assert!(check_sqlite(rusqlite::version_number()).is_ok());
        let error = check_sqlite(3_051_002).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        assert!(error.detail.contains("3.51.3"), "{}", error.detail);
    }
}
