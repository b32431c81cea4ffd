//! The file of the write-ahead log, as the one sees it who waits for the disk: apart from the connection, so that another
//! thread can wait while the connection works on.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_core::StoreError;

use crate::error::Place;
use crate::file::beside;

/// See the module.
pub(crate) struct LogFile {
    file: File,
    place: Place,
    /// Set when the disk does not confirm something: then nothing is ever called durable again.
    lost: Arc<AtomicBool>,
}

impl LogFile {
    /// Opens the log of a store that is open: it stays the same file for as long as somebody has it open.
    ///
    /// SQLite's locks are on other files; closing this one lets go of none.
    pub(crate) fn open(place: Place, lost: Arc<AtomicBool>) -> io::Result<Self> {
        let path = beside(place.real(), "-wal");
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self { file, place, lost })
    }

    /// Waits until the disk has everything that was written to the log so far.
    ///
    /// # Errors
    /// [`Lost`](crewline_core::StoreErrorKind::Lost), now and ever after: what a disk did not confirm once, it may confirm later without
    /// having it.
    pub(crate) fn flush(&self, doing: &str) -> Result<(), StoreError> {
        let flushed = if self.lost.load(Ordering::Acquire) {
            Err(io::Error::other("an earlier write was not confirmed"))
        } else {
            // The size of the file is data; the time of its last change is not, and would cost a second write.
            self.file.sync_data()
        };
        flushed.map_err(|error| {
            self.lost.store(true, Ordering::Release);
            self.place.lost(doing, &error)
        })
    }
}
