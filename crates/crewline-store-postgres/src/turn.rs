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

use crate::error::Fault;
use crate::sql::Sql;

/// [`TURN`], for the text of a statement.
macro_rules! turn {
    () => {
        7_165_901_520_694_242_917
    };
}
pub(crate) use turn;

/// The lock of who writes: `crewline` as a number.
pub(crate) const TURN: i64 = turn!();
/// The lock of who serves, which they share: whoever can have it alone knows that nobody does. It belongs to a connection, and
/// ends with it.
pub(crate) const SERVE: i64 = TURN + 1;
/// The lock of who brings the schema up to date.
pub(crate) const MIGRATE: i64 = TURN + 2;
/// [`INDEX`], for the text of a statement.
macro_rules! index {
    () => {
        7_165_901_520_694_242_920
    };
}
pub(crate) use index;
/// The lock of who writes to the index that is searched: that is no turn, and goes on beside it. Whoever needs both takes the
/// turn first.
pub(crate) const INDEX: i64 = TURN + 3;
const _: () = assert!(INDEX == index!());
/// Half of the lock of each one who serves; the other half is the number of its row of `writer`.
const SERVER: i32 = 0x6372_6577;

/// What the database calls the other end of a connection, so that no other one is ever meant.
const WHO: &str =
    "SELECT pid || ' ' || backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/// Ends the other end of an earlier connection, where it has not noticed yet, and waits for that.
pub(crate) const END: &str = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE pid || ' ' || backend_start = $1";

/// Says that somebody serves, under which number, and what the database calls this connection's other end.
pub(crate) fn sign_on(sql: &Sql, row: Option<i64>) -> Result<Option<String>, Fault> {
    let row = row.unwrap_or_default() as i32;
    sql.simple(&format!(
        "SELECT pg_advisory_lock_shared({SERVE}), pg_advisory_lock_shared({SERVER}, {row})"
    ))?;
    sql.value(WHO, &[])
}

/// Removes the rows of who served before.
pub(crate) fn remove_old(sql: &Sql) -> Result<(), Fault> {
    let gone = format!(
        "DELETE FROM writer w WHERE at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM pg_locks l
         WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = {SERVER} AND l.objid::int8 = w.no)"
    );
    sql.simple(&gone).map(drop)
}
