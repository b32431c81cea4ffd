//! The new store, made under another name until it is whole.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crewline_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::super::Progress;
use super::{DOING, Old, RestoreOptions, Revived, Work};
use crate::connection::poll_for_locks;
use crate::error::{Fault, Place};
use crate::file::{beside, private};
use crate::{admin, meta, migration};

/// Bytes that are copied at once.
const PIECE: usize = 1024 * 1024;
/// Most problems of a backup that are named.
const NAMED_MAX: usize = 5;

/// What is in the new store.
pub(super) struct New {
    pub(super) epoch: String,
    pub(super) backup_of_epoch: String,
    pub(super) messages: u64,
    pub(super) events: u64,
    pub(super) tokens: u64,
    pub(super) sessions: u64,
}

/// The new store; dropping it before it has its place removes it.
pub(super) struct Part {
    path: PathBuf,
    /// The backup, for people.
    from: PathBuf,
    placed: Cell<bool>,
}

impl Part {
    /// Copies the backup.
    pub(super) fn make(work: &Work, from: &Path, progress: Progress) -> Result<Self, StoreError> {
        let part = Self {
            path: work.part_path(),
            from: from.to_owned(),
            placed: Cell::new(false),
        };
        copy(from, &part.path, progress)
            .and_then(|()| take_owner(work.place.real(), &part.path))
            .map_err(|error| work.place.io_error(DOING, &error))?;
        Ok(part)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// To be said when it has its place: what then has its old name is not removed. Returns that name.
    pub(super) fn is_placed(&self) -> PathBuf {
        self.placed.set(true);
        self.path.clone()
    }

    /// Brings it to this version's schema, gives its logs a new epoch, and checks every page and every rule.
    pub(super) fn check(&self, options: &RestoreOptions) -> Result<New, StoreError> {
        let place = Place::new(&self.path);
        let mut sql = self.open(&place)?;
        migration::migrate(&mut sql, &place).map_err(|error| self.unfit(&error.detail))?;
        let mut new = renew(&mut sql, options)
            .map_err(|fault| self.unfit(&place.error(DOING, fault).detail))?;
        sql.close()
            .map_err(|(_, error)| place.error(DOING, error))?;
        let report = admin::check(&self.path).map_err(|error| self.unfit(&error.detail))?;
        if !report.is_ok() {
            let named: Vec<&str> = report
                .problems
                .iter()
                .take(NAMED_MAX)
                .map(String::as_str)
                .collect();
            return Err(self.unfit(&named.join("; ")));
        }
        (new.messages, new.events) = (report.messages, report.events);
        // What SQLite wrote it has flushed; what was copied has been flushed before. This costs nothing, and is sure.
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(|error| place.io_error(DOING, &error))?;
        Ok(new)
    }

    fn open(&self, place: &Place) -> Result<Connection, StoreError> {
        let open = || -> Result<Connection, Fault> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut sql = Connection::open_with_flags(&self.path, flags)?;
            poll_for_locks(&mut sql, Duration::from_secs(1))?;
            sql.pragma_update(None, "foreign_keys", false)?;
            sql.pragma_update(None, "trusted_schema", false)?;
            sql.pragma_update(None, "synchronous", "FULL")?;
            // One file, until a server opens it.
            sql.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
            Ok(sql)
        };
        open().map_err(|fault| self.unfit(&place.error(DOING, fault).detail))
    }

    fn unfit(&self, why: &str) -> StoreError {
        let detail = format!(
            "{DOING}: the backup {} is not whole, and was not put in place ({why}). Nothing was changed. Take an older backup",
            self.from.display()
        );
        StoreError::new(StoreErrorKind::Corrupt, detail)
    }

    /// What was taken back since the backup; `None` where the old store cannot say.
    pub(super) fn compare(&self, old: &Old) -> Option<Revived> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let new = Connection::open_with_flags(&self.path, flags).ok()?;
        let (was, is) = (
            Directory::read(old.sql()).ok()?,
            Directory::read(&new).ok()?,
        );
        let tokens = is
            .tokens
            .iter()
            .filter(|(hash, _)| !was.tokens.contains_key(*hash));
        let disabled = |id: &&String| was.users.get(*id).is_some_and(|(disabled, _)| *disabled);
        let again = is.users.iter().filter(|(_, (disabled, _))| !disabled);
        let passwords = is.users.iter().filter(|(id, (_, password))| {
            was.users
                .get(*id)
                .is_some_and(|(_, other)| other != password)
        });
        Some(Revived {
            tokens: tokens.map(|(_, no)| *no).collect(),
            users: again
                .map(|(id, _)| id)
                .filter(disabled)
                .cloned()
                .collect::<BTreeSet<_>>(),
            passwords: passwords.count() as u64,
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.placed.get() {
            return;
        }
        for suffix in ["", "-journal", "-wal", "-shm"] {
            // Not all of them are there.
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

/// What of a store's directory can be taken back.
struct Directory {
    tokens: BTreeMap<Vec<u8>, i64>,
    users: BTreeMap<String, (bool, Option<String>)>,
}

impl Directory {
    fn read(sql: &Connection) -> Result<Self, Fault> {
        let mut tokens = sql.prepare("SELECT hash, no FROM token")?;
        let tokens = tokens.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut users =
            sql.prepare("SELECT id, disabled, password FROM participant WHERE standing = 1")?;
        let users = users.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
        Ok(Self {
            tokens: tokens.collect::<rusqlite::Result<_>>()?,
            users: users.collect::<rusqlite::Result<_>>()?,
        })
    }
}

fn copy(from: &Path, to: &Path, mut progress: Progress) -> io::Result<()> {
    let mut source = File::open(from)?;
    let of = source.metadata()?.len();
    let mut target = private().create_new(true).open(to)?;
    let (mut piece, mut done) = (vec![0; PIECE], 0);
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            break;
        }
        target.write_all(&piece[..read])?;
        done += read as u64;
        progress(done, of);
    }
    target.sync_all()
}

/// The server that could use the old store must be able to use the new one.
#[cfg(unix)]
fn take_owner(of: &Path, file: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let Ok(old) = fs::metadata(of) else {
        return Ok(());
    };
    let new = fs::metadata(file)?;
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        chown(file, Some(old.uid()), Some(old.gid()))?;
    }
    fs::set_permissions(file, old.permissions())
}

#[cfg(not(unix))]
fn take_owner(_of: &Path, _file: &Path) -> io::Result<()> {
    Ok(())
}

/// In one transaction, so that it is either done or not.
fn renew(sql: &mut Connection, options: &RestoreOptions) -> Result<New, Fault> {
    let transaction = sql.transaction()?;
    let backup_of_epoch = meta::epoch(&transaction)?;
    let epoch = meta::force_new_epoch(&transaction)?;
    if options.revoke_sessions {
        transaction.execute("DELETE FROM session", [])?;
        meta::bump_directory(&transaction)?;
    }
    if let Some((note, now)) = options.note.clone() {
        let sessions = ["", "; every session was closed"][usize::from(options.revoke_sessions)];
        let note = note.detail(format!("of epoch {backup_of_epoch}{sessions}"));
        crate::directory::note(&transaction, note, now)?;
    }
    let count = |table: &str| -> Result<u64, Fault> {
        let count = format!("SELECT count(*) FROM {table}");
        Ok(transaction.query_row(&count, [], |row| row.get::<_, i64>(0))? as u64)
    };
    let new = New {
        epoch,
        backup_of_epoch,
        messages: 0,
        events: 0,
        tokens: count("token")?,
        sessions: count("session")?,
    };
    transaction.commit()?;
    Ok(new)
}
