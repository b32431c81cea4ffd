//! The one writer: a batch is one transaction, and one wait for the disk, which may be in another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crewline_core::needs::Wanted;
use crewline_core::{BatchId, Changes, Directory, Flush, Nodes, Pass, State, StoreError, Writer};
use rusqlite::MAIN_DB;
use rusqlite::wal::CheckpointMode;

use crate::checkpointer::Checkpointer;
use crate::connection::{WriteConnection, leave_wal, poll_for_locks};
use crate::error::Fault;
use crate::keep;
use crate::load::load;
use crate::lock::ServeLock;
use crate::save::save;
use crate::search;

const WRITING: &str = "writing a batch";

/// The writer of a store that is served.
pub(crate) struct SqliteWriter {
    checkpointer: Checkpointer,
    main: WriteConnection,
    /// What `PRAGMA data_version` said in the last batch; it changes when another connection commits. `None`: what
    /// earlier batches loaded is not to be trusted.
    seen: Option<i64>,
    /// Told to the readers: grows when texts are removed.
    forgotten: Arc<AtomicU64>,
    /// Let go of last.
    _lock: ServeLock,
}

impl SqliteWriter {
    pub(crate) fn new(
        main: WriteConnection,
        checkpointer: Checkpointer,
        lock: ServeLock,
        forgotten: Arc<AtomicU64>,
    ) -> Self {
        Self {
            checkpointer,
            main,
            seen: None,
            forgotten,
            _lock: lock,
        }
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        self.main.rollback();
        self.seen = None;
        error
    }

    fn data_version(&self) -> Result<i64, Fault> {
        let mut statement = self.main.sql().prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

impl Writer for SqliteWriter {
    fn begin(&mut self) -> Result<bool, StoreError> {
        let doing = "beginning a batch";
        self.checkpointer.wal().give_way();
        if let Err(error) = self.main.begin_batch(doing) {
            return Err(self.fail(error));
        }
        // With the lock held nobody can change anything between this look and the commit.
        match self.data_version() {
            Ok(version) => {
                let same = self.seen == Some(version);
                self.seen = Some(version);
                Ok(same & !self.main.take_participants_changed())
            }
            Err(fault) => {
                let error = self.main.place().error(doing, fault);
                Err(self.fail(error))
            }
        }
    }

    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        load(self.main.sql(), wanted, state).map_err(|fault| {
            let error = self.main.place().error("loading rows", fault);
            self.fail(error)
        })
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        save(self.main.sql(), changes).map_err(|fault| {
            let error = self.main.place().error(WRITING, fault);
            self.fail(error)
        })
    }

    /// The id of the batch is not written: whoever asks for it is in this process, and here a commit has either
    /// returned or the process has ended with it.
    fn write(&mut self, _batch: BatchId, _more: bool) -> Result<Option<Flush>, StoreError> {
        let file = self.main.write(WRITING).map_err(|error| self.fail(error))?;
        Ok(file.map(|file| -> Flush { Box::new(move || file.flush(WRITING)) }))
    }

    fn abort(&mut self) {
        self.main.rollback();
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let doing = "trying to write";
        let probed = self.main.begin(doing).and_then(|()| {
            let sql = "UPDATE meta SET value = value + 1 WHERE key = 'probe'";
            let written = self
                .main
                .sql()
                .prepare_cached(sql)
                .and_then(|mut probe| probe.execute([]));
            written.map_err(|error| self.main.place().error(doing, error))?;
            self.main.commit(doing)
        });
        probed.map_err(|error| self.fail(error))
    }

    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError> {
        let doing = "removing what is old";
        self.checkpointer.wal().give_way();
        let texts = pass.removed.texts;
        let pruned = self.main.begin_fenced(doing).and_then(|()| {
            keep::step(self.main.sql(), pass, rows)
                .map_err(|fault| self.main.place().error(doing, fault))?;
            self.main.commit(doing)
        });
        pruned.map_err(|error| self.fail(error))?;
        if pass.removed.texts > texts {
            self.forgotten.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    fn index(&mut self, rows: usize) -> Result<bool, StoreError> {
        let doing = "putting words into the index";
        let behind = search::is_behind(self.main.sql());
        if !behind.map_err(|fault| self.main.place().error(doing, fault))? {
            return Ok(false);
        }
        self.checkpointer.wal().give_way();
        // Nobody waits for the disk: the place up to which it came is in the same transaction.
        let indexed = self.main.begin_batch(doing).and_then(|()| {
            let more = search::step(self.main.sql(), rows)
                .map_err(|fault| self.main.place().error(doing, fault))?;
            self.main.write(doing)?;
            Ok(more)
        });
        indexed.map_err(|error| self.fail(error))
    }

    fn nodes(&mut self) -> &mut dyn Nodes {
        &mut self.main
    }

    fn directory(&mut self) -> &mut dyn Directory {
        &mut self.main
    }
}

impl Drop for SqliteWriter {
    /// Leaves one file behind where it can: whoever copies it then has everything.
    fn drop(&mut self) {
        self.main.rollback();
        self.checkpointer.stop();
        if self.main.is_lost() {
            leave_wal(self.main.sql());
            return;
        }
        let soon = std::time::Duration::from_millis(100);
        let ready = poll_for_locks(self.main.sql_mut(), soon);
        // Where a reader is still at work the WAL stays, and the next one to open the store finds it.
        if ready.is_ok() {
            let _ = self
                .main
                .sql()
                .wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::TRUNCATE);
        }
    }
}
