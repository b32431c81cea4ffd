//! Watchers: users who may read another participant's log.

use crewline_api::{ParticipantId, Timestamp};
use crewline_core::{DirectoryError, ParticipantNo, Standing};
use rusqlite::Connection;

use super::{find, find_user, make};
use crate::connection::Refusal;
use crate::error::Fault;
use crate::meta;

/// Makes a user a watcher; returns whether that is new.
pub(super) fn watch(
    sql: &Connection,
    user: &ParticipantId,
    participant: &ParticipantId,
    now: Timestamp,
) -> Result<bool, Refusal> {
    let user_no = find_user(sql, user)?;
    if user == participant {
        let error = DirectoryError::WatchesItself(user.clone());
        return Err(Refusal::Directory(error));
    }
    let watched = match find(sql, participant)? {
        Some((no, _)) => no,
        None if is_covered(sql, participant)? => make(sql, participant, Standing::Expected)?,
        None => return Err(unknown(participant)),
    };
    let new = sql
        .prepare_cached(
            "INSERT INTO watcher (user, participant, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute((user_no.0, watched.0, now.as_millis()))?;
    if new > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(new > 0)
}

/// Ends that; returns whether the user was a watcher.
pub(super) fn unwatch(
    sql: &Connection,
    user: &ParticipantId,
    participant: &ParticipantId,
) -> Result<bool, Refusal> {
    let user = find_user(sql, user)?;
    let (watched, _) = find(sql, participant)?.ok_or_else(|| unknown(participant))?;
    let ended = remove(sql, user, watched)?;
    if ended {
        meta::bump_directory(sql)?;
    }
    Ok(ended)
}

fn remove(sql: &Connection, user: ParticipantNo, watched: ParticipantNo) -> Result<bool, Fault> {
    let mut delete =
        sql.prepare_cached("DELETE FROM watcher WHERE user = ?1 AND participant = ?2")?;
    Ok(delete.execute((user.0, watched.0))? > 0)
}

fn unknown(participant: &ParticipantId) -> Refusal {
    Refusal::Directory(DirectoryError::NoParticipant(participant.clone()))
}

/// Whether a token covers an id by a prefix: then it may act at any moment.
pub(super) fn is_covered(sql: &Connection, id: &ParticipantId) -> Result<bool, Fault> {
    let mut statement = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM token_external WHERE is_prefix = 1 AND substr(?1, 1, length(text)) = text)",
    )?;
    Ok(statement.query_row([id.as_str()], |row| row.get(0))?)
}
