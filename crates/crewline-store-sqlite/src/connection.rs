//! Connections: how each kind is set up, and the one that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crewline_core::{DirectoryError, Fence, StoreError, StoreErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Fault, Place, is_busy};
use crate::log_file::LogFile;
use crate::node;
use crate::options::Options;

/// The WAL's file is cut back to this when it begins anew.
const WAL_KEPT_BYTES: u32 = 64 * 1024 * 1024;
/// What the writer keeps of the file in memory, in KiB.
const WRITER_CACHE_KIB: i32 = 64 * 1024;
/// The same for each reader.
const READER_CACHE_KIB: i32 = 8 * 1024;
/// Statements that a connection keeps prepared; there are fewer in this crate.
const STATEMENTS_KEPT: usize = 128;
/// How long to sleep before asking for a lock again. The server writes in tight cycles with short pauses: who asks
/// seldom never gets a turn.
const POLL: Duration = Duration::from_millis(1);

/// Opens the file; it exists.
pub(crate) fn connect(place: &Place, options: &Options) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(place.real(), flags)?;
    poll_for_locks(&mut connection, options.busy_timeout())?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // The rules are in the core, and `db check` verifies what came of them; a check of each row would cost each send.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(
        None,
        "synchronous",
        if options.synchronous_full {
            "FULL"
        } else {
            "OFF"
        },
    )?;
    // The checkpointer alone moves pages.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Waits for locks by asking for them every millisecond.
pub(crate) fn poll_for_locks(connection: &mut Connection, timeout: Duration) -> Result<(), Fault> {
    let mut since = Instant::now();
    let poll = move |asked: i32| {
        if asked == 0 {
            since = Instant::now();
        }
        std::thread::sleep(POLL);
        since.elapsed() < timeout
    };
    Ok(connection.busy_handler(Some(poll))?)
}

/// How long another process may take to turn on the WAL of the same file.
const WAL_PATIENCE: Duration = Duration::from_secs(5);

/// Makes the file one with a WAL. Where it is so already, nothing happens.
pub(crate) fn use_wal(connection: &Connection, place: &Place) -> Result<(), StoreError> {
    let doing = "turning on the write-ahead log";
    let since = Instant::now();
    let mode: String = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            Ok(mode) => break mode,
            // Two who turn it on at once would wait for each other: SQLite tells one of them at once, and asks nobody
            // whether to wait.
            Err(error) if is_busy(&error) && since.elapsed() < WAL_PATIENCE => {
                std::thread::sleep(POLL);
            }
            Err(error) => return Err(place.error(doing, error)),
        }
    };
    if mode != "wal" {
        let detail = format!(
            "{doing}: the file system of {} cannot do it (the mode stays {mode}). Put the store on a local disk; network \
             file systems have no shared memory",
            place.path().display()
        );
        return Err(StoreError::new(StoreErrorKind::Unavailable, detail));
    }
    Ok(())
}

/// A connection that only reads.
pub(crate) fn connect_reader(place: &Place, options: &Options) -> Result<Connection, Fault> {
    let connection = connect(place, options)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Keeps the connection from moving pages of the WAL into the file when it is closed: nobody knows whether the disk has
/// them.
pub(crate) fn leave_wal(connection: &Connection) {
    if let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::error!(%error, "pages that the disk may not have can be moved when this connection is closed");
    }
}

/// Why an act on the directory ends without a change.
pub(crate) enum Refusal {
    /// It is not allowed.
    Directory(DirectoryError),
    /// The store failed.
    Fault(Fault),
}

impl Refusal {
    /// The same, of a line of an import.
    pub(crate) fn at_line(self, line: u64) -> Self {
        match self {
            Self::Directory(error) => Self::Directory(error.at_line(line)),
            Self::Fault(_) => self,
        }
    }
}

