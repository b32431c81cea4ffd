//! People: those one may write to, the users, and the caller.

use crewline_api::{DeviceView, PeoplePage, Person, SessionView, Timestamp};
use crewline_core::{
    Code as _, MeRows, ParticipantNo, ParticipantRow, SessionNo, Standing, UserRow,
};
use rusqlite::{Connection, Row};

use super::watcher;
use crate::error::Fault;
use crate::row;
use crate::row::participant_columns;

type Result<T> = std::result::Result<T, Fault>;

/// Users and externals whose id or name contains `q`, by id.
///
/// What contains a text no index knows, and SQLite folds only ASCII: rows are looked at one by one, in the order of ids.
pub(super) fn people(
    sql: &Connection,
    q: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<PeoplePage> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        ", p.role, coalesce(d.on_duty, 0) FROM participant p LEFT JOIN duty d ON d.participant = p.no WHERE p.id > ?1 AND p.standing <> 0 AND p.disabled = 0 ORDER BY p.id"
    );
    let q = q.to_lowercase();
    let mut page = PeoplePage {
        people: Vec::new(),
        next: None,
    };
    let mut statement = sql.prepare_cached(SQL)?;
    // No id is empty.
    let mut rows = statement.query([after.unwrap_or_default()])?;
    while let Some(row) = rows.next()? {
        let found = row::participant(row)?;
        if !found.contains(&q) {
            continue;
        }
        if page.people.len() == limit {
            page.next = page
                .people
                .last()
                .map(|person: &Person| person.user_id.to_string());
            break;
        }
        let of_user = || Ok::<_, Fault>((row::role(row, 5)?, row.get(6)?));
        let is_user = found.standing == Standing::User;
        let of_user = is_user.then(of_user).transpose()?;
        page.people.push(found.person(of_user));
    }
    Ok(page)
}

macro_rules! user_columns {
    () => {
        "no, id, coalesce(name, id), role, disabled, password IS NOT NULL, created_at"
    };
}

/// Every user, by id.
pub(super) fn users(sql: &Connection) -> Result<Vec<UserRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM participant WHERE standing = 1 ORDER BY id"
    );
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(user_row(sql, row)?);
    }
    Ok(users)
}

fn user_row(sql: &Connection, row: &Row<'_>) -> Result<UserRow> {
    let no = ParticipantNo(row.get(0)?);
    Ok(UserRow {
        no,
        id: row::participant_id(row, 1)?,
        name: row.get(2)?,
        role: row::role(row, 3)?,
        disabled: row.get(4)?,
        has_password: row.get(5)?,
        created_at: row::time(row, 6)?,
        watches: watcher::watched_by(sql, no)?,
    })
}

/// Users whose id or name contains `q`, by id.
pub(super) fn users_found(
    sql: &Connection,
    q: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<UserRow>> {
    let mut users = Vec::new();
    for found in found(sql, Standing::User, q, after, limit)? {
        users.extend(user(sql, found.no)?);
    }
    Ok(users)
}

/// A user by number.
pub(super) fn user(sql: &Connection, no: ParticipantNo) -> Result<Option<UserRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM participant WHERE no = ?1 AND standing = 1"
    );
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query([no.0])?;
    rows.next()?.map(|row| user_row(sql, row)).transpose()
}

/// Participants of one kind whose id or name contains `q`, by id; also those who are disabled.
pub(super) fn found(
    sql: &Connection,
    standing: Standing,
    q: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<ParticipantRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.id > ?1 AND p.standing = ?2 ORDER BY p.id"
    );
    let q = q.to_lowercase();
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query((after.unwrap_or_default(), standing.code()))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let row = row::participant(row)?;
        if row.contains(&q) {
            found.push(row);
        }
    }
    Ok(found)
}

/// How many sessions have not ended.
pub(super) fn session_count(sql: &Connection, now: Timestamp) -> Result<u64> {
    let mut statement = sql.prepare_cached("SELECT count(*) FROM session WHERE expires_at > ?1")?;
    statement.query_row([now.as_millis()], |row| Ok(row::count(row, 0)))?
}

/// The caller, with devices and open sessions.
pub(super) fn me(sql: &Connection, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>> {
    let mut statement = sql.prepare_cached(
        "SELECT id, coalesce(name, id), role FROM participant WHERE no = ?1 AND standing = 1",
    )?;
    let mut rows = statement.query([user.0])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(MeRows {
        user_id: row::participant_id(row, 0)?,
        name: row.get(1)?,
        role: row::role(row, 2)?,
        watches: watcher::watched_by(sql, user)?,
        devices: devices(sql, user)?,
        sessions: sessions(sql, user, now)?,
    }))
}

fn devices(sql: &Connection, user: ParticipantNo) -> Result<Vec<DeviceView>> {
    let mut statement = sql.prepare_cached(
        "SELECT device_id, name, last_seen_at FROM device WHERE participant = ?1 ORDER BY no",
    )?;
    let view = |row: &Row<'_>| {
        Ok(DeviceView {
            device_id: row.get(0)?,
            device_name: row.get(1)?,
            last_seen_at: Timestamp::from_millis(row.get(2)?),
        })
    };
    Ok(statement
        .query_map([user.0], view)?
        .collect::<rusqlite::Result<_>>()?)
}

fn sessions(
    sql: &Connection,
    user: ParticipantNo,
    now: Timestamp,
) -> Result<Vec<(SessionNo, SessionView)>> {
    let mut statement = sql.prepare_cached(
        "SELECT s.no, d.device_id, s.created_at, s.expires_at FROM session s JOIN device d ON d.no = s.device
         WHERE s.participant = ?1 AND s.expires_at > ?2 ORDER BY s.no",
    )?;
    let view = |row: &Row<'_>| {
        let no: i64 = row.get(0)?;
        let view = SessionView {
            session_id: no.to_string(),
            device_id: row.get(1)?,
            created_at: Timestamp::from_millis(row.get(2)?),
            expires_at: Timestamp::from_millis(row.get(3)?),
            current: false,
        };
        Ok((SessionNo(no), view))
    };
    Ok(statement
        .query_map((user.0, now.as_millis()), view)?
        .collect::<rusqlite::Result<_>>()?)
}

/// A participant by number.
pub(super) fn participant(sql: &Connection, no: ParticipantNo) -> Result<Option<ParticipantRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.no = ?1"
    );
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query([no.0])?;
    rows.next()?.map(row::participant).transpose()
}
