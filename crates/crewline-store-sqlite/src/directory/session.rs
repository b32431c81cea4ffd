//! Sessions, and the devices that they are opened on.

use crewline_api::Timestamp;
use crewline_core::{
    DeviceNo, NewSessionRow, OpenedSession, ParticipantNo, Seen, SessionNo, SignedOut,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Fault;
use crate::meta;

type Result<T> = std::result::Result<T, Fault>;

/// Opens a session, and its device where it is new.
pub(super) fn open(
    sql: &Connection,
    session: &NewSessionRow,
    now: Timestamp,
) -> Result<OpenedSession> {
    sql.prepare_cached("DELETE FROM session WHERE expires_at <= ?1")?
        .execute([now.as_millis()])?;
    // The device of a session may be the session itself, and then has its number in its id.
    let no: SessionNo = sql
        .prepare_cached(
            "INSERT INTO session (hash, participant, device, created_at, expires_at) VALUES (?1, ?2, 0, ?3, ?4) RETURNING no",
        )?
        .query_row(
            (&session.hash.0[..], session.user.0, now.as_millis(), session.expires_at.as_millis()),
            |row| row.get(0).map(SessionNo),
        )?;
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
    sql.prepare_cached("UPDATE session SET device = ?2 WHERE no = ?1")?
        .execute((no.0, device.0))?;
    Ok(OpenedSession {
        session: no,
        device,
    })
}

/// The device of this id; a name that is given anew replaces the old one.
pub(super) fn put_device(
    sql: &Connection,
    participant: Option<ParticipantNo>,
    id: &str,
    name: Option<&str>,
    now: Timestamp,
) -> Result<DeviceNo> {
    let mut put = sql.prepare_cached(
        "INSERT INTO device (participant, device_id, name, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (participant, device_id)
         DO UPDATE SET last_seen_at = excluded.last_seen_at, name = coalesce(excluded.name, name) RETURNING no",
    )?;
    let values = params![participant.map(|no| no.0), id, name, now.as_millis()];
    Ok(put.query_row(values, |row| row.get(0).map(DeviceNo))?)
}

/// Closes a session; returns whether there was one.
pub(super) fn close(sql: &Connection, session: SessionNo) -> Result<bool> {
    let closed = sql
        .prepare_cached("DELETE FROM session WHERE no = ?1")?
        .execute([session.0])?;
    if closed > 0 {
        meta::bump_directory(sql)?;
    }
    Ok(closed > 0)
}

/// Closes all sessions of a user.
pub(super) fn close_all(sql: &Connection, user: ParticipantNo) -> Result<()> {
    sql.prepare_cached("DELETE FROM session WHERE participant = ?1")?
        .execute([user.0])?;
    Ok(())
}

/// Ends one session of a user, or those on one device; returns whether there is such a session or device.
pub(super) fn sign_out(sql: &Connection, user: ParticipantNo, what: &SignedOut) -> Result<bool> {
    let there = match what {
        SignedOut::Session(no) => {
            sql.prepare_cached("DELETE FROM session WHERE no = ?1 AND participant = ?2")?
                .execute((no.0, user.0))?
                > 0
        }
        SignedOut::Device(id) => {
            let device: Option<i64> = sql
                .prepare_cached("SELECT no FROM device WHERE participant = ?1 AND device_id = ?2")?
                .query_row((user.0, id), |row| row.get(0))
                .optional()?;
            if let Some(device) = device {
                sql.prepare_cached("DELETE FROM session WHERE participant = ?1 AND device = ?2")?
                    .execute((user.0, device))?;
            }
            device.is_some()
        }
    };
    if there {
        meta::bump_directory(sql)?;
    }
    Ok(there)
}

/// Notes when devices and tokens were last used.
pub(super) fn note_seen(sql: &Connection, seen: &[Seen]) -> Result<()> {
    let mut device = sql.prepare_cached("UPDATE device SET last_seen_at = ?2 WHERE no = ?1")?;
    let mut token = sql.prepare_cached("UPDATE token SET last_used_at = ?2 WHERE no = ?1")?;
    for seen in seen {
        let at = seen.at.as_millis();
        device.execute((seen.device.0, at))?;
        if let Some(no) = seen.token {
            token.execute((no.0, at))?;
        }
    }
    Ok(())
}
