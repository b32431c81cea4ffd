//! Webhooks.

use crewline_api::limits::{WEBHOOK_PARKED_MAX, WEBHOOKS_MAX};
use crewline_api::{ParticipantId, Seq, Timestamp, WebhookFailure, WebhookUrl};
use crewline_core::webhook::{cursor_of, silent};
use crewline_core::{
    DirectoryError, NewWebhookRow, ParticipantNo, Standing, WebhookAct, WebhookNo,
};

use super::{find, make, number_of, session, watcher};
use crate::error::{Fault, Refusal};
use crate::row::as_integer;
use crate::sql::Sql;
use crate::{meta, row};

/// Adds one, and puts its cursor.
pub(super) fn add(sql: &Sql, new: &NewWebhookRow, now: Timestamp) -> Result<WebhookNo, Refusal> {
    meta::bump_directory(sql)?;
    let count: Option<i64> = sql.value("SELECT count(*) FROM webhook", &[])?;
    if count.unwrap_or(0) >= WEBHOOKS_MAX as i64 {
        return Err(Refusal::Directory(DirectoryError::TooManyWebhooks));
    }
    let participant = know(sql, &new.participant)?;
    let head = row::load_head(sql, participant)?;
    let seq = new.after.unwrap_or(head);
    check_within(seq, head)?;
    // The device has the webhook's number in its id, and the webhook the device's: one of them must wait.
    let no = sql.value(
        "INSERT INTO webhook (participant, device, url, kinds, secret, created_at) VALUES ($1, 0, $2, $3, $4, $5)
         RETURNING no",
        &[
            &participant.0,
            &new.url.as_str(),
            &i32::from(new.kinds.bits()),
            &new.secret.reveal(),
            &now.as_millis(),
        ],
    )?;
    let no = WebhookNo(number_of(no)?);
    let device = session::put_device(sql, None, &format!("webhook-{}", no.0), None, now)?;
    sql.execute(
        "UPDATE webhook SET device = $2 WHERE no = $1",
        &[&no.0, &device.0],
    )?;
    sql.execute(
        "INSERT INTO cursor (participant, name, seq, kinds, put_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (participant, name) DO UPDATE SET seq = excluded.seq, kinds = excluded.kinds,
             put_at = excluded.put_at, released = false",
        &[
            &participant.0,
            &cursor_of(no).as_str(),
            &as_integer(seq),
            &i32::from(silent(new.kinds).bits()),
            &now.as_millis(),
        ],
    )?;
    Ok(no)
}

