//! The checkpointer: a thread with a connection of its own, that moves pages from the WAL into the file.
//!
//! It moves them beside the writer (`PASSIVE`), in large steps, and whenever nothing was written for a while. When all
//! are moved, the next writer begins the WAL anew by itself. A writer that never pauses would never let it come to that:
//! then the checkpointer asks for a turn, and moves the last few pages while the writer waits.
//!
//! Way of failing: what cannot be moved now (a full disk) is tried again; the WAL grows meanwhile, and a warning says so.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crewline_core::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use crate::connection::{WriteConnection, connect, poll_for_locks};
use crate::error::Place;
use crate::options::Options;
use crate::wal::Wal;

/// From how many steps' worth of pages on the writer must give way for a moment.
const STEPS_UNTIL_TURN: u32 = 4;
/// How often pages are moved beside the writer before it must wait for the rest.
const PASSES_BEFORE_TURN: usize = 4;
/// How long the checkpointer waits in its turn for readers to end.
const READERS_MAX: Duration = Duration::from_millis(100);

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
        writer: &mut WriteConnection,
    ) -> Result<Self, StoreError> {
        let wal = Arc::new(Wal::new(options.checkpoint_pages, writer.lost()));
        let doing = "starting the checkpointer";
        let mut connection = connect(place, options).map_err(|fault| place.error(doing, fault))?;
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|error| place.error(doing, error))?;
        poll_for_locks(&mut connection, READERS_MAX).map_err(|fault| place.error(doing, fault))?;
        watch(writer.sql_mut(), &wal).map_err(|error| place.error(doing, error))?;
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
        self.wal.stop();
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
    while !wal.is_stopping() {
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
        left = wal.wait();
    }
}

/// Moves what can be moved, and makes the WAL begin anew where it has grown large.
fn step(wal: &Wal, connection: &Connection, turn_from: &mut u32) -> Result<(), rusqlite::Error> {
    let first = wal.step().saturating_mul(STEPS_UNTIL_TURN);
    let mut written = 0;
    for _ in 0..PASSES_BEFORE_TURN {
        let before = wal.pages().written;
        let moved;
        (written, moved) = checkpoint(wal, connection, CheckpointMode::PASSIVE)?;
        if written < first {
            *turn_from = first;
        }
        // Where a long reading keeps pages from being moved, a turn would only make the writer wait.
        let is_held = before.min(written).saturating_sub(moved) >= wal.step();
        if written < *turn_from || is_held {
            return Ok(());
        }
        // What the writer wrote meanwhile is moved in the next pass, so that little is left for the turn.
        if written.saturating_sub(moved) < wal.step() / 8 {
            break;
        }
    }
    wal.begin_turn();
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
    let before = wal.pages();
    let (written, moved) = connection.wal_checkpoint_v2(Some(MAIN_DB), mode)?;
    // Both are -1 where there is no WAL yet.
    let count = |pages| u32::try_from(pages).unwrap_or(0);
    let (written, moved) = (count(written), count(moved));
    wal.learn(before, written, moved);
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
        let wal = Arc::new(Wal::new(options.checkpoint_pages, Arc::default()));
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
        fn write_pages(&self, count: i64) {
            let sql = "INSERT INTO rows VALUES (zeroblob(?1 * 4096))";
            self.writer.execute(sql, [count]).unwrap();
        }
    }

    #[test]
    fn a_large_wal_begins_anew_after_a_turn() {
        let bench = bench();
        bench.write_pages(50);
        assert!(bench.wal.bytes() >= 50 * 4_096);
        let mut turn_from = 0;
        step(&bench.wal, &bench.mover, &mut turn_from).unwrap();
        assert_eq!((turn_from, bench.wal.bytes()), (40, 0));
        // The turn is over: this does not wait.
        bench.wal.give_way();
        bench.write_pages(1);
        let pages = bench.wal.pages();
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
}
