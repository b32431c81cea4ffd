//! The writer: one thread, one store, batch after batch. Load, decide, write; the flusher makes it durable, tells and
//! answers, while the next batch is decided.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crewline_api::{ApiError, ErrorCode, ReceiptState};
use crewline_core::decide::{Context, decide};
use crewline_core::{
    Answer, BatchId, Changes, Command, Settings, State, StoreError, StoreErrorKind, Writer,
    load_batch,
};
use metrics::{counter, gauge, histogram};
use tracing::{debug, error, info, warn};

use crate::Clock;
use crate::engine::stopped;
use crate::flush::{Flusher, Written};
use crate::gather::{self, Gathering};
use crate::health::{Health, unavailable};
use crate::hub::Hub;
use crate::queue::{Pending, Queue, Work};
use crate::tell::Telling;

/// How often a batch is repeated when someone else wrote what it was decided on.
const CONFLICTS_MAX: u32 = 20;
/// After this long nobody waits for one more repetition: someone else holds the store.
const CONFLICTS_TIME_MAX: Duration = Duration::from_secs(5);
/// How long the writer waits for work before it looks at the health of the store.
const IDLE: Duration = Duration::from_secs(1);

type Results = Vec<Result<Answer, ApiError>>;

pub(crate) struct WriterLoop {
    pub(crate) writer: Box<dyn Writer>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) state: State,
    /// Whether there are no threads: a batch is durable and told before the next thing is done.
    pub(crate) in_turn: bool,
    pub(crate) gathering: Gathering,
    /// Whether it is waited for those whom the batch in work answers.
    pub(crate) gathers: bool,
    /// Counts batches, so that the log can tell which commands went together.
    pub(crate) batch: u64,
}

impl WriterLoop {
    /// Works until the queue is stopped and empty, or the store is lost.
    pub(crate) fn run(mut self, flushing: JoinHandle<()>) {
        self.work();
        self.flusher.stop();
        let _ = flushing.join();
    }

