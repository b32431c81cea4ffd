//! Tests of the SQLite store, through what it gives to others.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod backup;
mod beside;
mod check;
mod conformance;
mod disk_full;
mod keep;
mod mount;
mod opening;
mod read_only;
mod restore;
mod schema;
mod shell;
mod support;
mod wal;
