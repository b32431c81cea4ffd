//! The power is cut: a layer under everything that writes files in this process, which remembers what was written and
//! not synced, and makes of it what a disk may hold when the power goes.
//!
//! It stands where a program meets the operating system, and not between SQLite and its files: the store also waits for the
//! disk by a call of its own beside SQLite ([ADR 8]), and backups and restores change names. SQLite's VFS would see
//! neither. [`calls`] stands before the C library; [`Recording`] keeps what was called; [`Tape::image`] makes what the disk
//! may hold after a cut at any of these calls.
//!
//! It is for tests, and for Linux. It promises nothing of a disk that lies about a sync.
//!
//! [ADR 8]: https://github.com/crewline/crewline/blob/main/docs/adr/0008-flush-beside-the-next-batch.md
#![cfg(target_os = "linux")]

mod calls;
mod image;
mod recording;
mod tape;

pub use image::{Names, Style};
pub use recording::{Recording, position};
pub use tape::{Call, FileNo, SyncNo, Tape};