    /// The same as a task of the runtime, without a thread.
    pub(crate) async fn run_in_turn(mut self) {
        loop {
            let work = self.queue.take_in_turn().await;
            if !self.do_next(work) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn work(&mut self) {
        loop {
            let work = self.queue.take(IDLE);
            if !self.do_next(work) {
                return;
            }
        }
    }

    /// Does one thing, and lets others see for how long it is at it.
    fn do_next(&mut self, work: Work) -> bool {
        self.health.works(true);
        let goes_on = self.step(work);
        self.health.works(false);
        goes_on
    }

    /// Does one thing; `false` where it was the last.
    fn step(&mut self, work: Work) -> bool {
        let goes_on = self.do_one(work);
        // A reading may have found out, too.
        if !self.health.is_lost()
            && let Some(failure) = self.writer.lost()
        {
            self.flusher.lose(&failure);
        }
        goes_on
    }

    fn do_one(&mut self, work: Work) -> bool {
        match work {
            Work::Batch(batch) => {
                gauge!("crewline_queue_rows").set(self.queue.rows() as f64);
                self.carry_out(batch);
            }
            // Whoever waits for an act that is dropped is told that the server stops.
            Work::Act(_) | Work::Note(_) if self.health.is_lost() => {}
            Work::Note(note) => {
                self.flusher.wait_until_idle();
                note(self.writer.as_mut());
            }
            Work::Act(act) => {
                // What it answers may rest on the batch before.
                self.flusher.wait_until_idle();
                act(self.writer.as_mut());
                self.state = State::default();
            }
            // Whoever waits for a step that is dropped tries again later.
            Work::Keep(_) if !self.health.is_ready() => {}
            // It changes nothing that `state` holds.
            Work::Keep(step) => {
                self.flusher.wait_until_idle();
                if let Err(failure) = step(self.writer.as_mut())
                    && failure.kind == StoreErrorKind::Lost
                {
                    self.flusher.lose(&failure);
                }
            }
            // These steps come so often that the queue is never idle: what idleness is for must be done here, or the
            // store would never be found to take writes again.
            Work::Index(_) if !self.health.is_ready() => self.probe(),
            // It changes nothing that anybody decides on, and need not be durable: nothing waits for the disk here, so
            // that the next batch is decided while the one before is flushed, as without it.
            Work::Index(step) => {
                if let Err(failure) = step(self.writer.as_mut())
                    && failure.kind == StoreErrorKind::Lost
                {
                    self.flusher.lose(&failure);
                }
            }
            Work::Idle => self.probe(),
            Work::Stop => return false,
        }
        true
    }

    /// While the store does not take writes, tries a small one, so that it is ready again without a caller's command.
    fn probe(&mut self) {
        if self.health.is_ready() || self.health.is_lost() {
            return;
        }
        match self.writer.probe() {
            Ok(()) => self.set_ready(),
            Err(error) => debug!(%error, "the store still does not take writes"),
        }
    }

    fn set_ready(&self) {
        if self.health.set(None) {
            info!("the store takes writes again");
        }
    }

    /// Carries a batch out, and answers everyone in it.
    fn carry_out(&mut self, batch: Vec<Pending>) {
        let oldest = batch.iter().map(|pending| pending.entered).min();
        if let Some(oldest) = oldest {
            histogram!("crewline_step_seconds", "step" => "queue")
                .record(oldest.elapsed().as_secs_f64());
        }
        histogram!("crewline_batch_commands").record(batch.len() as f64);
        self.gathers = self.gathering.is_worth_it(batch.len());
        let commands: Vec<&Command> = batch.iter().map(|pending| &pending.command).collect();
        let (results, mut written) = self.run_batch(&commands);
        for (pending, result) in batch.into_iter().zip(results) {
            if result.is_err() || tracing::enabled!(tracing::Level::DEBUG) {
                pending.span.in_scope(|| log_outcome(self.batch, &result));
            }
            written
                .answers
                .push((pending, result.map_err(hide_internal)));
        }
        // One who is alone is answered by this thread: waking another one would only take time.
        if self.in_turn || (written.answers.len() == 1 && self.queue.is_empty()) {
            self.flusher.wait_until_idle();
            self.flusher.finish(written);
        } else {
            let (answered, is_durable) = (written.answers.len(), written.flush.is_none());
            self.flusher.wait_until_durable();
            let before = self.queue.len();
            self.flusher.give(written);
            // A store that flushes beside the next batch loses no time to begin it early.
            if self.gathers && is_durable {
                self.gather(before, answered);
            }
        }
    }

    /// Waits a moment for those who are being answered.
    fn gather(&mut self, before: usize, answered: usize) {
        let waiting = self.queue.gather(before + answered, gather::TIME);
        self.gathering
            .came(waiting.saturating_sub(before), answered);
        if waiting == 0 {
            // The next batch was announced to the store, and does not come: others may write.
            self.writer.abort();
        }
    }

    /// Returns what becomes of each command once the rest is done.
    fn run_batch(&mut self, commands: &[&Command]) -> (Results, Written) {
        let begun = Instant::now();
        for _ in 0..CONFLICTS_MAX {
            if begun.elapsed() > CONFLICTS_TIME_MAX {
                break;
            }
            if self.health.is_lost() {
                return without_change(commands, &stopped());
            }
            let result = catch_unwind(AssertUnwindSafe(|| self.try_batch(commands)));
            let failure = match result {
                Ok(Ok(done)) => {
                    self.set_ready();
                    return done;
                }
                Ok(Err(failure)) => failure,
                // The panic hook has logged what happened, and where.
                Err(_) => {
                    self.writer.abort();
                    self.flusher.gave_up(self.batch);
                    StoreError::new(StoreErrorKind::Refused, "a decision panicked")
                }
            };
            self.state = State::default();
            match failure.kind {
                StoreErrorKind::Conflict => {
                    debug!(error = %failure, "someone else wrote in the meantime; the batch is repeated");
                }
                StoreErrorKind::Refused => return self.one_by_one(commands, &failure),
                _ => return self.fail(commands, &failure),
            }
        }
        warn!(
            "the store was written by someone else {CONFLICTS_MAX} times in a row; the batch is given up"
        );
        let busy = ApiError::new(ErrorCode::Busy, "The store is busy. Try again in a moment.");
        without_change(commands, &busy)
    }

    /// One of the batch is what the store refuses: alone it fails alone.
    fn one_by_one(&mut self, commands: &[&Command], failure: &StoreError) -> (Results, Written) {
        if let [_] = commands {
            let error = ApiError::new(ErrorCode::Internal, failure.detail.clone());
            return without_change(commands, &error);
        }
        let mut all = Vec::new();
        for command in commands {
            let (results, written) = self.run_batch(&[*command]);
            // Each is durable before the next begins: that of the batch is then one answer like that of others.
            self.flusher.wait_until_idle();
            self.flusher.finish(written);
            all.extend(results);
        }
        if self.health.is_lost() {
            return without_change(commands, &stopped());
        }
        (all, Written::default())
    }

    fn fail(&mut self, commands: &[&Command], failure: &StoreError) -> (Results, Written) {
        let error = match failure.kind {
            StoreErrorKind::Full => ApiError::new(
                ErrorCode::StorageFull,
                "The disk of the server is full, and nothing was stored. It goes on by itself once there is room.",
            ),
            _ => unavailable(),
        };
        if failure.kind == StoreErrorKind::Lost {
            self.flusher.lose(failure);
        } else if self.health.set(Some(error.clone())) {
            error!(error = %failure, "the store does not take writes");
        }
        without_change(commands, &error)
    }

    fn try_batch(&mut self, commands: &[&Command]) -> Result<(Results, Written), StoreError> {
        let begun = Instant::now();
        self.batch += 1;
        if !self.writer.begin()? {
            self.state = State::default();
        }
        load_batch(self.writer.as_mut(), commands, &mut self.state)?;
        let loaded = Instant::now();
        let results = self.decide(commands);
        let decided = Instant::now();
        let mut written = Written::default();
        if self.state.changes.is_empty() {
            self.writer.abort();
            self.state.end_batch();
        } else {
            written = self.write()?;
        }
        debug!(
            batch = self.batch,
            commands = commands.len(),
            load_us = (loaded - begun).as_micros() as u64,
            decide_us = (decided - loaded).as_micros() as u64,
            write_us = decided.elapsed().as_micros() as u64,
            "a batch is written"
        );
        for (step, time) in [("load", loaded - begun), ("decide", decided - loaded)] {
            histogram!("crewline_step_seconds", "step" => step).record(time.as_secs_f64());
        }
        Ok((results, written))
    }

    /// Writes what was decided. All but the last step is done while the batch before is being flushed.
    fn write(&mut self) -> Result<Written, StoreError> {
        let begun = Instant::now();
        self.writer.save(&self.state.changes)?;
        let telling = Telling::prepare(&self.state, &self.hub);
        let saved = Instant::now();
        self.flusher.wait_until_durable();
        if self.health.is_lost() {
            self.writer.abort();
            return Err(StoreError::new(
                StoreErrorKind::Lost,
                "the batch before is not durable",
            ));
        }
        let waited = Instant::now();
        let batch = u128::from(self.clock.random()) << 64 | u128::from(self.clock.random());
        self.flusher.writes(self.batch);
        let more = self.gathers || !self.queue.is_empty();
        let flush = self
            .writer
            .write(BatchId(batch), more)
            .inspect_err(|_| self.flusher.gave_up(self.batch))?;
        for (step, time) in [
            ("save", saved - begun),
            ("wait", waited - saved),
            ("write", waited.elapsed()),
        ] {
            histogram!("crewline_step_seconds", "step" => step).record(time.as_secs_f64());
        }
        Ok(Written {
            no: self.batch,
            flush,
            changes: self.state.end_batch(),
            telling,
            answers: Vec::new(),
        })
    }

    fn decide(&mut self, commands: &[&Command]) -> Results {
        let clock = Arc::clone(&self.clock);
        let mut salt = || clock.random();
        let mut context = Context {
            settings: self.settings,
            now: self.clock.now(),
            salt: &mut salt,
        };
        commands
            .iter()
            .map(|command| decide(&mut self.state, command, &mut context))
            .collect()
    }
}

/// Everybody is answered the same, and nothing was written.
fn without_change(commands: &[&Command], error: &ApiError) -> (Results, Written) {
    let results = commands.iter().map(|_| Err(error.clone())).collect();
    (results, Written::default())
}

/// A fault of the house is logged with what is known, and told to the caller without it.
fn log_outcome(batch: u64, result: &Result<Answer, ApiError>) {
    match result {
        Ok(_) => debug!(batch, "a command was carried out"),
        Err(error) if error.code == ErrorCode::Internal => {
            error!(batch, detail = %error.detail, "a command failed by a fault of the server");
        }
        Err(error) => debug!(batch, code = %error.code, "a command was refused"),
    }
}

fn hide_internal(error: ApiError) -> ApiError {
    if error.code == ErrorCode::Internal {
        let detail = "Something went wrong in the server; nothing was stored. Its log has the details under the request id.";
        ApiError::new(ErrorCode::Internal, detail)
    } else {
        error
    }
}

/// Counts what has become durable.
pub(crate) fn count(changes: &Changes) {
    let new = |state: ReceiptState| {
        let at_now = |row: &&crewline_core::LogRow| match state {
            ReceiptState::Accepted => false,
            ReceiptState::Delivered => row.kind == crewline_api::EventKind::MessageDelivered,
            ReceiptState::Read => row.kind == crewline_api::EventKind::MessageRead,
            ReceiptState::Acknowledged => row.kind == crewline_api::EventKind::MessageAcknowledged,
        };
        changes.log.iter().filter(at_now).count() as u64
    };
    counter!("crewline_messages_accepted_total").increment(changes.messages.len() as u64);
    let received =
        |row: &&crewline_core::LogRow| row.kind == crewline_api::EventKind::MessageReceived;
    let recipients = changes.log.iter().filter(received).count() as u64;
    counter!("crewline_recipients_total").increment(recipients);
    counter!("crewline_messages_delivered_total").increment(new(ReceiptState::Delivered));
    counter!("crewline_messages_read_total").increment(new(ReceiptState::Read));
    counter!("crewline_messages_acknowledged_total").increment(new(ReceiptState::Acknowledged));
    counter!("crewline_events_total").increment(changes.log.len() as u64);
}
