//! Watchers: users who may read another participant's log.

use crewline_api::{ParticipantId, Timestamp};
use crewline_core::{DirectoryError, Standing};

use super::{find, find_user, make};
use crate::error::{Fault, Refusal};
use crate::meta;
use crate::sql::Sql;

/// Makes a user a watcher; returns whether that is new.
pub(super) fn watch(
    sql: &Sql,
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
    let new = sql.execute(
        "INSERT INTO watcher (watched_by, participant, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &[&user_no.0, &watched.0, &now.as_millis()],
    )?;
    if new > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(new > 0)
}

/// Ends that; returns whether the user was a watcher.
pub(super) fn unwatch(
    sql: &Sql,
    user: &ParticipantId,
    participant: &ParticipantId,
) -> Result<bool, Refusal> {
    let user = find_user(sql, user)?;
    let (watched, _) = find(sql, participant)?.ok_or_else(|| unknown(participant))?;
    let ended = sql.execute(
        "DELETE FROM watcher WHERE watched_by = $1 AND participant = $2",
        &[&user.0, &watched.0],
    )?;
    if ended > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(ended > 0)
}

fn unknown(participant: &ParticipantId) -> Refusal {
    Refusal::Directory(DirectoryError::NoParticipant(participant.clone()))
}

/// Whether a token covers an id by a prefix: then it may act at any moment.
pub(super) fn is_covered(sql: &Sql, id: &ParticipantId) -> Result<bool, Fault> {
    let covered = sql.value(
        "SELECT EXISTS (SELECT 1 FROM token_external WHERE is_prefix AND starts_with($1, text))",
        &[&id.as_str()],
    )?;
    Ok(covered.unwrap_or(false))
}
