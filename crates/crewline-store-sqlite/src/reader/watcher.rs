//! Watchers: who may read whose log.

use crewline_api::ParticipantId;
use crewline_core::{ParticipantNo, WatcherRow};
use rusqlite::Connection;

use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

/// Who watches a participant, by id.
pub(super) fn of(
    sql: &Connection,
    participant: &ParticipantId,
    after: Option<&str>,
    limit: usize,
) -> Result<Option<Vec<WatcherRow>>> {
    let mut known = sql.prepare_cached("SELECT no FROM participant WHERE id = ?1")?;
    let mut rows = known.query([participant.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let no: i64 = row.get(0)?;
    let mut statement = sql.prepare_cached(
        "SELECT p.id, coalesce(p.name, p.id), w.since FROM watcher w JOIN participant p ON p.no = w.user
         WHERE w.participant = ?1 AND p.id > ?2 ORDER BY p.id LIMIT ?3",
    )?;
    // No id is empty.
    let mut rows = statement.query((no, after.unwrap_or_default(), limit as i64))?;
    let mut watchers = Vec::new();
    while let Some(row) = rows.next()? {
        watchers.push(WatcherRow {
            id: row::participant_id(row, 0)?,
            name: row.get(1)?,
            since: row::time(row, 2)?,
        });
    }
    Ok(Some(watchers))
}

/// Whom a user watches, by id.
pub(super) fn watched_by(sql: &Connection, user: ParticipantNo) -> Result<Vec<ParticipantId>> {
    let mut statement = sql.prepare_cached(
        "SELECT p.id FROM watcher w JOIN participant p ON p.no = w.participant WHERE w.user = ?1 ORDER BY p.id",
    )?;
    let mut rows = statement.query([user.0])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(row::participant_id(row, 0)?);
    }
    Ok(ids)
}

/// Those of these participants whom a user watches. Whoever watches nobody is asked once, and not for each.
pub(super) fn among(
    sql: &Connection,
    user: ParticipantNo,
    participants: &[ParticipantNo],
) -> Result<Vec<ParticipantNo>> {
    let mut any = sql.prepare_cached("SELECT 1 FROM watcher WHERE user = ?1 LIMIT 1")?;
    if !any.exists([user.0])? {
        return Ok(Vec::new());
    }
    let mut one =
        sql.prepare_cached("SELECT 1 FROM watcher WHERE user = ?1 AND participant = ?2")?;
    let mut watched = Vec::new();
    for no in participants {
        if one.exists((user.0, no.0))? {
            watched.push(*no);
        }
    }
    Ok(watched)
}
