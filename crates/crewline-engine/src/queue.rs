//! The queue in front of the writer: bounded in rows and in bytes, and fair in that one participant may fill a quarter.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crewline_api::{ApiError, ErrorCode, ParticipantId};
use crewline_core::{Answer, BATCH_BYTES_MAX, BATCH_ROWS_MAX, Command, StoreError, Writer};
use tokio::sync::{Notify, oneshot};

use crate::engine::stopped;

/// Most rows that may wait. A send of one message to one recipient is four.
const QUEUE_ROWS_MAX: usize = 65_536;
/// Most bytes that may wait.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most acts on the directory, and notes, that may wait.
const ACTS_MAX: usize = 1_024;

/// A command, and who waits for its answer.
pub(crate) struct Pending {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Result<Answer, ApiError>>,
    pub(crate) entered: Instant,
    /// The caller's span, so that what the log says of this command carries the request id.
    pub(crate) span: tracing::Span,
}

/// An act on the directory, or a note of this node. It answers by itself.
pub(crate) type Act = Box<dyn FnOnce(&mut dyn Writer) + Send>;

/// A step of the retention or of the index. It tells whoever waits for it, and returns what went wrong with the store.
pub(crate) type Keep = Box<dyn FnOnce(&mut dyn Writer) -> Result<(), StoreError> + Send>;

/// What the writer does next.
pub(crate) enum Work {
    /// Commands, in the order in which they came.
    Batch(Vec<Pending>),
    /// One act on the directory.
    Act(Act),
    /// One note of this node: a lease, who is here. Nothing that batches are decided on changes by it.
    Note(Act),
    /// One step of the retention.
    Keep(Keep),
    /// One step of the index.
    Index(Keep),
    /// Nothing came for a while.
    Idle,
    /// Nothing will come any more.
    Stop,
}

#[derive(Default)]
struct Waiting {
    commands: VecDeque<Pending>,
    /// Acts and notes.
    acts: VecDeque<Work>,
    keep: Option<Keep>,
    index: Option<Keep>,
    /// Whether the last thing taken was a step of the retention or of the index: while commands wait, it never goes twice in a row.
    kept: bool,
    rows: usize,
    bytes: usize,
    rows_of: HashMap<ParticipantId, usize>,
    stopping: bool,
    /// So many commands the writer waits for, for a moment; 0 where it does not.
    gathers: usize,
    /// Whether the writer sleeps: only then it is woken, since each wake is a call of the kernel.
    asleep: bool,
}

