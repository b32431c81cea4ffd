//! Restore: a backup in the place of a store, which is kept beside.
//!
//! A kill at any moment leaves the old store or the new one, whole, under the name of the store; never a mix. The new one
//! is made complete and checked under another name. The old one is made a single file, without a write-ahead log that
//! could be taken for one of the new file. Then the two change places in one call of the operating system.
//!
//! It never deletes a store: what it cannot place it sets aside under a name with the time in it.

mod old;
mod part;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crewline_api::Timestamp;
use crewline_core::{NewAudit, StoreError, StoreErrorKind};

use crate::error::Place;
use crate::file::{Found, beside, folder_of, look, look_at_folder, resolve, sync_folder};
use crate::lock::ServeLock;

use super::Progress;
use old::Old;
use part::Part;

const DOING: &str = "restoring a store";
/// What the names of files end in that SQLite keeps beside a store.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// How to restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Whether a store that is there already is replaced.
    pub replace: bool,
    /// Whether everybody has to sign in again: sessions that were closed since the backup would live again.
    pub revoke_sessions: bool,
    /// What the names of files that are set aside end in: the time, such as `20261125T010203Z`.
    pub stamp: String,
    /// What the audit of the new store is to say of it, and when it is; what was restored is added to it.
    pub note: Option<(NewAudit, Timestamp)>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The new epoch of the logs.
    pub epoch: String,
    /// The epoch of the store that the backup was made of.
    pub backup_of_epoch: String,
    /// How many messages it holds.
    pub messages: u64,
    /// How many events it holds, in all logs.
    pub events: u64,
    /// Where the store that was there before is kept.
    pub kept: Option<PathBuf>,
    /// Other files that were set aside.
    pub set_aside: Vec<PathBuf>,
    /// Tokens that are good now.
    pub tokens: u64,
    /// Sessions that are open now.
    pub sessions: u64,
    /// What is good again, though it had been revoked; `None` where the store before could not be asked.
    pub revived: Option<Revived>,
}

/// What had been taken back since the backup was made, and is good again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revived {
    /// Numbers of tokens.
    pub tokens: BTreeSet<i64>,
    /// Users who had been disabled.
    pub users: BTreeSet<String>,
    /// How many users have an older password again.
    pub passwords: u64,
}

/// Puts the backup in `from` in the place of the store in `to`. Nothing of it is seen before all of it is there.
///
/// `progress` is told how many bytes of how many were copied.
///
/// # Errors
/// Where `from` is no whole store, a server runs on `to`, or there is a store and it is not to be replaced: then
/// nothing was changed. Where the disk fails in between, the old store is still there, or already the new one.
pub fn restore(
    from: &Path,
    to: &Path,
    options: &RestoreOptions,
    progress: Progress,
) -> Result<Restored, StoreError> {
    let mut work = Work::begin(from, to, options)?;
    let part = Part::make(&work, from, progress)?;
    let new = part.check(options)?;
    let old = work.settle()?;
    let revived = old.as_ref().and_then(|old| part.compare(old));
    let kept = work.swap(&part, old)?;
    Ok(Restored {
        epoch: new.epoch,
        backup_of_epoch: new.backup_of_epoch,
        messages: new.messages,
        events: new.events,
        kept,
        set_aside: work.set_aside,
        tokens: new.tokens,
        sessions: new.sessions,
        revived,
    })
}

fn refuse(detail: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("{DOING}: {detail}. Nothing was changed"),
    )
}

/// A restore under way.
struct Work {
    /// The store's file, entered so that nothing else in this process opens it.
    place: Place,
    /// What the names of files that are set aside end in.
    stamp: String,
    set_aside: Vec<PathBuf>,
    /// No server starts while this is held.
    _lock: ServeLock,
}

impl Work {
    fn begin(from: &Path, to: &Path, options: &RestoreOptions) -> Result<Self, StoreError> {
        look_at_backup(from)?;
        look_at_folder(to)?;
        let place = Place::enter(to, || match look(to) {
            Ok(_) => Ok(()),
            // What is damaged is what one restores for.
            Err(error) if error.kind == StoreErrorKind::Corrupt => Ok(()),
            // A newer version's store is what one goes back from.
            Err(_) if is_newer(to) => Ok(()),
            Err(error) => Err(error),
        })?;
        if is_same(from, place.real()) {
            let shown = from.display();
            return Err(refuse(&format!(
                "{shown} is the store itself, not a backup of it"
            )));
        }
        let lock = ServeLock::take(&place)?;
        if there_is(place.real()) && !options.replace {
            return Err(refuse(&format!(
                "there is a store at {} already. With --replace the backup takes its place, and it is kept beside \
                 under another name",
                to.display()
            )));
        }
        let mut work = Self {
            place,
            stamp: options.stamp.clone(),
            set_aside: Vec::new(),
            _lock: lock,
        };
        work.clear_way()?;
        Ok(work)
    }

    /// The name under which the new store is made.
    fn part_path(&self) -> PathBuf {
        beside(self.place.real(), ".restoring")
    }

    /// What a restore that was killed has left may be the old store: it is set aside, never removed.
    fn clear_way(&mut self) -> Result<(), StoreError> {
        let part = self.part_path();
        if fs::symlink_metadata(&part).is_ok() {
            let aside = self.free_name("interrupted")?;
            self.move_beside(&part, &aside)?;
            self.move_one(&part, &aside, "")?;
            self.sync()?;
        }
        Ok(())
    }

