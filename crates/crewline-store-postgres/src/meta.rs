//! Facts about the store as a whole: its epoch, and the versions that others watch.

use crate::error::Fault;
use crate::lineage::Noted;
use crate::sql::Sql;

type Result<T> = std::result::Result<T, Fault>;

/// Puts an epoch in the place of the one that there may be: 80 random bits in Crockford's base 32.
const DRAW: &str = "INSERT INTO meta (key, value)
     SELECT 'epoch', string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + (get_byte(random, at) & 31), 1), '')
     FROM (SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS random) r,
          unnest(ARRAY[0,1,2,3,4,5,9,10,11,12,13,14,15,16,17,18]) at
     ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// Fills the table of a new store.
pub(crate) fn start(sql: &Sql) -> Result<()> {
    sql.simple(DRAW)?;
    sql.simple(
        "INSERT INTO meta (key, value) VALUES ('directory_version', '0'), ('probe', '0'),
             ('created_at', floor(extract(epoch FROM now()) * 1000)::int8::text)",
    )?;
    Ok(())
}

/// A fact as a text.
pub(crate) fn value(sql: &Sql, key: &str) -> Result<Option<String>> {
    sql.value("SELECT value FROM meta WHERE key = $1", &[&key])
}

fn number(sql: &Sql, key: &str) -> Result<Option<i64>> {
    let Some(text) = value(sql, key)? else {
        return Ok(None);
    };
    let number = text.parse();
    number
        .map(Some)
        .map_err(|_| Fault::damaged(format!("the fact {key} is no number")))
}

fn put(sql: &Sql, key: &str, number: i64) -> Result<()> {
    put_value(sql, key, Some(&number.to_string()))
}

/// Puts a fact; without a value there is none.
pub(crate) fn put_value(sql: &Sql, key: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => sql.execute(
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            &[&key, &value],
        )?,
        None => sql.execute("DELETE FROM meta WHERE key = $1", &[&key])?,
    };
    Ok(())
}

/// The fact that marks a half-made copy.
pub(crate) const COPY_OF: &str = "copy_of";

/// Of what this is a half-made copy, if it is one.
pub(crate) fn copy_of(sql: &Sql) -> Result<Option<String>> {
    value(sql, COPY_OF)
}

/// Names the logs anew; returns the epoch.
pub(crate) fn draw_epoch(sql: &Sql) -> Result<String> {
    sql.simple(DRAW)?;
    epoch(sql)
}

/// From which database the store was served last. What cannot be read is as if it was not noted.
pub(crate) fn timeline(sql: &Sql) -> Result<Option<Noted>> {
    Ok(value(sql, "timeline")?.and_then(|text| text.parse().ok()))
}

/// Notes from which database it is served.
pub(crate) fn note_timeline(sql: &Sql, noted: Noted) -> Result<()> {
    put_value(sql, "timeline", Some(&noted.to_string()))
}

/// The epoch.
pub(crate) fn epoch(sql: &Sql) -> Result<String> {
    value(sql, "epoch")?.ok_or_else(|| Fault::damaged("the row of its epoch is missing"))
}

/// The version of the directory.
pub(crate) fn directory_version(sql: &Sql) -> Result<u64> {
    let version = number(sql, "directory_version")?;
    version
        .map(|version| version as u64)
        .ok_or_else(|| Fault::damaged("the row of its directory's version is missing"))
}

/// Says that a user, a token or a watcher changed, or that a session was closed.
pub(crate) fn bump_directory(sql: &Sql) -> Result<()> {
    let count = sql.execute(
        "UPDATE meta SET value = (value::int8 + 1)::text WHERE key = 'directory_version'",
        &[],
    )?;
    if count == 1 {
        return Ok(());
    }
    Err(Fault::damaged(
        "the row of its directory's version is missing",
    ))
}

/// How often texts were removed.
pub(crate) fn texts_removed(sql: &Sql) -> Result<u64> {
    Ok(number(sql, "texts_removed")?.unwrap_or(0) as u64)
}

/// Says that texts were removed: other nodes hold some in memory.
pub(crate) fn note_texts_removed(sql: &Sql) -> Result<()> {
    put(sql, "texts_removed", texts_removed(sql)? as i64 + 1)
}

/// Writes a little.
pub(crate) fn probe(sql: &Sql) -> Result<()> {
    sql.execute(
        "UPDATE meta SET value = (value::int8 + 1)::text WHERE key = 'probe'",
        &[],
    )?;
    Ok(())
}

/// Says that retention has removed something: then logs need not begin at 1.
pub(crate) fn note_retention(sql: &Sql) -> Result<()> {
    sql.execute(
        "INSERT INTO meta (key, value) VALUES ('texts_looked_at', '0') ON CONFLICT DO NOTHING",
        &[],
    )?;
    Ok(())
}

/// Up to which message the index of words came.
pub(crate) fn indexed_to(sql: &Sql) -> Result<i64> {
    Ok(number(sql, "search_indexed_to")?.unwrap_or(0))
}

/// Notes up to which message it came.
pub(crate) fn index_to(sql: &Sql, message: i64) -> Result<()> {
    put(sql, "search_indexed_to", message)
}

/// Up to which message retention has looked at texts.
pub(crate) fn texts_looked_at(sql: &Sql) -> Result<i64> {
    Ok(number(sql, "texts_looked_at")?.unwrap_or(0))
}

/// Notes up to which message it has.
pub(crate) fn look_at_texts(sql: &Sql, message: i64) -> Result<()> {
    put(sql, "texts_looked_at", message)
}
