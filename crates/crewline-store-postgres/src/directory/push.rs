//! Push: the key pair, and the subscriptions.

use crewline_api::Timestamp;
use crewline_api::limits::PUSH_SUBSCRIPTIONS_MAX;
use crewline_core::{
    DirectoryError, NewPushSubscriptionRow, ParticipantNo, PushKey, PushNo, PushNote, PushNoted,
    PushPlaces, SessionNo,
};

use crate::error::{Fault, Refusal};
use crate::reader::push_key;
use crate::row::as_integer;
use crate::sql::{Call, Sql};
use crate::{meta, row};

/// Keeps a key pair where there is none, or in the place of the old one.
pub(super) fn keep_key(sql: &Sql, key: &PushKey, rotate: bool) -> Result<PushKey, Fault> {
    if rotate {
        sql.execute("DELETE FROM push_key", &[])?;
        sql.execute("DELETE FROM push_subscription", &[])?;
        meta::bump_directory(sql)?;
    }
    sql.execute(
        "INSERT INTO push_key (no, pkcs8) VALUES (1, $1) ON CONFLICT DO NOTHING",
        &[&key.reveal()],
    )?;
    push_key(sql)?.ok_or_else(|| Fault::damaged("the key of push is missing"))
}

/// Puts a subscription; returns whether it is another one.
pub(super) fn put(
    sql: &Sql,
    new: &NewPushSubscriptionRow,
    now: Timestamp,
) -> Result<bool, Refusal> {
    let (p256dh, auth) = (&new.secrets.p256dh[..], &new.secrets.auth[..]);
    let same = sql.execute(
        "UPDATE push_subscription SET origin = $5 WHERE session = $1 AND endpoint = $2 AND p256dh = $3 AND auth = $4",
        &[&new.session.0, &new.endpoint.as_str(), &p256dh, &auth, &new.origin],
    )?;
    let participant = sql
        .value(
            "SELECT participant FROM session WHERE no = $1",
            &[&new.session.0],
        )?
        .map(ParticipantNo)
        .ok_or(Refusal::Directory(DirectoryError::NoSession))?;
    if same > 0 {
        return Ok(false);
    }
    let places = match take(sql, new.session)? {
        Some(places) => places,
        None => PushPlaces::at(row::load_head(sql, participant)?),
    };
    // Sessions end in several ways; what they leave is removed here.
    sql.execute(
        "DELETE FROM push_subscription p WHERE NOT EXISTS (SELECT 1 FROM session s WHERE s.no = p.session)",
        &[],
    )?;
    let count: Option<i64> = sql.value("SELECT count(*) FROM push_subscription", &[])?;
    if count.unwrap_or(0) >= PUSH_SUBSCRIPTIONS_MAX as i64 {
        return Err(Refusal::Directory(DirectoryError::TooManySubscriptions));
    }
    sql.execute(
        "INSERT INTO push_subscription (session, endpoint, p256dh, auth, origin, created_at, seq, emergencies, repeats)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &new.session.0,
            &new.endpoint.as_str(),
            &p256dh,
            &auth,
            &new.origin,
            &now.as_millis(),
            &as_integer(places.seq),
            &as_integer(places.emergencies),
            &as_integer(places.repeats),
        ],
    )?;
    Ok(true)
}

/// Removes the subscription of a session; returns where it stood.
fn take(sql: &Sql, session: SessionNo) -> Result<Option<PushPlaces>, Fault> {
    let row = sql.first(
        "DELETE FROM push_subscription WHERE session = $1 RETURNING seq, emergencies, repeats",
        &[&session.0],
    )?;
    let places = |row: tokio_postgres::Row| {
        Ok(PushPlaces {
            seq: row::count(&row, 0)?,
            emergencies: row::count(&row, 1)?,
            repeats: row::count(&row, 2)?,
        })
    };
    row.map(places).transpose()
}

/// Removes the subscription of a session; returns whether there was one.
pub(super) fn remove(sql: &Sql, session: SessionNo) -> Result<bool, Fault> {
    Ok(take(sql, session)?.is_some())
}

/// Notes that a test push has arrived; returns whether there is such a subscription.
pub(super) fn prove(sql: &Sql, no: PushNo, now: Timestamp) -> Result<bool, Fault> {
    let proven = sql.execute(
        "UPDATE push_subscription SET proven_at = $2 WHERE no = $1",
        &[&no.0, &now.as_millis()],
    )?;
    Ok(proven > 0)
}

/// Notes what became of pushes, all of it together.
pub(super) fn note(sql: &Sql, notes: &[PushNote]) -> Result<(), Fault> {
    let call = |PushNote { no, what }: &PushNote| match what {
        PushNoted::At(places) => Call::new(
            "UPDATE push_subscription SET seq = $2, emergencies = $3, repeats = $4 WHERE no = $1",
        )
        .with(no.0)
        .with(as_integer(places.seq))
        .with(as_integer(places.emergencies))
        .with(as_integer(places.repeats)),
        PushNoted::Error(text) => {
            Call::new("UPDATE push_subscription SET last_error = $2 WHERE no = $1")
                .with(no.0)
                .with(text.clone())
        }
        PushNoted::Gone => Call::new("DELETE FROM push_subscription WHERE no = $1").with(no.0),
    };
    let calls: Vec<Call> = notes.iter().map(call).collect();
    sql.execute_all(&calls)?;
    Ok(())
}
