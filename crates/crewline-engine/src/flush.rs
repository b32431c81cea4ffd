//! From written to durable: a batch waits for the disk while the next one is decided.
//!
//! The writer hands a batch over once it is written; here it is flushed, told and answered, in a thread of its own. One
//! batch at a time: the writer does not end the next transaction before this one is durable, so that batches grow with the
//! time that the disk takes.
//!
//! Nobody is woken who does not sleep: each wake is a call of the kernel.
//!
//! **Invariant:** nobody is told or answered anything, and nobody is given anything that was read, before all of it is
//! durable. After a failed flush nothing is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use crewline_api::{ApiError, ErrorCode};
use crewline_core::{Answer, Changes, Flush, StoreError, StoreErrorKind};
use metrics::histogram;
use tracing::error;

use crate::health::Health;
use crate::hub::Hub;
use crate::nodes::Among;
use crate::queue::{Pending, Queue};
use crate::tell::Telling;

/// A batch of which nothing is left to do but to wait for the disk, and to say so.
#[derive(Default)]
pub(crate) struct Written {
    /// Its number; counted up by the writer.
    pub(crate) no: u64,
    /// What makes it durable; `None` where it is.
    pub(crate) flush: Option<Flush>,
    /// What it changed.
    pub(crate) changes: Changes,
    /// Its events.
    pub(crate) telling: Telling,
    /// Who waits, and for what answer.
    pub(crate) answers: Vec<(Pending, Result<Answer, ApiError>)>,
}

/// Where the thread is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing is in work.
    #[default]
    Rest,
    /// A batch waits for the disk.
    Flush,
    /// It is durable, and is being told and answered.
    Answer,
}

#[derive(Default)]
struct State {
    /// Handed over, and not taken yet.
    next: Option<Written>,
    at: At,
    /// Up to which number batches are durable, or were not written after all.
    durable: u64,
    stopping: bool,
    /// Whether the flusher sleeps.
    asleep: bool,
    /// Whether the writer waits.
    writer_waits: bool,
    /// How many readings wait.
    readers_wait: usize,
}

impl State {
    fn is_idle(&self) -> bool {
        self.at == At::Rest && self.next.is_none()
    }

    fn is_durable(&self) -> bool {
        self.at != At::Flush && self.next.is_none()
    }
}

/// See the module.
pub(crate) struct Flusher {
    state: Mutex<State>,
    /// For the flusher: something was handed over, or all is to stop.
    given: Condvar,
    /// For the writer: something is durable, or done.
    done: Condvar,
    /// For readings: something is durable, or the store is lost.
    durable: Condvar,
    /// The last batch that readers may see.
    written: AtomicU64,
    hub: Arc<Hub>,
    among: Option<Arc<Among>>,
    health: Arc<Health>,
    queue: Arc<Queue>,
}

impl Flusher {
    pub(crate) fn new(
        hub: Arc<Hub>,
        among: Option<Arc<Among>>,
        health: Arc<Health>,
        queue: Arc<Queue>,
    ) -> Self {
        Self {
            state: Mutex::default(),
            given: Condvar::new(),
            done: Condvar::new(),
            durable: Condvar::new(),
            written: AtomicU64::new(0),
            hub,
            among,
            health,
            queue,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread. It ends after [`Flusher::stop`].
    pub(crate) fn start(self: &Arc<Self>) -> Result<JoinHandle<()>, StoreError> {
        let flusher = Arc::clone(self);
        let thread = std::thread::Builder::new()
            .name("crewline-flusher".to_owned())
            .spawn(move || flusher.run());
        thread.map_err(|error| {
            let detail = format!("the machine gives no thread to wait for the disk: {error}");
            StoreError::new(StoreErrorKind::Unavailable, detail)
        })
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.next.take() {
                state.at = At::Flush;
                drop(state);
                self.finish(batch);
                state = self.lock();
                state.at = At::Rest;
                self.wake_writer(&state);
            } else if state.stopping {
                return;
            } else {
                state.asleep = true;
                state = wait(&self.given, state);
                state.asleep = false;
            }
        }
    }

    /// Lets the thread end, after what was handed over.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.given.notify_all();
    }

    fn wake_writer(&self, state: &State) {
        if state.writer_waits {
            self.done.notify_one();
        }
    }

    /// Returns when nothing is in work. Called by the writer alone, who alone hands over.
    pub(crate) fn wait_until_idle(&self) {
        self.wait_until(State::is_idle);
    }

