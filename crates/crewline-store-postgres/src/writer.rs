//! The one writer: a batch is one transaction with the turn, and durable when it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crewline_core::needs::Wanted;
use crewline_core::{
    BatchId, Changes, Directory, Flush, Indexer, Nodes, Pass, State, StoreError, Writer,
};

use crate::connection::WriteConnection;
use crate::error::Fault;
use crate::load::load;
use crate::save::{Writes, save};
use crate::search::PostgresIndexer;
use crate::sql::Sql;
use crate::{keep, meta};

const WRITING: &str = "writing a batch";

/// The writer of a store that is served.
pub(crate) struct PostgresWriter {
    main: WriteConnection,
    /// The turn of the last batch, and the connection that it was on. `None`: what earlier batches loaded is not to be trusted.
    seen: Option<(i64, u64)>,
    /// What the open batch has decided: it travels with the end of its transaction.
    writes: Writes,
    /// Told to the readers: grows when texts are removed.
    forgotten: Arc<AtomicU64>,
    /// For who has no other thread for it.
    index: PostgresIndexer,
}

impl PostgresWriter {
    pub(crate) fn new(main: WriteConnection, forgotten: Arc<AtomicU64>) -> Self {
        Self {
            index: PostgresIndexer::new(main.connector()),
            main,
            seen: None,
            writes: Writes::default(),
            forgotten,
        }
    }

    fn fail(&mut self, doing: &str, fault: impl Into<Fault>) -> StoreError {
        self.seen = None;
        self.main.give_up(doing, fault)
    }

    /// Does something in the transaction that is open.
    fn inside<T>(
        &mut self,
        doing: &str,
        act: impl FnOnce(&Sql) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let done = match self.main.open_sql(doing) {
            Ok(sql) => act(sql),
            Err(error) => Err(error.into()),
        };
        done.map_err(|fault| self.fail(doing, fault))
    }

    /// Does what may be done again, in a transaction of its own.
    fn alone<T>(
        &mut self,
        doing: &str,
        act: impl FnOnce(&Sql) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.main.note(doing, act).inspect_err(|_| self.seen = None)
    }
}

impl Writer for PostgresWriter {
    fn begin(&mut self) -> Result<bool, StoreError> {
        self.writes = Writes::default();
        let begun = self.main.begin_batch("beginning a batch");
        let turn = begun.inspect_err(|_| self.seen = None)?;
        // One that was taken with the end of a batch, for a transaction that was none.
        if let Some(skipped) = self.main.take_skipped()
            && let Some((seen, _)) = &mut self.seen
            && *seen == skipped - 1
        {
            *seen = skipped;
        }
        // With the turn in hand nobody can change anything between this look and the commit.
        let same = self.seen == Some((turn - 1, self.main.made()));
        self.seen = Some((turn, self.main.made()));
        Ok(same & !self.main.take_participants_changed())
    }

    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        self.inside("loading rows", |sql| load(sql, wanted, state))
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.writes = save(changes);
        Ok(())
    }

    fn write(&mut self, batch: BatchId, more: bool) -> Result<Option<Flush>, StoreError> {
        let made = self.main.made();
        let writes = std::mem::take(&mut self.writes);
        let done = self.main.commit_as(batch.0, writes, more, WRITING);
        done.map_err(|error| self.fail(WRITING, error))?;
        if self.main.made() != made {
            // It was found on another connection: who knows what was written before that.
            self.seen = None;
        }
        Ok(None)
    }

    fn abort(&mut self) {
        // The number of a turn that is given back unused must be known: it would look as if somebody else had had it.
        if self.main.is_ahead() {
            let _ = self.begin();
        }
        self.main.rollback();
    }

    fn lost(&self) -> Option<StoreError> {
        self.main.lost()
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.alone("trying to write", meta::probe)
    }

    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError> {
        let texts = pass.removed.texts;
        let doing = "removing what is old";
        self.main.begin_fenced(doing)?;
        self.inside(doing, |sql| {
            keep::step(sql, pass, rows)?;
            if pass.removed.texts > texts {
                meta::note_texts_removed(sql)?;
            }
            Ok(())
        })?;
        let done = self.main.commit(doing);
        done.map_err(|error| self.fail(doing, error))?;
        if pass.removed.texts > texts {
            self.forgotten.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    fn index(&mut self, rows: usize) -> Result<bool, StoreError> {
        self.index.index(rows)
    }

    fn indexer(&self) -> Option<Box<dyn Indexer>> {
        Some(Box::new(PostgresIndexer::new(self.main.connector())))
    }

    fn nodes(&mut self) -> &mut dyn Nodes {
        &mut self.main
    }

    fn directory(&mut self) -> &mut dyn Directory {
        &mut self.main
    }
}
