//! The turn: who writes, and whether somebody else has written since.
//!
//! Every transaction that writes holds one advisory lock of the database from its beginning to its end. So batches of several
//! writers (a server, the administrator's commands) come one after the other, as they do on SQLite: a log has no gap at any
//! time, messages become visible in the order of their numbers, on which search and retention rest, and no two writers ever
//! wait for each other in a circle. Rows need no locks of their own.
//!
//! Who changes what batches are decided on also takes a number from the sequence `turn`. A writer that finds the number behind
//! its own last one knows that nobody was there in between, and may trust all that it holds in memory. A sequence is not a
//! row: taking a number costs no write that others wait for, and a number that was taken in vain only costs a reading.

/// The lock of who writes: `crewline` as a number.
pub(crate) const TURN: i64 = 0x6372_6577_6c69_6e65;
/// The lock of who serves, which they share: whoever can have it alone knows that nobody does. It belongs to a connection, and
/// ends with it.
pub(crate) const SERVE: i64 = TURN + 1;
/// The lock of who brings the schema up to date.
pub(crate) const MIGRATE: i64 = TURN + 2;