    /// Returns when everything that was handed over is durable: it may still be told and answered. Called by the writer
    /// alone.
    pub(crate) fn wait_until_durable(&self) {
        self.wait_until(State::is_durable);
    }

    fn wait_until(&self, is: fn(&State) -> bool) {
        let mut state = self.lock();
        while !is(&state) {
            state.writer_waits = true;
            state = wait(&self.done, state);
            state.writer_waits = false;
        }
    }

    /// Says that readers may see this batch from now on: before it is written.
    pub(crate) fn writes(&self, no: u64) {
        self.written.store(no, Ordering::SeqCst);
    }

    /// Says that a batch was not written after all: nobody need wait for it. Called by the writer alone.
    pub(crate) fn gave_up(&self, no: u64) {
        // For the batch before everybody still waits.
        self.wait_until_durable();
        if !self.health.is_lost() {
            self.reach(no);
        }
    }

    /// Hands a batch over. What was handed over before must be durable.
    pub(crate) fn give(&self, batch: Written) {
        let mut state = self.lock();
        state.next = Some(batch);
        if state.asleep {
            self.given.notify_one();
        }
    }

    /// Makes a batch durable, and then tells and answers. Nothing else may be in work.
    pub(crate) fn finish(&self, mut batch: Written) {
        let answers = std::mem::take(&mut batch.answers);
        // The panic hook has logged what happened, and where.
        let finished = catch_unwind(AssertUnwindSafe(|| self.make_durable(batch)));
        let durable = finished.unwrap_or_else(|_| {
            let detail = "making a batch durable panicked";
            self.lose(&StoreError::new(StoreErrorKind::Lost, detail));
            false
        });
        let begun = Instant::now();
        for (pending, result) in answers {
            // Who does not wait any more does not want to know.
            let _ = pending
                .answer
                .send(if durable { result } else { Err(lost()) });
        }
        histogram!("crewline_step_seconds", "step" => "answer")
            .record(begun.elapsed().as_secs_f64());
    }

    fn make_durable(&self, batch: Written) -> bool {
        if self.health.is_lost() {
            return false;
        }
        let begun = Instant::now();
        if let Some(Err(failure)) = batch.flush.map(|flush| flush()) {
            self.lose(&failure);
            return false;
        }
        self.reach(batch.no);
        let flushed = Instant::now();
        batch.telling.publish(&batch.changes, &self.hub);
        if let Some(among) = &self.among {
            among.tell(&batch.changes);
        }
        for (step, time) in [("flush", flushed - begun), ("tell", flushed.elapsed())] {
            histogram!("crewline_step_seconds", "step" => step).record(time.as_secs_f64());
        }
        crate::writer::count(&batch.changes);
        true
    }

    fn reach(&self, no: u64) {
        let mut state = self.lock();
        state.durable = state.durable.max(no);
        if state.at == At::Flush {
            state.at = At::Answer;
        }
        self.wake_writer(&state);
        if state.readers_wait > 0 {
            self.durable.notify_all();
        }
    }

    /// Before anyone is answered: nothing may be taken, and nothing written, after this.
    pub(crate) fn lose(&self, failure: &StoreError) {
        self.queue.stop();
        if self.health.lose(failure) {
            error!(error = %failure, "what was written may not be there; the server stops");
        }
        // Under the lock, so that a reading is not between looking and waiting.
        let _state = self.lock();
        self.durable.notify_all();
    }

    /// Returns when everything that a reading may have seen that ends now is durable. Blocks the thread; a flush takes
    /// as long as the disk does.
    ///
    /// # Errors
    /// Where it will never be.
    pub(crate) fn wait_for_what_was_seen(&self) -> Result<(), StoreError> {
        let seen = self.written.load(Ordering::SeqCst);
        let mut state = self.lock();
        while state.durable < seen {
            if self.health.is_lost() {
                let detail = "what was read may not be durable; the server stops";
                return Err(StoreError::new(StoreErrorKind::Unavailable, detail));
            }
            state.readers_wait += 1;
            state = wait(&self.durable, state);
            state.readers_wait -= 1;
        }
        Ok(())
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition
        .wait(state)
        .unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> ApiError {
    ApiError::new(
        ErrorCode::StorageUnavailable,
        "The store does not take writes; nothing was stored. Try again later.",
    )
}
