//! The index of words: filled in steps beside the messages, and asked for by readers.
//!
//! A send writes nothing of it. A step takes the messages behind the place up to which the index came, which stands in the
//! same transaction; a text that retention removes leaves the index with it.

use crewline_core::search::indexed;
use rusqlite::Connection;

use crate::error::Fault;
use crate::meta;

type Result<T> = std::result::Result<T, Fault>;

/// Messages that are not in the index yet.
const BEHIND: &str = "SELECT no, text FROM message WHERE no > ?1 ORDER BY no LIMIT ?2";

/// Whether there is something to be put into the index.
pub(crate) fn is_behind(sql: &Connection) -> Result<bool> {
    let mut newest = sql.prepare_cached("SELECT coalesce(max(no), 0) FROM message")?;
    let newest: i64 = newest.query_row([], |row| row.get(0))?;
    Ok(newest > meta::indexed_to(sql)?)
}

/// Puts so many messages into the index; returns whether there are more.
pub(crate) fn step(sql: &Connection, rows: usize) -> Result<bool> {
    let mut at = meta::indexed_to(sql)?;
    let mut behind = sql.prepare_cached(BEHIND)?;
    let mut insert = sql.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    let mut found = behind.query((at, rows as i64))?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        at = row.get(0)?;
        let words = indexed(row.get_ref(1)?.as_str().map_err(|error| {
            Fault::damaged(format!("the text of message {at} cannot be read: {error}"))
        })?);
        if !words.is_empty() {
            insert.execute((at, words))?;
        }
        count += 1;
    }
    drop(found);
    if count > 0 {
        meta::index_to(sql, at)?;
    }
    Ok(count == rows)
}

/// Takes a message out of the index, whose text is removed.
pub(crate) fn forget(sql: &Connection, message: i64) -> Result<()> {
    if message <= meta::indexed_to(sql)? {
        sql.prepare_cached("DELETE FROM search WHERE rowid = ?1")?
            .execute([message])?;
    }
    Ok(())
}
