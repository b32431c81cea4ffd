//! What is known of the write-ahead log: shared by the writer, the checkpointer and the readers.
//!
//! The writer tells after each commit how many pages it has, and gives way when the checkpointer needs a turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the checkpointer looks for pages that are left over.
const TICK: Duration = Duration::from_secs(2);
/// How long the writer waits at most in one turn of the checkpointer.
const TURN_MAX: Duration = Duration::from_millis(500);
/// A page of the WAL: 4,096 bytes and its header.
const FRAME_BYTES: u64 = 4_096 + 24;

/// What is known of the WAL.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Pages {
    /// Pages in it, since it began anew.
    pub(crate) written: u32,
    /// How many of them are in the file already.
    pub(crate) moved: u32,
    /// How often it began anew.
    pub(crate) restarts: u64,
    /// How often the writer told of it.
    notes: u64,
}

/// What the writer, the checkpointer and readers share.
#[derive(Debug)]
pub(crate) struct Wal {
    pages: Mutex<Pages>,
    /// Wakes the checkpointer.
    poke: Condvar,
    poked: AtomicBool,
    stopping: AtomicBool,
    /// Whether an fsync of the WAL failed: its pages are moved nowhere any more.
    lost: Arc<AtomicBool>,
    /// Whether the checkpointer wants the writer to wait.
    turn: AtomicBool,
    turn_over: Condvar,
    /// From how many pages on they are worth a step.
    step: u32,
}

impl Wal {
    /// `step`: from how many pages on the checkpointer is woken. `lost`: is set when nobody knows any more what of the WAL
    /// is on the disk.
    pub(crate) fn new(step: u32, lost: Arc<AtomicBool>) -> Self {
        Self {
            pages: Mutex::default(),
            poke: Condvar::new(),
            poked: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            lost,
            turn: AtomicBool::new(false),
            turn_over: Condvar::new(),
            step: step.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        // A few numbers: there is no state in between.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called after each commit with the number of pages in the WAL.
    pub(crate) fn note(&self, written: u32) {
        let mut pages = self.lock();
        pages.notes += 1;
        if written < pages.written {
            pages.restarts += 1;
            pages.moved = 0;
        }
        pages.written = written;
        if written - pages.moved.min(written) >= self.step
            && !self.poked.swap(true, Ordering::Relaxed)
        {
            self.poke.notify_one();
        }
    }

    /// Called by the writer before each transaction: waits while the checkpointer has its turn.
    pub(crate) fn give_way(&self) {
        if !self.turn.load(Ordering::Acquire) {
            return;
        }
        let until = Instant::now() + TURN_MAX;
        let mut pages = self.lock();
        while self.turn.load(Ordering::Acquire) {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return;
            };
            pages = self
                .turn_over
                .wait_timeout(pages, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Makes the writer wait before its next transaction.
    pub(crate) fn begin_turn(&self) {
        self.turn.store(true, Ordering::Release);
    }

    /// Lets the writer go on.
    pub(crate) fn end_turn(&self) {
        // Under the lock, so that the writer is not between looking and waiting.
        let _pages = self.lock();
        self.turn.store(false, Ordering::Release);
        self.turn_over.notify_all();
    }

    /// What is known now.
    pub(crate) fn pages(&self) -> Pages {
        *self.lock()
    }

    /// How many pages are worth a step.
    pub(crate) fn step(&self) -> u32 {
        self.step
    }

    /// Takes note of what a checkpoint found, that was begun when `before` was known.
    pub(crate) fn learn(&self, before: Pages, written: u32, moved: u32) {
        let mut pages = self.lock();
        if pages.notes == before.notes {
            *pages = Pages {
                written,
                moved,
                ..before
            };
        } else if pages.restarts == before.restarts {
            // The writer has told of a newer count. (Where the WAL began anew, these are numbers of the one before.)
            pages.moved = moved;
        }
    }

    /// Waits until there is a step's worth of pages, or for a while. Returns whether any are left to be moved.
    pub(crate) fn wait(&self) -> bool {
        let mut pages = self.lock();
        if !self.is_stopping() && !self.poked.load(Ordering::Relaxed) {
            pages = self
                .poke
                .wait_timeout(pages, TICK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        self.poked.store(false, Ordering::Relaxed);
        pages.written > pages.moved
    }

    /// Ends the waiting, and says that there is to be no more.
    pub(crate) fn stop(&self) {
        // Under the lock, so that the checkpointer is not between looking and waiting.
        let _pages = self.lock();
        self.stopping.store(true, Ordering::Release);
        self.poke.notify_one();
    }

    /// Whether there is to be no more waiting.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether nobody knows what of the WAL is on the disk.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Bytes in the WAL; 0 when all of it is in the file.
    pub(crate) fn bytes(&self) -> u64 {
        let pages = self.pages();
        if pages.moved >= pages.written {
            0
        } else {
            u64::from(pages.written) * FRAME_BYTES
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_worth_of_pages_wakes_the_checkpointer_at_once() {
        let wal = Wal::new(10, Arc::default());
        wal.note(9);
        assert!(!wal.poked.load(Ordering::Relaxed));
        wal.note(10);
        assert!(wal.wait());
        wal.learn(wal.pages(), 10, 10);
        assert_eq!(wal.bytes(), 0);
    }

    #[test]
    fn what_a_checkpoint_found_of_an_older_log_is_not_taken_for_this_one() {
        let wal = Wal::new(10, Arc::default());
        wal.note(30);
        let before = wal.pages();
        wal.note(2);
        wal.learn(before, 30, 30);
        let pages = wal.pages();
        assert_eq!((pages.written, pages.moved, pages.restarts), (2, 0, 1));
    }

    #[test]
    fn the_writer_waits_for_the_end_of_a_turn() {
        let wal = Wal::new(10, Arc::default());
        wal.give_way();
        wal.turn.store(true, Ordering::Release);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                wal.give_way();
                wal.turn.load(Ordering::Acquire)
            });
            wal.end_turn();
            assert!(!writer.join().unwrap());
        });
    }
}
