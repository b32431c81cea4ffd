//! What was promised, and when: the batches in their order, the acts between them, and the answers.

use std::sync::{Arc, Mutex, MutexGuard};

use crewline_api::{Seq, Timestamp};
use crewline_core::needs::{Locks, Wanted};
use crewline_core::{
    Answer, BatchId, Changes, Command, Directory, Flush, MemoryStore, Nodes, Pass, State,
    StoreError, Writer,
};
use crewline_powercut::position;
use crewline_testkit::World;
use crewline_testkit::model::Act;

/// What changed the store.
#[derive(Debug, Clone)]
pub(crate) enum Did {
    Batch(Box<Changes>),
    Act(Box<Act>, Timestamp),
}

/// A change, and from which call on it was said to be durable.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) did: Did,
    pub(crate) durable_at: Option<usize>,
}

/// A command that was answered, and before which call.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) command: Command,
    pub(crate) answer: Answer,
    pub(crate) at: usize,
}

/// How long somebody was told that a log is, and before which call.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) whose: &'static str,
    pub(crate) head: Seq,
    pub(crate) at: usize,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) steps: Vec<Step>,
    pub(crate) answered: Vec<Answered>,
    pub(crate) told: Vec<Told>,
    /// Backups that were reported made: the name, how many steps were durable before, and the call before which it was said.
    pub(crate) backups: Vec<(String, usize, usize)>,
    pub(crate) world: World,
    pub(crate) epoch: String,
}

/// One that is shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub(crate) fn of(ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(ledger)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap()
    }

    fn wrote(&self, did: Did) -> usize {
        let mut ledger = self.lock();
        ledger.steps.push(Step {
            did,
            durable_at: None,
        });
        ledger.steps.len() - 1
    }

    fn is_durable(&self, step: usize) {
        self.lock().steps[step].durable_at = Some(position());
    }

    /// An act that was carried out is durable when that returns.
    pub(crate) fn acted(&self, act: Act, now: Timestamp) {
        let step = self.wrote(Did::Act(Box::new(act), now));
        self.is_durable(step);
    }
}

impl Ledger {
    /// How many steps must be there after a cut before this call.
    pub(crate) fn promised(&self, cut: usize) -> usize {
        let durable = |step: &Step| step.durable_at.is_some_and(|at| at <= cut);
        self.steps
            .iter()
            .rposition(durable)
            .map_or(0, |last| last + 1)
    }
}

impl Ledger {
    /// What counts after a kill before the call `kill`, of which a store with the first `steps` steps was left.
    pub(crate) fn after_a_kill(&self, kill: usize, steps: usize) -> Self {
        let mut left = self.clone();
        left.steps.truncate(steps);
        for step in &mut left.steps {
            step.durable_at = step.durable_at.filter(|at| *at <= kill);
        }
        left.answered.retain(|answered| answered.at <= kill);
        left.told.retain(|told| told.at <= kill);
        left.backups.retain(|(_, _, at)| *at <= kill);
        left
    }

    /// As it counts for a recording that begins when all of it is over.
    pub(crate) fn long_ago(mut self) -> Self {
        self.steps
            .iter_mut()
            .for_each(|step| step.durable_at = Some(0));
        self.answered
            .iter_mut()
            .for_each(|answered| answered.at = 0);
        self.told.iter_mut().for_each(|told| told.at = 0);
        self
    }

    /// Everything that is there was shown to somebody.
    pub(crate) fn all_was_shown(&mut self, at: usize) {
        for step in &mut self.steps {
            step.durable_at.get_or_insert(at);
        }
    }
}

/// Does a step on the specification.
pub(crate) fn repeat(model: &MemoryStore, did: &Did, no: usize) {
    let mut opened = model.open();
    match did {
        Did::Batch(changes) => {
            opened.writer.begin().unwrap();
            opened
                .writer
                .commit(changes, BatchId(no as u128 + 1))
                .unwrap();
        }
        Did::Act(act, now) => {
            act.carry_out(opened.writer.directory(), *now).unwrap();
        }
    }
}

/// A writer that notes every batch.
pub(crate) struct Noting {
    pub(crate) inner: Box<dyn Writer>,
    pub(crate) ledger: Shared,
    pub(crate) saved: Option<Box<Changes>>,
}

impl Writer for Noting {
    fn begin(&mut self) -> Result<bool, StoreError> {
        self.saved = None;
        self.inner.begin()
    }

    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        self.inner.load(wanted, state)
    }

    fn lock(&mut self, locks: &mut dyn FnMut() -> Locks) -> Result<(), StoreError> {
        self.inner.lock(locks)
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.saved = Some(Box::new(changes.clone()));
        self.inner.save(changes)
    }

    fn write(&mut self, batch: BatchId, more: bool) -> Result<Option<Flush>, StoreError> {
        let flush = self.inner.write(batch, more)?;
        let saved = self.saved.take().unwrap_or_default();
        let step = self.ledger.wrote(Did::Batch(saved));
        let ledger = self.ledger.clone();
        Ok(Some(Box::new(move || {
            flush.map_or(Ok(()), |flush| flush())?;
            ledger.is_durable(step);
            Ok(())
        })))
    }

    fn abort(&mut self) {
        self.saved = None;
        self.inner.abort();
    }

    fn lost(&self) -> Option<StoreError> {
        self.inner.lost()
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.inner.probe()
    }

    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError> {
        self.inner.prune(pass, rows)
    }

    fn index(&mut self, rows: usize) -> Result<bool, StoreError> {
        self.inner.index(rows)
    }

    fn nodes(&mut self) -> &mut dyn Nodes {
        self.inner.nodes()
    }

    fn directory(&mut self) -> &mut dyn Directory {
        self.inner.directory()
    }
}
