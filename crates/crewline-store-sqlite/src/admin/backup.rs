//! Backup: a copy of one state of the store, taken while a server works on it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crewline_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::open_existing;
use crate::error::{Fault, Place};
use crate::file::{beside, folder_of, private, sync_folder};
use crate::meta;

const DOING: &str = "making a backup";

/// Copies the store in `path` to the new file `to`: one state of it, whole and compact, whether a server runs or not.
///
/// The copy is marked as a backup. Opened as a store it gets an epoch of its own, so that consumers learn that numbers
/// may come again.
///
/// # Errors
/// Where `path` is no store, or `to` exists already or cannot be written. Nothing is left behind.
pub fn backup(path: &Path, to: &Path) -> Result<BackupMade, StoreError> {
    backup_telling(path, to, Box::new(|_, _| {}))
}

/// The same; `progress` is told how many bytes of about how many were copied.
///
/// # Errors
/// Those of [`backup`].
pub fn backup_telling(
    path: &Path,
    to: &Path,
    progress: Progress,
) -> Result<BackupMade, StoreError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(exists(to));
    }
    let (place, mut sql) = open_existing(path, DOING)?;
    let part = Part::new(to)?;
    watch(&mut sql, &part, progress).map_err(|fault| place.error(DOING, fault))?;
    let epoch = copy(&sql, &place, &part, to)?;
    let bytes = fs::metadata(&part.path).map_or(0, |file| file.len());
    part.become_file(to)?;
    Ok(BackupMade { bytes, epoch })
}

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupMade {
    /// The length of the file.
    pub bytes: u64,
    /// The epoch of the store that it was made of.
    pub epoch: String,
}

/// Is told how many bytes of how many are done.
pub type Progress = Box<dyn FnMut(u64, u64) + Send>;

/// How many steps of its machine SQLite takes before the copy is looked at: some thousand rows.
const LOOK_EVERY: i32 = 100_000;

/// Has the connection tell how far the copy has come.
fn watch(sql: &mut Connection, part: &Part, mut progress: Progress) -> Result<(), Fault> {
    let ask = |pragma: &str| sql.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = ask("page_count")? - ask("freelist_count")?;
    let of = (pages * ask("page_size")?) as u64;
    let path = part.path.clone();
    let look = move || {
        let done = fs::metadata(&path).map_or(0, |file| file.len());
        progress(done.min(of), of);
        false
    };
    Ok(sql.progress_handler(LOOK_EVERY, Some(look))?)
}

fn exists(to: &Path) -> StoreError {
    let detail = format!(
        "{DOING}: {} exists already. Name a new file; a backup never replaces one",
        to.display()
    );
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// Copies it, and marks the copy; returns the epoch.
fn copy(sql: &Connection, place: &Place, part: &Part, to: &Path) -> Result<String, StoreError> {
    let target = part.path.to_str().ok_or_else(|| {
        let detail = format!(
            "{DOING}: the name {} is not UTF-8. Name another file",
            to.display()
        );
        StoreError::new(StoreErrorKind::Unavailable, detail)
    })?;
    sql.execute("VACUUM INTO ?1", [target]).map_err(|error| {
        // Trouble may be with either file.
        let detail = place.error(DOING, error);
        StoreError::new(
            detail.kind,
            format!("{} (copying to {})", detail.detail, to.display()),
        )
    })?;
    let finish = || -> Result<String, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let copy = Connection::open_with_flags(&part.path, flags)?;
        copy.pragma_update(None, "synchronous", "FULL")?;
        meta::mark_backup(&copy)?;
        meta::epoch(&copy)
    };
    finish().map_err(|fault| Place::new(to).error(DOING, fault))
}

/// A backup that is not finished; dropping it removes it.
struct Part {
    path: PathBuf,
}

impl Part {
    /// Makes the empty file that the copy goes into, beside where it will be.
    fn new(to: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(beside(to, &format!(".part-{}", std::process::id())))
            .map_err(|error| Place::new(to).io_error(DOING, &error))?;
        match private().create_new(true).open(&path) {
            Ok(_) => Ok(Self { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = folder_of(to).display();
                let detail = format!(
                    "{DOING}: the folder {folder} does not exist. Make it (mkdir -p), or name another place"
                );
                Err(StoreError::new(StoreErrorKind::Unavailable, detail))
            }
            Err(error) => Err(Place::new(to).io_error(DOING, &error)),
        }
    }

    /// Makes it durable, and gives it its name if nobody else took it meanwhile.
    fn become_file(self, to: &Path) -> Result<(), StoreError> {
        let finish = || -> io::Result<()> {
            fs::File::open(&self.path)?.sync_all()?;
            match fs::hard_link(&self.path, to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                // A file system without hard links: then the look and the renaming are two steps.
                Err(_) if fs::symlink_metadata(to).is_err() => fs::rename(&self.path, to)?,
                Err(error) => return Err(error),
            }
            sync_folder(folder_of(to))
        };
        finish().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(to),
            _ => Place::new(to).io_error(DOING, &error),
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for suffix in ["", "-journal"] {
            // It is gone where it was renamed.
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}
