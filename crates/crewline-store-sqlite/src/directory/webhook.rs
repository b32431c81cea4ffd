//! Webhooks.

use crewline_api::limits::{WEBHOOK_PARKED_MAX, WEBHOOKS_MAX};
use crewline_api::{ParticipantId, Seq, Timestamp, WebhookFailure};
use crewline_core::webhook::{cursor_of, silent};
use crewline_core::{
    DirectoryError, NewWebhookRow, ParticipantNo, Standing, WebhookAct, WebhookNo,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{find, make, session, watcher};
use crate::connection::Refusal;
use crate::error::Fault;
use crate::reader::as_integer;
use crate::{meta, row};

/// Adds one, and puts its cursor.
pub(super) fn add(
    sql: &Connection,
    new: &NewWebhookRow,
    now: Timestamp,
) -> Result<WebhookNo, Refusal> {
    meta::bump_directory(sql)?;
    let count: i64 = sql
        .prepare_cached("SELECT count(*) FROM webhook")?
        .query_row([], |row| row.get(0))?;
    if count >= WEBHOOKS_MAX as i64 {
        return Err(Refusal::Directory(DirectoryError::TooManyWebhooks));
    }
    let participant = know(sql, &new.participant)?;
    let head = row::load_head(sql, participant)?;
    let seq = new.after.unwrap_or(head);
    check_within(seq, head)?;
    // The device has the webhook's number in its id, and the webhook the device's: one of them must wait.
    let no: WebhookNo = sql
        .prepare_cached(
            "INSERT INTO webhook (participant, device, url, kinds, secret, created_at) VALUES (?1, 0, ?2, ?3, ?4, ?5)
             RETURNING no",
        )?
        .query_row(
            params![
                participant.0,
                new.url.as_str(),
                new.kinds.bits(),
                new.secret.reveal(),
                now.as_millis()
            ],
            |row| row.get(0).map(WebhookNo),
        )?;
    let device = session::put_device(sql, None, &format!("webhook-{}", no.0), None, now)?;
    sql.prepare_cached("UPDATE webhook SET device = ?2 WHERE no = ?1")?
        .execute((no.0, device.0))?;
    sql.prepare_cached(
        "INSERT OR REPLACE INTO cursor (participant, name, seq, kinds, put_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        participant.0,
        cursor_of(no).as_str(),
        as_integer(seq),
        silent(new.kinds).bits(),
        now.as_millis()
    ])?;
    Ok(no)
}

/// Whose log it reads. Who is not in the directory acts as an external from now on.
fn know(sql: &Connection, id: &ParticipantId) -> Result<ParticipantNo, Refusal> {
    match find(sql, id)? {
        Some((no, Standing::Expected)) => {
            sql.prepare_cached("UPDATE participant SET standing = 2 WHERE no = ?1")?
                .execute([no.0])?;
            Ok(no)
        }
        Some((no, _)) => Ok(no),
        None if watcher::is_covered(sql, id)? => Ok(make(sql, id, Standing::External)?),
        None => Err(Refusal::Directory(DirectoryError::NoParticipant(
            id.clone(),
        ))),
    }
}

fn check_within(seq: Seq, head: Seq) -> Result<(), Refusal> {
    if seq <= head {
        return Ok(());
    }
    Err(Refusal::Directory(DirectoryError::BeyondLog { seq, head }))
}

/// Does something to one.
pub(super) fn act(sql: &Connection, no: WebhookNo, act: &WebhookAct) -> Result<(), Refusal> {
    meta::bump_directory(sql)?;
    let participant = sql
        .prepare_cached(
            "UPDATE webhook SET revision = revision + 1 WHERE no = ?1 RETURNING participant",
        )?
        .query_row([no.0], |row| row.get(0).map(ParticipantNo))
        .optional()?
        .ok_or(Refusal::Directory(DirectoryError::NoWebhook(no)))?;
    match act {
        WebhookAct::Change { url, kinds } => {
            sql.prepare_cached(
                "UPDATE webhook SET url = coalesce(?2, url), kinds = coalesce(?3, kinds) WHERE no = ?1",
            )?
            .execute((
                no.0,
                url.as_ref().map(crewline_api::WebhookUrl::as_str),
                kinds.map(crewline_api::EventKinds::bits),
            ))?;
            begin_anew(sql, no, Seq::MAX)?;
        }
        WebhookAct::Pause(reason) => {
            sql.prepare_cached("UPDATE webhook SET paused = coalesce(paused, ?2) WHERE no = ?1")?
                .execute((no.0, reason))?;
        }
        WebhookAct::Resume => {
            sql.prepare_cached("UPDATE webhook SET paused = NULL WHERE no = ?1")?
                .execute([no.0])?;
            begin_anew(sql, no, Seq::MAX)?;
        }
        WebhookAct::Replay(from) => {
            let to = from.saturating_sub(1);
            check_within(to, row::load_head(sql, participant)?)?;
            sql.prepare_cached("UPDATE webhook SET rewind_to = ?2 WHERE no = ?1")?
                .execute((no.0, as_integer(to)))?;
            begin_anew(sql, no, to)?;
        }
        WebhookAct::ReplayParked(seq) => {
            let found = sql
                .prepare_cached(
                    "UPDATE webhook_failure SET again = 1 WHERE webhook = ?1 AND seq = ?2 AND parked = 1",
                )?
                .execute((no.0, as_integer(*seq)))?;
            if found == 0 {
                return Err(Refusal::Directory(DirectoryError::NotParked(*seq)));
            }
        }
    }
    Ok(())
}

