//! Watchers: who may read whose log.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::ParticipantId;
use crewline_core::{ParticipantNo, WatcherRow};

use crate::error::Fault;
use crate::row::{self, as_integer};
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// Who watches a participant, by id.
pub(super) fn of(
    sql: &Sql,
    participant: &ParticipantId,
    after: Option<&str>,
    limit: usize,
) -> Result<Option<Vec<WatcherRow>>> {
    let no: Option<i64> = sql.value(
        "SELECT no FROM participant WHERE id = $1",
        &[&participant.as_str()],
    )?;
    let Some(no) = no else { return Ok(None) };
    // No id is empty.
    let rows = sql.query(
        "SELECT p.id, coalesce(p.name, p.id), w.since FROM watcher w JOIN participant p ON p.no = w.watched_by
         WHERE w.participant = $1 AND p.id > $2 ORDER BY p.id LIMIT $3",
        &[&no, &after.unwrap_or_default(), &as_integer(limit as u64)],
    )?;
    let mut watchers = Vec::new();
    for row in &rows {
        watchers.push(WatcherRow {
            id: row::participant_id(row, 0)?,
            name: get(row, 1)?,
            since: row::time(row, 2)?,
        });
    }
    Ok(Some(watchers))
}

/// Whom users watch, by id.
pub(super) fn watched_by(
    sql: &Sql,
    users: &[ParticipantNo],
) -> Result<BTreeMap<ParticipantNo, Vec<ParticipantId>>> {
    let users: Vec<i64> = users.iter().map(|no| no.0).collect();
    let rows = sql.query(
        "SELECT w.watched_by, p.id FROM watcher w JOIN participant p ON p.no = w.participant
         WHERE w.watched_by = ANY($1) ORDER BY p.id",
        &[&users],
    )?;
    let mut watched: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in &rows {
        let ids = watched.entry(ParticipantNo(get(row, 0)?)).or_default();
        ids.push(row::participant_id(row, 1)?);
    }
    Ok(watched)
}

/// Those of these participants whom a user watches.
pub(super) fn among(
    sql: &Sql,
    user: ParticipantNo,
    participants: &[ParticipantNo],
) -> Result<Vec<ParticipantNo>> {
    let asked: Vec<i64> = participants.iter().map(|no| no.0).collect();
    let rows = sql.query(
        "SELECT participant FROM watcher WHERE watched_by = $1 AND participant = ANY($2)",
        &[&user.0, &asked],
    )?;
    let watched: BTreeSet<i64> = rows.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    let in_order = participants.iter().copied();
    Ok(in_order.filter(|no| watched.contains(&no.0)).collect())
}
