//! How a store is opened.

use std::path::PathBuf;
use std::time::Duration;

/// How a store is opened. [`Options::new`] has what a server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The file. SQLite keeps `-wal` and `-shm` beside it, and a server `-lock`.
    pub path: PathBuf,
    /// How long to wait for the lock of another process, in milliseconds, before it is an error.
    pub busy_timeout_ms: u64,
    /// From how many pages (of 4 KiB) in the WAL on they are moved into the file. Larger steps write less in all, and
    /// leave a larger WAL.
    pub checkpoint_pages: u32,
    /// How many connections read at once. Who finds none free waits.
    pub readers: usize,
    /// Whether each commit waits until the disk has it. Without, a power cut can take the last commits back: for tests
    /// that make many stores, never for a server.
    pub synchronous_full: bool,
}

impl Options {
    /// What a server needs, for the store in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            busy_timeout_ms: 10_000,
            checkpoint_pages: 16_000,
            readers: 4,
            synchronous_full: true,
        }
    }

    pub(crate) fn busy_timeout(&self) -> Duration {
        Duration::from_millis(self.busy_timeout_ms)
    }
}
