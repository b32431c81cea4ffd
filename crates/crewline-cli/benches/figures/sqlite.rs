//! SQLite as the store sets it up, for the floors: each commit is flushed, and pages are moved by a thread of their own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// The step of checkpoints, as the store has it.
const CHECKPOINT_PAGES: u32 = 16_000;
/// How often it is looked whether there is a step to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(crate) fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    // It answers with the mode.
    connection
        .query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))
        .unwrap();
    for (pragma, value) in [
        ("synchronous", "FULL"),
        ("cache_size", "-65536"),
        ("temp_store", "MEMORY"),
    ] {
        connection.pragma_update(None, pragma, value).unwrap();
    }
    connection
        .query_row("PRAGMA wal_autocheckpoint = 0", (), |_| Ok(()))
        .unwrap();
    connection
}

/// Moves pages from the WAL into the file until it is dropped: in large steps, and when nothing is written.
pub(crate) struct Checkpointer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn start(path: &Path, writer: &mut Connection) -> Self {
        let (stop, pages) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let noted = Arc::clone(&pages);
        writer
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
                noted.store(pages.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            }))
            .unwrap();
        let (stopped, mover) = (Arc::clone(&stop), connect(path));
        let thread = std::thread::spawn(move || {
            let (mut seen, mut moved) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_EVERY);
                let now = pages.load(Ordering::Relaxed);
                if now < seen {
                    // The WAL began anew.
                    moved = 0;
                }
                let rests = now == seen && now > moved;
                seen = now;
                if rests || now > moved + CHECKPOINT_PAGES {
                    let step = |row: &rusqlite::Row<'_>| row.get(2);
                    let done = mover.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), step);
                    moved = done.unwrap_or(moved);
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
