//! Facts about the store as a whole: its epoch, and the versions that others watch.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Fault;

/// Crockford's base 32, in lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new name for a log: 80 random bits as 16 characters.
fn new_epoch(connection: &Connection) -> Result<String, Fault> {
    // SQLite's generator is seeded by the operating system.
    let random: Vec<u8> = connection.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    let digit = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
    Ok(random.iter().map(digit).collect())
}

/// Fills the table of a new store.
pub(crate) fn start(connection: &Connection) -> Result<(), Fault> {
    let epoch = new_epoch(connection)?;
    let mut insert = connection.prepare("INSERT INTO meta (key, value) VALUES (?1, ?2)")?;
    insert.execute(params!["epoch", epoch])?;
    insert.execute(params!["directory_version", 0])?;
    insert.execute(params!["probe", 0])?;
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('created_at', CAST(unixepoch('subsec') * 1000 AS INTEGER))",
        [],
    )?;
    Ok(())
}

/// The epoch.
pub(crate) fn epoch(connection: &Connection) -> Result<String, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = 'epoch'")?;
    let epoch: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    epoch.ok_or_else(|| Fault::damaged("the row of its epoch is missing"))
}

/// The version of the directory.
pub(crate) fn directory_version(connection: &Connection) -> Result<u64, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT value FROM meta WHERE key = 'directory_version'")?;
    let version: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    version
        .map(|version| version as u64)
        .ok_or_else(|| Fault::damaged("the row of its directory's version is missing"))
}

/// Says that a user, a token or a watcher changed, or that a session was closed.
pub(crate) fn bump_directory(connection: &Connection) -> Result<(), Fault> {
    let mut statement = connection
        .prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'directory_version'")?;
    match statement.execute([])? {
        1 => Ok(()),
        _ => Err(Fault::damaged(
            "the row of its directory's version is missing",
        )),
    }
}

/// Marks a copy as a backup of this epoch.
pub(crate) fn mark_backup(connection: &Connection) -> Result<(), Fault> {
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) SELECT 'backup_of_epoch', value FROM meta WHERE key = 'epoch'",
        [],
    )?;
    Ok(())
}

/// Of which epoch this is a backup, if it is one.
pub(crate) fn backup_of(connection: &Connection) -> Result<Option<String>, Fault> {
    let mut statement =
        connection.prepare("SELECT value FROM meta WHERE key = 'backup_of_epoch'")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Makes a store of a backup: gives it an epoch of its own, so that consumers learn that numbers may come again.
/// Returns the new epoch, or `None` where it was no backup. To be called inside of a write transaction.
pub(crate) fn renew_epoch(connection: &Connection) -> Result<Option<String>, Fault> {
    if backup_of(connection)?.is_none() {
        return Ok(None);
    }
    force_new_epoch(connection).map(Some)
}

/// The same, whatever it was: numbers may come again.
pub(crate) fn force_new_epoch(connection: &Connection) -> Result<String, Fault> {
    let epoch = new_epoch(connection)?;
    connection.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", [&epoch])?;
    connection.execute("DELETE FROM meta WHERE key = 'backup_of_epoch'", [])?;
    Ok(epoch)
}

/// Says that retention has removed something: then logs need not begin at 1.
pub(crate) fn note_retention(connection: &Connection) -> Result<(), Fault> {
    let mut statement = connection
        .prepare_cached("INSERT OR IGNORE INTO meta (key, value) VALUES ('texts_looked_at', 0)")?;
    statement.execute([])?;
    Ok(())
}

/// Up to which message the index of words came.
pub(crate) fn indexed_to(connection: &Connection) -> Result<i64, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT value FROM meta WHERE key = 'search_indexed_to'")?;
    let no: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(no.unwrap_or(0))
}

/// Notes up to which message it came.
pub(crate) fn index_to(connection: &Connection, message: i64) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('search_indexed_to', ?1)",
    )?;
    statement.execute([message])?;
    Ok(())
}

/// Up to which message retention has looked at texts.
pub(crate) fn texts_looked_at(connection: &Connection) -> Result<i64, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT value FROM meta WHERE key = 'texts_looked_at'")?;
    let no: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(no.unwrap_or(0))
}

/// Notes up to which message it has.
pub(crate) fn look_at_texts(connection: &Connection, no: i64) -> Result<(), Fault> {
    let mut statement = connection
        .prepare_cached("REPLACE INTO meta (key, value) VALUES ('texts_looked_at', ?1)")?;
    statement.execute([no])?;
    Ok(())
}

/// Facts that are texts; the others are numbers.
const TEXTS: [&str; 2] = ["epoch", "copy_of"];

/// A fact as a text.
pub(crate) fn as_text(connection: &Connection, key: &str) -> Result<Option<String>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT CAST(value AS TEXT) FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Puts a fact that was read as a text; without one there is none.
pub(crate) fn put_text(
    connection: &Connection,
    key: &str,
    value: Option<&str>,
) -> Result<(), Fault> {
    connection.execute("DELETE FROM meta WHERE key = ?1", [key])?;
    let Some(value) = value else { return Ok(()) };
    let insert = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
    if TEXTS.contains(&key) {
        connection.execute(insert, (key, value))?;
        return Ok(());
    }
    let number: i64 = value
        .parse()
        .map_err(|_| Fault::damaged(format!("the fact {key} is no number")))?;
    connection.execute(insert, (key, number))?;
    Ok(())
}

/// Of what this is a half-made copy, if it is one.
pub(crate) fn copy_of(connection: &Connection) -> Result<Option<String>, Fault> {
    as_text(connection, "copy_of")
}

/// Marks it as a half-made copy.
pub(crate) fn put_copy_of(connection: &Connection, mark: &str) -> Result<(), Fault> {
    put_text(connection, "copy_of", Some(mark))
}

/// Takes that mark away.
pub(crate) fn remove_copy_of(connection: &Connection) -> Result<(), Fault> {
    put_text(connection, "copy_of", None)
}
