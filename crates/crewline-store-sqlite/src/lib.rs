//! Crewline's embedded store: one SQLite file, one writer, a checkpointer and a few readers.
//!
//! [`open()`] gives a server its store: it takes the serve lock, so that two servers never write to one file.
//! [`open_beside`] is for the administrator's commands, which work whether a server runs or not. [`admin`] holds what
//! works on the file as a whole: backup, restore, check, shell; [`copy`](mod@copy) gives and takes all that is in it.
//!
//! **Invariant:** no rule of Crewline is in here. The writer loads what it is asked for and writes what was decided, in
//! one transaction; when the [`Flush`](crewline_core::Flush) of it has returned, the batch is on the disk. Nothing is ever
//! called durable after a failed fsync.
//!
//! Ways of failing: every error names the file and says what to do. A full disk or a locked file leaves nothing behind,
//! and the same writer goes on when there is room again; only [`StoreErrorKind::Lost`](crewline_core::StoreErrorKind::Lost)
//! ends it.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

pub mod admin;
mod beside;
mod checkpointer;
mod connection;
pub mod copy;
mod directory;
mod error;
mod file;
mod in_use;
mod keep;
mod load;
mod lock;
mod log_file;
mod meta;
mod migration;
mod node;
mod open;
mod options;
mod reader;
mod row;
mod save;
mod search;
mod wal;
mod writer;

pub use beside::Beside;
pub use migration::{NEWEST as NEWEST_SCHEMA, schema_text};
pub use open::{open, open_beside};
pub use options::Options;

/// The version of SQLite that is built in, such as `3.54.1`.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