impl Waiting {
    fn is_gathered(&self) -> bool {
        self.commands.len() >= self.gathers || !self.acts.is_empty() || self.stopping
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    /// So many commands wait as are waited for, or something else.
    gathered: Condvar,
    /// The same, where the writer is no thread.
    pushed: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock panics half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a command, or says why there is no room.
    pub(crate) fn push(&self, pending: Pending) -> Result<(), ApiError> {
        let (rows, bytes) = (pending.command.rows(), pending.command.bytes());
        let actor = &pending.command.actor().id;
        let mut waiting = self.lock();
        if waiting.stopping {
            return Err(stopped());
        }
        if waiting.rows + rows > QUEUE_ROWS_MAX || waiting.bytes + bytes > QUEUE_BYTES_MAX {
            return Err(full());
        }
        let own = waiting.rows_of.get(actor).copied().unwrap_or(0);
        if own + rows > QUEUE_ROWS_MAX / 4 {
            let detail = format!(
                "{actor} has too much under way at once. Wait for answers before sending more."
            );
            return Err(ApiError::new(ErrorCode::TooManyRequests, detail));
        }
        *waiting.rows_of.entry(actor.clone()).or_default() += rows;
        waiting.rows += rows;
        waiting.bytes += bytes;
        waiting.commands.push_back(pending);
        self.wake(waiting);
        Ok(())
    }

    /// Adds an act on the directory, or a note, or says why there is no room.
    pub(crate) fn push_act(&self, act: Work) -> Result<(), ApiError> {
        let mut waiting = self.lock();
        if waiting.stopping {
            return Err(stopped());
        }
        if waiting.acts.len() >= ACTS_MAX {
            return Err(full());
        }
        waiting.acts.push_back(act);
        self.wake(waiting);
        Ok(())
    }

    /// Adds a step of the retention, in the place of one that was not taken yet; or says that nothing is taken any more.
    pub(crate) fn push_keep(&self, step: Keep) -> Result<(), ApiError> {
        let mut waiting = self.lock();
        if waiting.stopping {
            return Err(stopped());
        }
        waiting.keep = Some(step);
        self.wake(waiting);
        Ok(())
    }

    /// Adds a step of the index, as [`push_keep`](Self::push_keep) one of the retention, which goes first.
    pub(crate) fn push_index(&self, step: Keep) -> Result<(), ApiError> {
        let mut waiting = self.lock();
        if waiting.stopping {
            return Err(stopped());
        }
        waiting.index = Some(step);
        self.wake(waiting);
        Ok(())
    }

    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        if waiting.gathers > 0 && waiting.is_gathered() {
            waiting.gathers = 0;
            self.gathered.notify_one();
        }
        // Taken back at once: the next one to push need not wake it again.
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.filled.notify_one();
            self.pushed.notify_one();
        }
    }

    /// Takes what is waiting, at most a batch: without lingering for more. Waits while there is nothing, at most `idle`.
    pub(crate) fn take(&self, idle: Duration) -> Work {
        let mut waiting = self.lock();
        loop {
            if let Some(work) = take_now(&mut waiting) {
                return work;
            }
            waiting.asleep = true;
            let woken = self.filled.wait_timeout(waiting, idle);
            let (guard, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
            waiting = guard;
            waiting.asleep = false;
            let nothing = waiting.commands.is_empty()
                && waiting.acts.is_empty()
                && waiting.keep.is_none()
                && waiting.index.is_none()
                && !waiting.stopping;
            if timeout.timed_out() && nothing {
                return Work::Idle;
            }
        }
    }

    /// Waits until so many commands wait, or an act, at most for `time`; returns how many do.
    pub(crate) fn gather(&self, count: usize, time: Duration) -> usize {
        let mut waiting = self.lock();
        waiting.gathers = count;
        let gathers = |waiting: &mut Waiting| !waiting.is_gathered();
        let woken = self.gathered.wait_timeout_while(waiting, time, gathers);
        let (mut waiting, _) = woken.unwrap_or_else(PoisonError::into_inner);
        waiting.gathers = 0;
        waiting.commands.len()
    }

    /// Takes what is waiting, as [`take`](Self::take), in a task: it blocks nobody.
    pub(crate) async fn take_in_turn(&self) -> Work {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(work) = take_now(&mut waiting) {
                    return work;
                }
                waiting.asleep = true;
            }
            self.pushed.notified().await;
        }
    }

    /// Takes nothing more; what was taken is still carried out.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.gathered.notify_all();
        self.filled.notify_all();
        self.pushed.notify_one();
    }

    /// Answers every command that waits with a refusal: none of them was begun.
    pub(crate) fn refuse(&self, why: &ApiError) {
        loop {
            let mut waiting = self.lock();
            if waiting.commands.is_empty() {
                return;
            }
            let batch = take_batch(&mut waiting);
            drop(waiting);
            for pending in batch {
                // Who does not wait any more does not want to know.
                let _ = pending.answer.send(Err(why.clone()));
            }
        }
    }

    /// How many commands wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().commands.len()
    }

    /// Whether no command waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().commands.is_empty()
    }

    /// Rows that wait.
    pub(crate) fn rows(&self) -> usize {
        self.lock().rows
    }
}

fn full() -> ApiError {
    ApiError::new(ErrorCode::Busy, "The queue is full. Try again in a moment.")
}

/// What is to be done next; `None` where nothing waits.
fn take_now(waiting: &mut Waiting) -> Option<Work> {
    if let Some(act) = waiting.acts.pop_front() {
        return Some(act);
    }
    if waiting.stopping {
        // What is old, and what is to be found, can wait for the next start.
        waiting.keep = None;
        waiting.index = None;
    } else if waiting.commands.is_empty() || !waiting.kept {
        if let Some(step) = waiting.keep.take() {
            waiting.kept = true;
            return Some(Work::Keep(step));
        }
        if let Some(step) = waiting.index.take() {
            waiting.kept = true;
            return Some(Work::Index(step));
        }
    }
    if !waiting.commands.is_empty() {
        waiting.kept = false;
        return Some(Work::Batch(take_batch(waiting)));
    }
    waiting.stopping.then_some(Work::Stop)
}

