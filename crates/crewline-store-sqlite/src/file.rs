//! The files of a store: what is looked at before SQLite may touch anything.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crewline_core::{StoreError, StoreErrorKind};

use crate::error::Place;
use crate::migration;

/// What every file of SQLite begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// `application_id` of a store: `CRWL`. It tells a store from every other file of SQLite.
pub(crate) const APPLICATION_ID: i32 = 0x4352_574C;

/// The path with something appended to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Opens or makes a file that only its owner may read or write.
pub(crate) fn private() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or an empty file: a store can be made there.
    Nothing,
    /// A store, of this schema or an older one.
    Store,
}

/// Looks at a path, and refuses everything that neither is a store nor can become one. Writes nothing.
pub(crate) fn look(path: &Path) -> Result<Found, StoreError> {
    let shown = path.display();
    let place = Place::new(path);
    let refuse = |kind, detail: String| Err(StoreError::new(kind, detail));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return look_at_folder(path),
        Err(error) => return Err(place.io_error("opening the store", &error)),
    };
    if metadata.is_dir() {
        return refuse(
            StoreErrorKind::Unavailable,
            format!(
                "{shown} is a folder, not a file. Name the store's file, such as {shown}/crewline.db"
            ),
        );
    }
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(|error| place.io_error("opening the store", &error))?;
    if header.is_empty() {
        return Ok(Found::Nothing);
    }
    if header.len() < 100 || !header.starts_with(MAGIC) {
        // A store whose making was cut short: the journal says what was there before, and SQLite goes back to that.
        if fs::metadata(beside(path, "-journal")).is_ok_and(|journal| journal.len() > 0) {
            return Ok(Found::Store);
        }
        return refuse(
            StoreErrorKind::Corrupt,
            format!(
                "{shown} is not a SQLite file: it is no store of Crewline, or its beginning is damaged. Nothing was \
                 changed. Name another file, or go on with the newest backup"
            ),
        );
    }
    // Both stand in the file itself and not only in its WAL: a store gets its WAL after it has been made.
    let number = |at: usize| {
        i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if number(68) != APPLICATION_ID {
        return Err(foreign(path));
    }
    refuse_newer(path, number(60))?;
    Ok(Found::Store)
}

/// The schema of a store, if the file is one of any version. To be asked only where nobody has it open.
pub(crate) fn schema_of(path: &Path) -> Option<i32> {
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .ok()?;
    let number = |at: usize| {
        let bytes = header.get(at..at + 4)?;
        Some(i32::from_be_bytes(bytes.try_into().ok()?))
    };
    (header.starts_with(MAGIC) && number(68)? == APPLICATION_ID).then(|| number(60))?
}

/// What is said of a file that another program has made.
pub(crate) fn foreign(path: &Path) -> StoreError {
    let detail = format!(
        "{} is a SQLite file of some other program, not a store of Crewline. Nothing was changed. Name another file",
        path.display()
    );
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// Refuses a file that a newer version has made.
pub(crate) fn refuse_newer(path: &Path, schema: i32) -> Result<(), StoreError> {
    if schema <= migration::NEWEST {
        return Ok(());
    }
    let detail = format!(
        "{} was made by a newer Crewline (schema {schema}; this one knows up to {}). Nothing was changed. Use that version, \
         or restore a backup from before",
        path.display(),
        migration::NEWEST
    );
    Err(StoreError::new(StoreErrorKind::Unavailable, detail))
}

/// Refuses a path in a folder that is not there.
pub(crate) fn look_at_folder(path: &Path) -> Result<Found, StoreError> {
    let folder = folder_of(path);
    if folder.is_dir() {
        return Ok(Found::Nothing);
    }
    let detail = format!(
        "the folder {} for the store {} does not exist. Make it (mkdir -p), or name another place",
        folder.display(),
        path.display()
    );
    Err(StoreError::new(StoreErrorKind::Unavailable, detail))
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The one name of a file, however it was called; the file itself need not exist.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = fs::canonicalize(folder_of(path))?;
            Ok(folder.join(path.file_name().unwrap_or_default()))
        }
        resolved => resolved,
    }
}

/// Waits until the disk has the names in a folder.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