/// Forgets what failed and was not parked, and all that lies behind a place: it is tried anew.
fn begin_anew(sql: &Connection, no: WebhookNo, behind: Seq) -> Result<(), Fault> {
    sql.prepare_cached(
        "DELETE FROM webhook_failure WHERE webhook = ?1 AND (parked = 0 OR seq > ?2)",
    )?
    .execute((no.0, as_integer(behind)))?;
    Ok(())
}

/// Removes one; returns whether there was one. Its device stays, for the receipts that name it.
pub(super) fn remove(sql: &Connection, no: WebhookNo) -> Result<bool, Fault> {
    sql.prepare_cached("DELETE FROM webhook_failure WHERE webhook = ?1")?
        .execute([no.0])?;
    let participant: Option<i64> = sql
        .prepare_cached("DELETE FROM webhook WHERE no = ?1 RETURNING participant")?
        .query_row([no.0], |row| row.get(0))
        .optional()?;
    let Some(participant) = participant else {
        return Ok(false);
    };
    sql.prepare_cached("DELETE FROM cursor WHERE participant = ?1 AND name = ?2")?
        .execute((participant, cursor_of(no).as_str()))?;
    meta::bump_directory(sql)?;
    Ok(true)
}

/// Notes that its cursor went back.
pub(super) fn rewound(sql: &Connection, no: WebhookNo, to: Seq) -> Result<(), Fault> {
    sql.prepare_cached("UPDATE webhook SET rewind_to = NULL WHERE no = ?1 AND rewind_to = ?2")?
        .execute((no.0, as_integer(to)))?;
    Ok(())
}

/// Notes what became of an event that was not taken.
pub(super) fn note(sql: &Connection, no: WebhookNo, failure: &WebhookFailure) -> Result<(), Fault> {
    let known = sql
        .prepare_cached("SELECT 1 FROM webhook WHERE no = ?1")?
        .exists([no.0])?;
    if !known {
        return Ok(());
    }
    sql.prepare_cached(
        "INSERT OR REPLACE INTO webhook_failure
         (webhook, seq, parked, first_at, last_at, attempts, status, error, answer, again)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        no.0,
        as_integer(failure.seq),
        failure.parked,
        failure.first_at.as_millis(),
        failure.last_at.as_millis(),
        as_integer(failure.attempts),
        failure.status,
        failure.error,
        failure.answer,
        failure.again
    ])?;
    let parked: i64 = sql
        .prepare_cached("SELECT count(*) FROM webhook_failure WHERE webhook = ?1 AND parked = 1")?
        .query_row([no.0], |row| row.get(0))?;
    if parked > WEBHOOK_PARKED_MAX as i64 {
        sql.prepare_cached(
            "DELETE FROM webhook_failure WHERE webhook = ?1 AND seq =
             (SELECT min(seq) FROM webhook_failure WHERE webhook = ?1 AND parked = 1)",
        )?
        .execute([no.0])?;
        sql.prepare_cached("UPDATE webhook SET dropped = dropped + 1 WHERE no = ?1")?
            .execute([no.0])?;
    }
    Ok(())
}

/// Forgets that an event was not taken.
pub(super) fn forget(sql: &Connection, no: WebhookNo, seq: Seq) -> Result<(), Fault> {
    sql.prepare_cached("DELETE FROM webhook_failure WHERE webhook = ?1 AND seq = ?2")?
        .execute((no.0, as_integer(seq)))?;
    Ok(())
}