fn take_batch(waiting: &mut Waiting) -> Vec<Pending> {
    let (mut batch, mut rows, mut bytes) = (Vec::new(), 0, 0);
    while let Some(next) = waiting.commands.front() {
        let (its_rows, its_bytes) = (next.command.rows(), next.command.bytes());
        // One that is larger than a batch is a batch.
        if !batch.is_empty()
            && (rows + its_rows > BATCH_ROWS_MAX || bytes + its_bytes > BATCH_BYTES_MAX)
        {
            break;
        }
        rows += its_rows;
        bytes += its_bytes;
        let actor = next.command.actor().id.clone();
        if let Some(own) = waiting.rows_of.get_mut(&actor) {
            *own = own.saturating_sub(its_rows);
            if *own == 0 {
                waiting.rows_of.remove(&actor);
            }
        }
        batch.extend(waiting.commands.pop_front());
    }
    waiting.rows -= rows;
    waiting.bytes -= bytes;
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        let message = crewline_api::NewMessage::builder("scada", "SCADA", "x")
            .to("alice")
            .build()
            .unwrap();
        let send = crewline_core::SendCommand::new(message, crewline_core::DeviceNo(0)).unwrap();
        Pending {
            command: Command::Send(send),
            answer: oneshot::channel().0,
            entered: Instant::now(),
            span: tracing::Span::none(),
        }
    }

    fn taken(queue: &Queue) -> &'static str {
        match queue.take(Duration::ZERO) {
            Work::Batch(_) => "batch",
            Work::Act(_) => "act",
            Work::Note(_) => "note",
            Work::Keep(_) => "keep",
            Work::Index(_) => "index",
            Work::Idle => "idle",
            Work::Stop => "stop",
        }
    }

    #[test]
    fn between_two_batches_goes_one_step_of_the_retention_at_most() {
        let queue = Queue::default();
        let keep = || queue.push_keep(Box::new(|_| Ok(()))).unwrap();
        keep();
        queue.push(pending()).unwrap();
        assert_eq!(taken(&queue), "keep");
        keep();
        assert_eq!((taken(&queue), taken(&queue)), ("batch", "keep"));
        keep();
        assert_eq!(taken(&queue), "keep", "while nobody waits");
        // A step of the index counts as one, and comes after.
        queue.push_index(Box::new(|_| Ok(()))).unwrap();
        queue.push(pending()).unwrap();
        assert_eq!((taken(&queue), taken(&queue)), ("batch", "index"));
        keep();
        queue.push(pending()).unwrap();
        assert_eq!((taken(&queue), taken(&queue)), ("batch", "keep"));
        keep();
        queue.stop();
        assert_eq!(taken(&queue), "stop");
    }

    #[test]
    fn commands_are_gathered_until_there_are_enough_or_something_else_comes_or_the_time_is_over() {
        let queue = Queue::default();
        let long = Duration::from_mins(1);
        queue.push(pending()).unwrap();
        assert_eq!(queue.gather(1, long), 1, "there are enough");
        assert_eq!(queue.gather(2, Duration::ZERO), 1, "the time is over");
        std::thread::scope(|scope| {
            let gathers = scope.spawn(|| queue.gather(3, long));
            queue.push(pending()).unwrap();
            queue.push(pending()).unwrap();
            assert_eq!(gathers.join().unwrap(), 3);
            let gathers = scope.spawn(|| queue.gather(9, long));
            queue.push_act(Work::Act(Box::new(|_| {}))).unwrap();
            assert_eq!(gathers.join().unwrap(), 3, "an act does not wait");
        });
        queue.take(Duration::ZERO);
        std::thread::scope(|scope| {
            let gathers = scope.spawn(|| queue.gather(9, long));
            queue.stop();
            gathers.join().unwrap();
        });
    }
}
