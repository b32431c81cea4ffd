//! The serve lock: one server for each store.
//!
//! It is a lock of the operating system on a file beside the store, and so ends with the process that holds it,
//! however that ends. The file stays; what it says is only for people.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crewline_core::{StoreError, StoreErrorKind};

use crate::error::Place;
use crate::file::{beside, private};

/// Held while a store is served; dropping it lets go.
#[derive(Debug)]
pub(crate) struct ServeLock {
    _file: File,
}

impl ServeLock {
    /// Takes the lock of the store in `path`.
    pub(crate) fn take(place: &Place) -> Result<Self, StoreError> {
        let path = beside(place.real(), "-lock");
        let lock = Place::new(&path);
        let doing = "taking the lock of the store";
        let mut file = private()
            .open(&path)
            .map_err(|error| lock.io_error(doing, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(place.path(), &path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(lock.io_error(doing, &error)),
        }
        write_pid(&mut file).map_err(|error| lock.io_error(doing, &error))?;
        Ok(Self { _file: file })
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn taken(store: &Path, lock: &Path, file: &mut File) -> StoreError {
    let mut pid = String::new();
    // Whoever holds the lock may just be writing its number: then the sentence goes without.
    let _ = file.take(20).read_to_string(&mut pid);
    let by = match pid.trim().parse::<u32>() {
        Ok(pid) => format!("by the process {pid}"),
        Err(_) => "by another process".to_owned(),
    };
    let detail = format!(
        "the store {} is served already, {by}, which holds {}. Stop that server first, or give this one a store of its \
         own. (Commands such as `crewline user` and `crewline db backup` work beside a server.)",
        store.display(),
        lock.display(),
    );
    StoreError::new(StoreErrorKind::Unavailable, detail)
}
