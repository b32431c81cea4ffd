//! Sessions, and the devices that they are opened on.

use crewline_api::Timestamp;
use crewline_core::{
    DeviceNo, NewSessionRow, OpenedSession, ParticipantNo, Seen, SessionNo, SignedOut,
};

use super::number_of;
use crate::error::Fault;
use crate::meta;
use crate::sql::{Call, Sql};

type Result<T> = std::result::Result<T, Fault>;

/// Opens a session, and its device where it is new.
pub(super) fn open(sql: &Sql, session: &NewSessionRow, now: Timestamp) -> Result<OpenedSession> {
    sql.execute(
        "DELETE FROM session WHERE expires_at <= $1",
        &[&now.as_millis()],
    )?;
    // The device of a session may be the session itself, and then has its number in its id.
    let no = sql.value(
        "INSERT INTO session (hash, participant, device, created_at, expires_at) VALUES ($1, $2, 0, $3, $4) RETURNING no",
        &[
            &&session.hash.0[..],
            &session.user.0,
            &now.as_millis(),
            &session.expires_at.as_millis(),
        ],
    )?;
    let no = SessionNo(number_of(no)?);
    let own_id = session
        .device_id
        .clone()
        .unwrap_or_else(|| format!("session-{}", no.0));
    let device = put_device(
        sql,
        Some(session.user),
        &own_id,
        session.device_name.as_deref(),
        now,
    )?;
    sql.execute(
        "UPDATE session SET device = $2 WHERE no = $1",
        &[&no.0, &device.0],
    )?;
    Ok(OpenedSession {
        session: no,
        device,
    })
}

/// The device of this id; a name that is given anew replaces the old one.
pub(super) fn put_device(
    sql: &Sql,
    participant: Option<ParticipantNo>,
    id: &str,
    name: Option<&str>,
    now: Timestamp,
) -> Result<DeviceNo> {
    let no = sql.value(
        "INSERT INTO device AS d (participant, device_id, name, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (participant, device_id)
         DO UPDATE SET last_seen_at = excluded.last_seen_at, name = coalesce(excluded.name, d.name) RETURNING no",
        &[&participant.map(|no| no.0), &id, &name, &now.as_millis()],
    )?;
    Ok(DeviceNo(number_of(no)?))
}

/// Closes a session; returns whether there was one.
pub(super) fn close(sql: &Sql, session: SessionNo) -> Result<bool> {
    let closed = sql.execute("DELETE FROM session WHERE no = $1", &[&session.0])?;
    if closed > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(closed > 0)
}

/// Closes all sessions of a user.
pub(super) fn close_all(sql: &Sql, user: ParticipantNo) -> Result<()> {
    sql.execute("DELETE FROM session WHERE participant = $1", &[&user.0])?;
    Ok(())
}

/// Ends one session of a user, or those on one device; returns whether there is such a session or device.
pub(super) fn sign_out(sql: &Sql, user: ParticipantNo, what: &SignedOut) -> Result<bool> {
    let there = match what {
        SignedOut::Session(no) => {
            sql.execute(
                "DELETE FROM session WHERE no = $1 AND participant = $2",
                &[&no.0, &user.0],
            )? > 0
        }
        SignedOut::Device(id) => {
            let device: Option<i64> = sql.value(
                "SELECT no FROM device WHERE participant = $1 AND device_id = $2",
                &[&user.0, id],
            )?;
            if let Some(device) = device {
                sql.execute(
                    "DELETE FROM session WHERE participant = $1 AND device = $2",
                    &[&user.0, &device],
                )?;
            }
            device.is_some()
        }
    };
    if there {
        meta::bump_directory(sql)?;
    }
    Ok(there)
}

/// Notes when devices and tokens were last used, all of it together.
pub(super) fn note_seen(sql: &Sql, seen: &[Seen]) -> Result<()> {
    let mut calls = Vec::with_capacity(seen.len());
    for seen in seen {
        let at = seen.at.as_millis();
        let device = Call::new("UPDATE device SET last_seen_at = $2 WHERE no = $1");
        calls.push(device.with(seen.device.0).with(at));
        if let Some(no) = seen.token {
            let token = Call::new("UPDATE token SET last_used_at = $2 WHERE no = $1");
            calls.push(token.with(no.0).with(at));
        }
    }
    sql.execute_all(&calls)?;
    Ok(())
}
