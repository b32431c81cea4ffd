//! A store that does as it is told: fails, waits, or panics, and else is the one in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};

use crewline_core::needs::Wanted;
use crewline_core::{
    BatchId, Changes, Directory, Flush, MemoryStore, Nodes, Opened, Pass, State, StoreError,
    StoreErrorKind, Writer,
};

/// What the store is told.
#[derive(Default)]
pub(crate) struct Faults {
    /// The next commits fail so.
    pub(crate) commits: Mutex<VecDeque<StoreErrorKind>>,
    /// Commits and probes fail so, until it is taken back.
    pub(crate) always: Mutex<Option<StoreErrorKind>>,
    /// A commit that holds a message with this text fails so.
    pub(crate) poison: Mutex<Option<(String, StoreErrorKind)>>,
    /// Loading panics when a participant of this id is asked for.
    pub(crate) panic_on: Mutex<Option<String>>,
    /// While closed, no batch begins.
    gate: Mutex<bool>,
    opened: Condvar,
    /// How many batches have waited there.
    pub(crate) waited: Mutex<usize>,
    /// How many batches were written.
    pub(crate) committed: Mutex<usize>,
    /// How many batches were saved: decided, and not written yet.
    pub(crate) saved: Mutex<usize>,
    /// What the disk does.
    pub(crate) disk: Disk,
}

/// A disk that takes as long as it is told to.
#[derive(Default)]
pub(crate) struct Disk {
    state: Mutex<DiskState>,
    changed: Condvar,
}

#[derive(Default)]
struct DiskState {
    /// While it holds, no flush ends.
    holds: bool,
    /// Whether flushes fail.
    fails: bool,
    /// How many flushes have begun.
    begun: usize,
}

impl Disk {
    pub(crate) fn hold(&self) {
        self.state.lock().unwrap().holds = true;
    }

    pub(crate) fn let_go(&self, fails: bool) {
        let mut state = self.state.lock().unwrap();
        (state.holds, state.fails) = (false, fails);
        self.changed.notify_all();
    }

    pub(crate) fn begun(&self) -> usize {
        self.state.lock().unwrap().begun
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap();
        state.begun += 1;
        while state.holds {
            state = self.changed.wait(state).unwrap();
        }
        if state.fails {
            return Err(StoreError::new(StoreErrorKind::Lost, "as told"));
        }
        Ok(())
    }
}

impl Faults {
    pub(crate) fn close_gate(&self) {
        *self.gate.lock().unwrap() = true;
    }

    pub(crate) fn open_gate(&self) {
        *self.gate.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn always(&self) -> Result<(), StoreError> {
        match *self.always.lock().unwrap() {
            Some(kind) => Err(StoreError::new(kind, "as told")),
            None => Ok(()),
        }
    }
}

pub(crate) fn store(faults: &Arc<Faults>) -> Opened {
    let Opened { writer, reader } = MemoryStore::new("test").open();
    Opened {
        writer: Box::new(FaultyWriter {
            inner: writer,
            faults: Arc::clone(faults),
        }),
        reader,
    }
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    faults: Arc<Faults>,
}

impl Writer for FaultyWriter {
    fn begin(&mut self) -> Result<bool, StoreError> {
        let mut closed = self.faults.gate.lock().unwrap();
        if *closed {
            *self.faults.waited.lock().unwrap() += 1;
        }
        while *closed {
            closed = self.faults.opened.wait(closed).unwrap();
        }
        drop(closed);
        self.inner.begin()
    }

    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        let id = self.faults.panic_on.lock().unwrap().clone();
        assert!(
            !wanted
                .ids
                .iter()
                .any(|wanted| Some(wanted.as_str()) == id.as_deref()),
            "as told"
        );
        self.inner.load(wanted, state)
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.faults.always()?;
        if let Some(kind) = self.faults.commits.lock().unwrap().pop_front() {
            return Err(StoreError::new(kind, "as told"));
        }
        if let Some((text, kind)) = &*self.faults.poison.lock().unwrap()
            && changes.messages.iter().any(|row| &*row.text == text)
        {
            return Err(StoreError::new(*kind, "SELECT secret FROM poison"));
        }
        *self.faults.saved.lock().unwrap() += 1;
        self.inner.save(changes)
    }

    fn write(&mut self, batch: BatchId, more: bool) -> Result<Option<Flush>, StoreError> {
        *self.faults.committed.lock().unwrap() += 1;
        self.inner.write(batch, more)?;
        let faults = Arc::clone(&self.faults);
        Ok(Some(Box::new(move || faults.disk.flush())))
    }

    fn abort(&mut self) {
        self.inner.abort();
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.faults.always()?;
        self.inner.probe()
    }

    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError> {
        self.faults.always()?;
        self.inner.prune(pass, rows)
    }

    fn nodes(&mut self) -> &mut dyn Nodes {
        self.inner.nodes()
    }

    fn directory(&mut self) -> &mut dyn Directory {
        self.inner.directory()
    }
}