    /// A name beside the store that nothing has yet.
    fn free_name(&self, what: &str) -> Result<PathBuf, StoreError> {
        let name = |more: &str| {
            let suffix = format!(".{what}-{}{more}", self.stamp);
            beside(self.place.real(), &suffix)
        };
        let names = std::iter::once(String::new()).chain((2..100).map(|at| format!("-{at}")));
        let mut free = names.map(|more| name(&more)).filter(|path| {
            std::iter::once("")
                .chain(BESIDE)
                .all(|suffix| fs::symlink_metadata(beside(path, suffix)).is_err())
        });
        free.next().ok_or_else(|| {
            refuse(&format!(
                "every name such as {} is taken",
                name("").display()
            ))
        })
    }

    /// Renames what SQLite keeps beside a file: before the file itself, so that it is never without its file's name.
    fn move_beside(&mut self, from: &Path, to: &Path) -> Result<(), StoreError> {
        BESIDE
            .iter()
            .try_for_each(|suffix| self.move_one(from, to, suffix))
    }

    fn move_one(&mut self, from: &Path, to: &Path, suffix: &str) -> Result<(), StoreError> {
        match fs::rename(beside(from, suffix), beside(to, suffix)) {
            Ok(()) => self.set_aside.push(beside(to, suffix)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.place.io_error(DOING, &error)),
        }
        Ok(())
    }

    /// Makes the old store one file. Where there is none, or one that SQLite cannot read, what lies beside it under the
    /// names that SQLite gives is set aside: it must not be taken for a part of the new store.
    fn settle(&mut self) -> Result<Option<Old>, StoreError> {
        if there_is(self.place.real()) {
            match Old::settle(&self.place) {
                Ok(old) => {
                    // That its log and its journal are gone must be durable before another file takes its name: they would be
                    // taken for that one's.
                    self.sync()?;
                    return Ok(Some(old));
                }
                Err(error) if error.kind == StoreErrorKind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        let aside = self.free_name("replaced")?;
        let real = self.place.real().to_owned();
        self.move_beside(&real, &aside)?;
        self.sync()?;
        Ok(None)
    }

    /// Gives the new store its name, and the old one another.
    fn swap(&mut self, part: &Part, old: Option<Old>) -> Result<Option<PathBuf>, StoreError> {
        let real = self.place.real().to_owned();
        let fail = |error: io::Error| self.place.io_error(DOING, &error);
        if !there_is(&real) {
            fs::rename(part.path(), &real).map_err(fail)?;
            part.is_placed();
            self.sync()?;
            return Ok(None);
        }
        // Those of an old store that could not be read have this name already.
        let kept = match self.set_aside.iter().find_map(|path| name_of_log(path)) {
            Some(name) if fs::symlink_metadata(&name).is_err() => name,
            _ => self.free_name("replaced")?,
        };
        if exchange(part.path(), &real).map_err(fail)? {
            // The old one has the name of the part now, and must not go with it.
            let path = part.is_placed();
            self.sync()?;
            fs::rename(&path, &kept).map_err(fail)?;
        } else {
            copy_durably(&real, &kept).map_err(fail)?;
            self.sync()?;
            fs::rename(part.path(), &real).map_err(fail)?;
            part.is_placed();
        }
        self.sync()?;
        drop(old);
        Ok(Some(kept))
    }

    fn sync(&self) -> Result<(), StoreError> {
        sync_folder(folder_of(self.place.real()))
            .map_err(|error| self.place.io_error(DOING, &error))
    }
}

/// The file of which this is the log.
fn name_of_log(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    let name = BESIDE.iter().find_map(|suffix| text.strip_suffix(suffix))?;
    name.contains(".replaced-").then(|| name.into())
}

/// Changes two files' names for each other, in one step. `false` where the system or the file system cannot.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<bool> {
    Ok(false)
}

fn copy_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}

/// Whether a file with something in it is there.
fn there_is(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (resolve(one), resolve(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Whether it is a store of a newer version.
fn is_newer(path: &Path) -> bool {
    crate::file::schema_of(path).is_some_and(|schema| schema > crate::migration::NEWEST)
}

/// A backup is one file, which nobody writes to.
fn look_at_backup(from: &Path) -> Result<(), StoreError> {
    let shown = from.display();
    if look(from)? != Found::Store {
        return Err(refuse(&format!("there is no backup at {shown}")));
    }
    for suffix in ["-wal", "-journal"] {
        let log = beside(&resolve(from).unwrap_or_else(|_| from.to_owned()), suffix);
        if there_is(&log) {
            return Err(refuse(&format!(
                "{shown} is a store in use, or one that was not closed: {} lies beside it. Make a backup of it first: \
                 crewline db backup FILE --store sqlite://{shown}",
                log.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_change_names_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, "1").unwrap();
        fs::write(&other, "2").unwrap();
        // Where the file system cannot do it nothing happens.
        if exchange(&one, &other).unwrap() {
            assert_eq!(fs::read(&one).unwrap(), b"2");
            assert_eq!(fs::read(&other).unwrap(), b"1");
        } else {
            assert_eq!(fs::read(&one).unwrap(), b"1");
        }
        assert!(exchange(&one, &folder.path().join("none")).is_err());
    }
}