/// Whose log it reads. Who is not in the directory acts as an external from now on.
fn know(sql: &Sql, id: &ParticipantId) -> Result<ParticipantNo, Refusal> {
    match find(sql, id)? {
        Some((no, Standing::Expected)) => {
            sql.execute(
                "UPDATE participant SET standing = 2 WHERE no = $1",
                &[&no.0],
            )?;
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
pub(super) fn act(sql: &Sql, no: WebhookNo, act: &WebhookAct) -> Result<(), Refusal> {
    meta::bump_directory(sql)?;
    let participant = sql
        .value(
            "UPDATE webhook SET revision = revision + 1 WHERE no = $1 RETURNING participant",
            &[&no.0],
        )?
        .map(ParticipantNo)
        .ok_or(Refusal::Directory(DirectoryError::NoWebhook(no)))?;
    match act {
        WebhookAct::Change { url, kinds } => {
            let url = url.as_ref().map(WebhookUrl::as_str);
            let kinds = kinds.map(|kinds| i32::from(kinds.bits()));
            sql.execute(
                "UPDATE webhook SET url = coalesce($2, url), kinds = coalesce($3, kinds) WHERE no = $1",
                &[&no.0, &url, &kinds],
            )?;
            begin_anew(sql, no, Seq::MAX)?;
        }
        WebhookAct::Pause(reason) => {
            sql.execute(
                "UPDATE webhook SET paused = coalesce(paused, $2) WHERE no = $1",
                &[&no.0, reason],
            )?;
        }
        WebhookAct::Resume => {
            sql.execute("UPDATE webhook SET paused = NULL WHERE no = $1", &[&no.0])?;
            begin_anew(sql, no, Seq::MAX)?;
        }
        WebhookAct::Replay(from) => {
            let to = from.saturating_sub(1);
            check_within(to, row::load_head(sql, participant)?)?;
            sql.execute(
                "UPDATE webhook SET rewind_to = $2 WHERE no = $1",
                &[&no.0, &as_integer(to)],
            )?;
            begin_anew(sql, no, to)?;
        }
        WebhookAct::ReplayParked(seq) => {
            let found = sql.execute(
                "UPDATE webhook_failure SET again = true WHERE webhook = $1 AND seq = $2 AND parked",
                &[&no.0, &as_integer(*seq)],
            )?;
            if found == 0 {
                return Err(Refusal::Directory(DirectoryError::NotParked(*seq)));
            }
        }
    }
    Ok(())
}

/// Forgets what failed and was not parked, and all that lies behind a place: it is tried anew.
fn begin_anew(sql: &Sql, no: WebhookNo, behind: Seq) -> Result<(), Fault> {
    sql.execute(
        "DELETE FROM webhook_failure WHERE webhook = $1 AND (NOT parked OR seq > $2)",
        &[&no.0, &as_integer(behind)],
    )?;
    Ok(())
}

/// Removes one; returns whether there was one. Its device stays, for the receipts that name it.
pub(super) fn remove(sql: &Sql, no: WebhookNo) -> Result<bool, Fault> {
    sql.execute("DELETE FROM webhook_failure WHERE webhook = $1", &[&no.0])?;
    let participant: Option<i64> = sql.value(
        "DELETE FROM webhook WHERE no = $1 RETURNING participant",
        &[&no.0],
    )?;
    let Some(participant) = participant else {
        return Ok(false);
    };
    sql.execute(
        "DELETE FROM cursor WHERE participant = $1 AND name = $2",
        &[&participant, &cursor_of(no).as_str()],
    )?;
    meta::bump_directory(sql)?;
    Ok(true)
}

/// Notes that its cursor went back.
pub(super) fn rewound(sql: &Sql, no: WebhookNo, to: Seq) -> Result<(), Fault> {
    sql.execute(
        "UPDATE webhook SET rewind_to = NULL WHERE no = $1 AND rewind_to = $2",
        &[&no.0, &as_integer(to)],
    )?;
    Ok(())
}

/// Notes what became of an event that was not taken.
pub(super) fn note(sql: &Sql, no: WebhookNo, failure: &WebhookFailure) -> Result<(), Fault> {
    let noted = sql.execute(
        "INSERT INTO webhook_failure (webhook, seq, parked, first_at, last_at, attempts, status, error, answer, again)
         SELECT no, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM webhook WHERE no = $1
         ON CONFLICT (webhook, seq) DO UPDATE SET parked = excluded.parked, first_at = excluded.first_at,
             last_at = excluded.last_at, attempts = excluded.attempts, status = excluded.status, error = excluded.error,
             answer = excluded.answer, again = excluded.again",
        &[
            &no.0,
            &as_integer(failure.seq),
            &failure.parked,
            &failure.first_at.as_millis(),
            &failure.last_at.as_millis(),
            &as_integer(failure.attempts),
            &failure.status.map(i32::from),
            &failure.error,
            &failure.answer,
            &failure.again,
        ],
    )?;
    if noted == 0 {
        return Ok(());
    }
    let dropped = sql.execute(
        "DELETE FROM webhook_failure WHERE webhook = $1
             AND (SELECT count(*) FROM webhook_failure WHERE webhook = $1 AND parked) > $2
             AND seq = (SELECT min(seq) FROM webhook_failure WHERE webhook = $1 AND parked)",
        &[&no.0, &(WEBHOOK_PARKED_MAX as i64)],
    )?;
    if dropped > 0 {
        sql.execute(
            "UPDATE webhook SET dropped = dropped + 1 WHERE no = $1",
            &[&no.0],
        )?;
    }
    Ok(())
}

/// Forgets that an event was not taken.
pub(super) fn forget(sql: &Sql, no: WebhookNo, seq: Seq) -> Result<(), Fault> {
    sql.execute(
        "DELETE FROM webhook_failure WHERE webhook = $1 AND seq = $2",
        &[&no.0, &as_integer(seq)],
    )?;
    Ok(())
}
