//! The checkpointer: a thread with a connection of its own, that moves pages from the WAL into the file.
//!
//! It moves them beside the writer (`PASSIVE`), in large steps, and whenever nothing was written for a while. When all
//! are moved, the next writer begins the WAL anew by itself. A writer that never pauses would never let it come to that:
//! then the checkpointer asks for a turn, and moves the last few pages while the writer waits.
//!
//! Way of failing: what cannot be moved now (a full disk) is tried again; the WAL grows meanwhile, and a warning says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crewline_core::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use crate::connection::{connect, poll_for_locks};
use crate::error::Place;
use crate::options::Options;

/// How often it looks for pages that are left over.
const TICK: Duration = Duration::from_secs(2);
/// From how many steps' worth of pages on the writer must give way for a moment.
const STEPS_UNTIL_TURN: u32 = 4;
/// How often pages are moved beside the writer before it must wait for the rest.
const PASSES_BEFORE_TURN: usize = 4;
/// How long the writer waits at most in one turn of the checkpointer.
const TURN_MAX: Duration = Duration::from_millis(500);
/// How long the checkpointer waits in its turn for readers to end.
const READERS_MAX: Duration = Duration::from_millis(100);
/// A page of the WAL: 4,096 bytes and its header.
const FRAME_BYTES: u64 = 4_096 + 24;

/// What is known of the WAL.
#[derive(Debug, Default, Clone, Copy)]
struct Pages {
    /// Pages in it, since it began anew.
    written: u32,
    /// How many of them are in the file already.
    moved: u32,
    /// How often it began anew.
    restarts: u64,
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
    lost: AtomicBool,
    /// Whether the checkpointer wants the writer to wait.
    turn: AtomicBool,
    turn_over: Condvar,
    step: u32,
}

