//! Push: the key pair, and the subscriptions.

use crewline_api::Timestamp;
use crewline_api::limits::PUSH_SUBSCRIPTIONS_MAX;
use crewline_core::{
    DirectoryError, NewPushSubscriptionRow, ParticipantNo, PushKey, PushNo, PushNote, PushNoted,
    PushPlaces, SessionNo,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::connection::Refusal;
use crate::error::Fault;
use crate::reader::{as_integer, push_key};
use crate::{meta, row};

/// Keeps a key pair where there is none, or in the place of the old one.
pub(super) fn keep_key(sql: &Connection, key: &PushKey, rotate: bool) -> Result<PushKey, Fault> {
    if rotate {
        sql.execute_batch("DELETE FROM push_key; DELETE FROM push_subscription")?;
        meta::bump_directory(sql)?;
    }
    sql.prepare_cached("INSERT OR IGNORE INTO push_key (no, pkcs8) VALUES (1, ?1)")?
        .execute([key.reveal()])?;
    push_key(sql)?.ok_or_else(|| Fault::damaged("the key of push is missing"))
}

/// Puts a subscription; returns whether it is another one.
pub(super) fn put(
    sql: &Connection,
    new: &NewPushSubscriptionRow,
    now: Timestamp,
) -> Result<bool, Refusal> {
    let same = sql
        .prepare_cached(
            "UPDATE push_subscription SET origin = ?5
             WHERE session = ?1 AND endpoint = ?2 AND p256dh = ?3 AND auth = ?4",
        )?
        .execute(params![
            new.session.0,
            new.endpoint.as_str(),
            new.secrets.p256dh,
            new.secrets.auth,
            new.origin
        ])?;
    let participant = sql
        .prepare_cached("SELECT participant FROM session WHERE no = ?1")?
        .query_row([new.session.0], |row| row.get(0).map(ParticipantNo))
        .optional()?
        .ok_or(Refusal::Directory(DirectoryError::NoSession))?;
    if same > 0 {
        return Ok(false);
    }
    let places = match take(sql, new.session)? {
        Some(places) => places,
        None => PushPlaces::at(row::load_head(sql, participant)?),
    };
    // Sessions end in several ways; what they leave is removed here.
    sql.prepare_cached(
        "DELETE FROM push_subscription WHERE session NOT IN (SELECT no FROM session)",
    )?
    .execute([])?;
    let count: i64 = sql
        .prepare_cached("SELECT count(*) FROM push_subscription")?
        .query_row([], |row| row.get(0))?;
    if count >= PUSH_SUBSCRIPTIONS_MAX as i64 {
        return Err(Refusal::Directory(DirectoryError::TooManySubscriptions));
    }
    sql.prepare_cached(
        "INSERT INTO push_subscription
         (session, endpoint, p256dh, auth, origin, created_at, seq, emergencies, repeats)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        new.session.0,
        new.endpoint.as_str(),
        new.secrets.p256dh,
        new.secrets.auth,
        new.origin,
        now.as_millis(),
        as_integer(places.seq),
        as_integer(places.emergencies),
        as_integer(places.repeats)
    ])?;
    Ok(true)
}

/// Removes the subscription of a session; returns where it stood.
fn take(sql: &Connection, session: SessionNo) -> Result<Option<PushPlaces>, Fault> {
    let mut delete = sql.prepare_cached(
        "DELETE FROM push_subscription WHERE session = ?1 RETURNING seq, emergencies, repeats",
    )?;
    let mut rows = delete.query([session.0])?;
    let Some(found) = rows.next()? else {
        return Ok(None);
    };
    let places = PushPlaces {
        seq: row::count(found, 0)?,
        emergencies: row::count(found, 1)?,
        repeats: row::count(found, 2)?,
    };
    // The statement is done only when it has said so.
    while rows.next()?.is_some() {}
    Ok(Some(places))
}

/// Removes the subscription of a session; returns whether there was one.
pub(super) fn remove(sql: &Connection, session: SessionNo) -> Result<bool, Fault> {
    Ok(take(sql, session)?.is_some())
}

/// Notes that a test push has arrived; returns whether there is such a subscription.
pub(super) fn prove(sql: &Connection, no: PushNo, now: Timestamp) -> Result<bool, Fault> {
    let proven = sql
        .prepare_cached("UPDATE push_subscription SET proven_at = ?2 WHERE no = ?1")?
        .execute((no.0, now.as_millis()))?;
    Ok(proven > 0)
}

/// Notes what became of pushes.
pub(super) fn note(sql: &Connection, notes: &[PushNote]) -> Result<(), Fault> {
    let mut at = sql.prepare_cached(
        "UPDATE push_subscription SET seq = ?2, emergencies = ?3, repeats = ?4 WHERE no = ?1",
    )?;
    let mut error =
        sql.prepare_cached("UPDATE push_subscription SET last_error = ?2 WHERE no = ?1")?;
    let mut gone = sql.prepare_cached("DELETE FROM push_subscription WHERE no = ?1")?;
    for PushNote { no, what } in notes {
        match what {
            PushNoted::At(places) => at.execute((
                no.0,
                as_integer(places.seq),
                as_integer(places.emergencies),
                as_integer(places.repeats),
            ))?,
            PushNoted::Error(text) => error.execute((no.0, text))?,
            PushNoted::Gone => gone.execute([no.0])?,
        };
    }
    Ok(())
}