impl<F: Into<Fault>> From<F> for Refusal {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// A connection that writes, in transactions that take the lock at once.
pub(crate) struct WriteConnection {
    connection: Connection,
    /// Where batches are flushed beside the connection, the file to be flushed.
    log_file: Option<Arc<LogFile>>,
    /// Whether SQLite does not wait for the disk at the end of a transaction now.
    leaves_flushing: bool,
    /// Dropped after the connection.
    place: Place,
    /// Whether an act on this connection changed participants: the engine may hold them.
    participants_changed: bool,
    /// Whether acts take part in a transaction that was begun around them.
    joined: bool,
    /// Under which lease acts are written.
    fence: Option<Fence>,
    /// Whether an fsync failed: then nothing is ever called durable again.
    lost: Arc<AtomicBool>,
}

impl WriteConnection {
    /// Takes a connection over, and sets it up to write.
    pub(crate) fn new(connection: Connection, place: Place) -> Result<Self, Fault> {
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection
            .pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))?;
        Ok(Self {
            connection,
            log_file: None,
            leaves_flushing: false,
            place,
            participants_changed: false,
            joined: false,
            fence: None,
            lost: Arc::default(),
        })
    }

    /// Makes ready for [`begin_batch`](Self::begin_batch). The log must be there: the connection has read something.
    pub(crate) fn open_log_file(&mut self) -> Result<(), StoreError> {
        let file = LogFile::open(self.place.clone(), self.lost())
            .map_err(|error| self.place.io_error("opening the write-ahead log", &error))?;
        self.log_file = Some(Arc::new(file));
        Ok(())
    }

    /// Waits until the disk has all of the log, whoever wrote it.
    pub(crate) fn flush_log(&self, doing: &str) -> Result<(), StoreError> {
        self.log_file
            .as_ref()
            .map_or(Ok(()), |log| log.flush(doing))
    }

    /// Is set when an fsync has failed.
    pub(crate) fn lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.lost)
    }

    pub(crate) fn sql(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn sql_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether an fsync has failed.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Whether participants changed since this was last asked.
    pub(crate) fn take_participants_changed(&mut self) -> bool {
        std::mem::take(&mut self.participants_changed)
    }

    /// To be said by an act that changed participants.
    pub(crate) fn note_participants_changed(&mut self) {
        self.participants_changed = true;
    }

    /// Begins a transaction, with the lock to write. It ends with [`commit`](Self::commit).
    pub(crate) fn begin(&mut self, doing: &str) -> Result<(), StoreError> {
        self.begin_leaving(false, doing)
    }

    /// Under which lease acts are written from now on.
    pub(crate) fn set_fence(&mut self, fence: Option<Fence>) {
        self.fence = fence;
    }

    /// Begins a transaction that is written only where the lease that was said is still held.
    pub(crate) fn begin_fenced(&mut self, doing: &str) -> Result<(), StoreError> {
        self.begin(doing)?;
        let Some(fence) = self.fence else {
            return Ok(());
        };
        let refused = match node::stands(&self.connection, fence) {
            Ok(true) => return Ok(()),
            Ok(false) => self.place.superseded(doing, fence.name),
            Err(fault) => self.place.error(doing, fault),
        };
        self.rollback();
        Err(refused)
    }

    /// Writes a note of this node, as one transaction.
    pub(crate) fn note<T>(
        &mut self,
        doing: &str,
        note: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.begin(doing)?;
        match note(&self.connection) {
            Ok(value) => {
                self.commit(doing)?;
                Ok(value)
            }
            Err(fault) => {
                self.rollback();
                Err(self.place.error(doing, fault))
            }
        }
    }

    /// Begins a transaction that ends with [`write`](Self::write), and does not wait for the disk there.
    pub(crate) fn begin_batch(&mut self, doing: &str) -> Result<(), StoreError> {
        self.begin_leaving(self.log_file.is_some(), doing)
    }

    fn begin_leaving(&mut self, flushing: bool, doing: &str) -> Result<(), StoreError> {
        if self.is_lost() {
            let detail = format!(
                "{doing}: the disk of {} has failed to confirm an earlier write. Stop the server, check the disk, then \
                 `crewline db check` before starting again",
                self.place.path().display()
            );
            return Err(StoreError::new(StoreErrorKind::Lost, detail));
        }
        self.rollback();
        let begun = self
            .leave_flushing(flushing)
            .and_then(|()| self.run("BEGIN IMMEDIATE"));
        begun.map_err(|fault| self.place.error(doing, fault))
    }

    /// With `NORMAL` SQLite leaves to others when the log is flushed. It still flushes it before it begins anew, and
    /// before pages of it are moved. Not inside of a transaction.
    fn leave_flushing(&mut self, leave: bool) -> Result<(), Fault> {
        if leave != self.leaves_flushing {
            let level = if leave { "NORMAL" } else { "FULL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.leaves_flushing = leave;
        }
        Ok(())
    }

    /// Ends the transaction; what it wrote is durable when this returns `Ok`, and not there after an error (unless it
    /// says [`StoreErrorKind::Lost`]).
    pub(crate) fn commit(&mut self, doing: &str) -> Result<(), StoreError> {
        self.end(doing)
    }

    /// Ends the transaction of a batch; others see what it wrote, and it is durable once this file is flushed; where there
    /// is none, it is durable.
    pub(crate) fn write(&mut self, doing: &str) -> Result<Option<Arc<LogFile>>, StoreError> {
        self.end(doing)?;
        Ok(self.log_file.clone().filter(|_| self.leaves_flushing))
    }

    fn end(&mut self, doing: &str) -> Result<(), StoreError> {
        let done = self
            .run("COMMIT")
            .map_err(|fault| self.place.commit_error(doing, fault));
        if let Err(error) = &done {
            if error.kind == StoreErrorKind::Lost {
                self.lost.store(true, Ordering::Release);
            }
            if self.is_lost() {
                leave_wal(&self.connection);
            }
            self.rollback();
        }
        done
    }

    /// Ends the transaction, if there is one, without a change.
    pub(crate) fn rollback(&mut self) {
        if !self.connection.is_autocommit() {
            // It fails only where SQLite has rolled back by itself.
            let _ = self.run("ROLLBACK");
        }
    }

    /// Begins a transaction in which the acts that follow take part, until [`end_joined`](Self::end_joined): none of them
    /// is written by itself. The transaction is then ended by [`commit`](Self::commit) or [`rollback`](Self::rollback).
    pub(crate) fn begin_joined(&mut self, doing: &str) -> Result<(), StoreError> {
        self.begin_fenced(doing)?;
        self.joined = true;
        Ok(())
    }

    /// Acts are transactions of their own again.
    pub(crate) fn end_joined(&mut self) {
        self.joined = false;
    }

    /// Runs an act as one transaction, or as a part of the one around it.
    pub(crate) fn act<T>(
        &mut self,
        doing: &str,
        act: impl FnOnce(&Connection) -> Result<T, Refusal>,
    ) -> Result<T, DirectoryError> {
        if self.joined {
            return act(&self.connection).map_err(|refusal| self.explain(doing, refusal));
        }
        self.begin_fenced(doing)?;
        match act(&self.connection) {
            Ok(value) => {
                self.commit(doing)?;
                Ok(value)
            }
            Err(refusal) => {
                self.rollback();
                Err(self.explain(doing, refusal))
            }
        }
    }

    pub(crate) fn explain(&self, doing: &str, refusal: Refusal) -> DirectoryError {
        match refusal {
            Refusal::Directory(error) => error,
            Refusal::Fault(fault) => self.place.error(doing, fault).into(),
        }
    }

    fn run(&self, sql: &'static str) -> Result<(), Fault> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_fsync_nothing_is_written_any_more() {
        let sql = Connection::open_in_memory().unwrap();
        let place = Place::new(std::path::Path::new("crewline.db"));
        let mut main = WriteConnection::new(sql, place).unwrap();
        main.begin("writing").unwrap();
        main.commit("writing").unwrap();
        main.lost.store(true, Ordering::Release);
        let error = main.begin("writing").unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Lost);
        assert!(error.detail.contains("check the disk"), "{}", error.detail);
        assert!(main.sql().is_autocommit());
    }
}