impl Wal {
    fn new(step: u32) -> Self {
        Self {
            pages: Mutex::default(),
            poke: Condvar::new(),
            poked: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            turn: AtomicBool::new(false),
            turn_over: Condvar::new(),
            step: step.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        // Three numbers: there is no state in between.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called after each commit with the number of pages in the WAL.
    fn note(&self, written: u32) {
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

    fn end_turn(&self) {
        // Under the lock, so that the writer is not between looking and waiting.
        let _pages = self.lock();
        self.turn.store(false, Ordering::Release);
        self.turn_over.notify_all();
    }

    /// Says that nobody knows what of the WAL is on the disk.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }

    /// Whether nobody knows what of the WAL is on the disk.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Bytes in the WAL; 0 when all of it is in the file.
    pub(crate) fn bytes(&self) -> u64 {
        let pages = *self.lock();
        if pages.moved >= pages.written {
            0
        } else {
            u64::from(pages.written) * FRAME_BYTES
        }
    }
}

/// The thread; dropping it ends it.
pub(crate) struct Checkpointer {
    wal: Arc<Wal>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts it for a store whose writer is `writer`.
    pub(crate) fn start(
        place: &Place,
        options: &Options,
        writer: &mut Connection,
    ) -> Result<Self, StoreError> {
        let wal = Arc::new(Wal::new(options.checkpoint_pages));
        let doing = "starting the checkpointer";
        let mut connection = connect(place, options).map_err(|fault| place.error(doing, fault))?;
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|error| place.error(doing, error))?;
        poll_for_locks(&mut connection, READERS_MAX).map_err(|fault| place.error(doing, fault))?;
        watch(writer, &wal).map_err(|error| place.error(doing, error))?;
        let (shared, place_of_thread) = (Arc::clone(&wal), place.clone());
        let thread = std::thread::Builder::new()
            .name("crewline-checkpointer".to_owned())
            .spawn(move || run(&shared, &connection, &place_of_thread))
            .map_err(|error| place.io_error(doing, &error))?;
        Ok(Self {
            wal,
            thread: Some(thread),
        })
    }

    pub(crate) fn wal(&self) -> &Arc<Wal> {
        &self.wal
    }

    /// Ends the thread, after what it is just doing.
    pub(crate) fn stop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        {
            // Under the lock, so that the thread is not between looking and waiting.
            let _pages = self.wal.lock();
            self.wal.stopping.store(true, Ordering::Release);
            self.wal.poke.notify_one();
        }
        if thread.join().is_err() {
            tracing::error!("the checkpointer has panicked");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Has every commit on the writer's connection tell how many pages the WAL has.
fn watch(writer: &mut Connection, wal: &Arc<Wal>) -> Result<(), rusqlite::Error> {
    let wal = Arc::clone(wal);
    let note = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
        wal.note(pages.unsigned_abs());
        Ok(())
    };
    writer.wal_hook(Some(note))
}

fn run(wal: &Wal, connection: &Connection, place: &Place) {
    let mut failing = false;
    // From how many pages on the writer must give way.
    let mut turn_from = 0;
    // What an earlier process has left is moved first.
    let mut left = true;
    while !wal.stopping.load(Ordering::Acquire) {
        if left && !wal.is_lost() {
            let done = step(wal, connection, &mut turn_from);
            let is_failing = done.is_err();
            match done {
                Err(error) if !failing => {
                    let error =
                        place.error("moving pages from the write-ahead log into the file", error);
                    tracing::warn!(%error, "the write-ahead log grows until this succeeds; it is tried again");
                }
                Ok(()) if failing => {
                    tracing::info!("pages of the write-ahead log can be moved again");
                }
                _ => {}
            }
            failing = is_failing;
        }
        // Looked up each time: whoever opens a store may begin to measure later.
        metrics::gauge!("crewline_wal_bytes").set(wal.bytes() as f64);
        left = wait(wal);
    }
}

/// Waits until there is a step's worth of pages, or for a while. Returns whether any are left to be moved.
fn wait(wal: &Wal) -> bool {
    let mut pages = wal.lock();
    if !wal.stopping.load(Ordering::Acquire) && !wal.poked.load(Ordering::Relaxed) {
        pages = wal
            .poke
            .wait_timeout(pages, TICK)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
    wal.poked.store(false, Ordering::Relaxed);
    pages.written > pages.moved
}

/// Moves what can be moved, and makes the WAL begin anew where it has grown large.
fn step(wal: &Wal, connection: &Connection, turn_from: &mut u32) -> Result<(), rusqlite::Error> {
    let first = wal.step.saturating_mul(STEPS_UNTIL_TURN);
    let mut written = 0;
    for _ in 0..PASSES_BEFORE_TURN {
        let before = wal.lock().written;
        let moved;
        (written, moved) = checkpoint(wal, connection, CheckpointMode::PASSIVE)?;
        if written < first {
            *turn_from = first;
        }
        // Where a long reading keeps pages from being moved, a turn would only make the writer wait.
        let is_held = before.min(written).saturating_sub(moved) >= wal.step;
        if written < *turn_from || is_held {
            return Ok(());
        }
        // What the writer wrote meanwhile is moved in the next pass, so that little is left for the turn.
        if written.saturating_sub(moved) < wal.step / 8 {
            break;
        }
    }
    wal.turn.store(true, Ordering::Release);
    let done = checkpoint(wal, connection, CheckpointMode::RESTART);
    wal.end_turn();
    match done {
        // A reading has kept it from that: the next turn is when the WAL is twice as large.
        Err(error) if crate::error::is_busy(&error) => *turn_from = written.saturating_mul(2),
        done => {
            done?;
            *turn_from = first;
        }
    }
    Ok(())
}

/// Moves pages; returns how many the WAL has, and how many of them are in the file.
fn checkpoint(
    wal: &Wal,
    connection: &Connection,
    mode: CheckpointMode,
) -> Result<(u32, u32), rusqlite::Error> {
    let before = *wal.lock();
    let (written, moved) = connection.wal_checkpoint_v2(Some(MAIN_DB), mode)?;
    // Both are -1 where there is no WAL yet.
    let (written, moved) = (
        u32::try_from(written).unwrap_or(0),
        u32::try_from(moved).unwrap_or(0),
    );
    let mut pages = wal.lock();
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
    Ok((written, moved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::use_wal;

    /// A file with a WAL of its own, without the thread: the tests take the steps.
    struct Bench {
        wal: Arc<Wal>,
        writer: Connection,
        mover: Connection,
        place: Place,
        options: Options,
        _folder: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            checkpoint_pages: 10,
            ..Options::new(folder.path().join("crewline.db"))
        };
        std::fs::write(&options.path, "").unwrap();
        let place = Place::new(&options.path);
        let mut writer = connect(&place, &options).unwrap();
        use_wal(&writer, &place).unwrap();
        writer
            .execute_batch("CREATE TABLE rows (bytes BLOB)")
            .unwrap();
        let mover = connect(&place, &options).unwrap();
        let wal = Arc::new(Wal::new(options.checkpoint_pages));
        watch(&mut writer, &wal).unwrap();
        Bench {
            wal,
            writer,
            mover,
            place,
            options,
            _folder: folder,
        }
    }

    impl Bench {
        fn write_pages(&self, count: usize) {
            let sql = "INSERT INTO rows VALUES (zeroblob(?1 * 4096))";
            self.writer.execute(sql, [count]).unwrap();
        }
    }

    #[test]
    fn a_large_wal_begins_anew_after_a_turn() {
        let bench = bench();
        bench.write_pages(50);
        assert!(bench.wal.bytes() >= 50 * FRAME_BYTES);
        assert!(bench.wal.poked.load(Ordering::Relaxed));
        let mut turn_from = 0;
        step(&bench.wal, &bench.mover, &mut turn_from).unwrap();
        assert_eq!((turn_from, bench.wal.bytes()), (40, 0));
        assert!(!bench.wal.turn.load(Ordering::Relaxed));
        bench.write_pages(1);
        let pages = *bench.wal.lock();
        assert_eq!(pages.restarts, 1);
        assert!(pages.written < 10 && pages.moved == 0, "{pages:?}");
    }

    #[test]
    fn no_turn_is_taken_while_a_reading_holds_the_pages() {
        let bench = bench();
        let reader = connect(&bench.place, &bench.options).unwrap();
        bench.write_pages(1);
        reader
            .execute_batch("BEGIN; SELECT count(*) FROM rows")
            .unwrap();
        bench.write_pages(50);
        // With a turn this would wait for the reading, and be refused.
        let mut turn_from = 0;
        step(&bench.wal, &bench.mover, &mut turn_from).unwrap();
        assert_eq!(turn_from, 0);
        assert!(bench.wal.bytes() > 0);
        reader.execute_batch("COMMIT").unwrap();
        step(&bench.wal, &bench.mover, &mut turn_from).unwrap();
        assert_eq!((turn_from, bench.wal.bytes()), (40, 0));
    }

    #[test]
    fn the_writer_waits_for_the_end_of_a_turn() {
        let wal = Wal::new(10);
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
