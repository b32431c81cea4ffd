//! People: those one may write to, the users, and the caller.

use crewline_api::{DeviceView, PeoplePage, Person, SessionView, Timestamp};
use crewline_core::{
    Code as _, MeRows, ParticipantNo, ParticipantRow, SessionNo, Standing, UserRow,
};
use tokio_postgres::Row;

use super::watcher;
use crate::error::Fault;
use crate::row::{self, PARTICIPANT_WIDTH, as_integer, participant_columns};
use crate::sql::{Call, Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// Rows that are read at once where most of them may not be what is looked for.
const READ_AT_ONCE: usize = 1_000;

/// How many rows to ask for: what contains a text no index knows, so that rows are looked at one by one.
fn at_once(q: &str, limit: usize) -> usize {
    if q.is_empty() {
        limit.saturating_add(1).min(READ_AT_ONCE)
    } else {
        READ_AT_ONCE
    }
}

/// Users and externals whose id or name contains `q`, by id.
pub(super) fn people(sql: &Sql, q: &str, after: Option<&str>, limit: usize) -> Result<PeoplePage> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        ", p.role, coalesce(d.on_duty, false) FROM participant p LEFT JOIN duty d ON d.participant = p.no
          WHERE p.id > $1 AND p.standing <> 0 AND NOT p.disabled ORDER BY p.id LIMIT $2"
    );
    let q = q.to_lowercase();
    let mut page = PeoplePage {
        people: Vec::new(),
        next: None,
    };
    // No id is empty.
    let mut after = after.unwrap_or_default().to_owned();
    let most = at_once(&q, limit);
    loop {
        let rows = sql.query(SQL, &[&after, &as_integer(most as u64)])?;
        for row in &rows {
            let found = row::participant(row, 0)?;
            if !found.contains(&q) {
                continue;
            }
            if page.people.len() == limit {
                let last = page.people.last();
                page.next = last.map(|person: &Person| person.user_id.to_string());
                return Ok(page);
            }
            let of_user = || {
                let role = row::role(row, PARTICIPANT_WIDTH)?;
                Ok::<_, Fault>((role, get(row, PARTICIPANT_WIDTH + 1)?))
            };
            let is_user = found.standing == Standing::User;
            let of_user = is_user.then(of_user).transpose()?;
            page.people.push(found.person(of_user));
        }
        let Some(last) = rows.last().filter(|_| rows.len() == most) else {
            return Ok(page);
        };
        after = get(last, 1)?;
    }
}

macro_rules! users {
    ($rest:literal) => {
        concat!(
            "SELECT no, id, coalesce(name, id), role, disabled, password IS NOT NULL, created_at
             FROM participant WHERE standing = 1 ",
            $rest
        )
    };
}

/// Every user, by id.
pub(super) fn users(sql: &Sql) -> Result<Vec<UserRow>> {
    const SQL: &str = users!("ORDER BY id");
    user_rows(sql, &sql.query(SQL, &[])?)
}

fn user_rows(sql: &Sql, rows: &[Row]) -> Result<Vec<UserRow>> {
    let nos: Vec<ParticipantNo> = rows
        .iter()
        .map(|row| get(row, 0).map(ParticipantNo))
        .collect::<Result<_>>()?;
    let mut watched = watcher::watched_by(sql, &nos)?;
    let mut users = Vec::with_capacity(rows.len());
    for (row, no) in rows.iter().zip(nos) {
        users.push(UserRow {
            no,
            id: row::participant_id(row, 1)?,
            name: get(row, 2)?,
            role: row::role(row, 3)?,
            disabled: get(row, 4)?,
            has_password: get(row, 5)?,
            created_at: row::time(row, 6)?,
            watches: watched.remove(&no).unwrap_or_default(),
        });
    }
    Ok(users)
}

/// Users whose id or name contains `q`, by id.
pub(super) fn users_found(
    sql: &Sql,
    q: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<UserRow>> {
    const SQL: &str = users!("AND no = ANY($1) ORDER BY id");
    let found = found(sql, Standing::User, q, after, limit)?;
    let nos: Vec<i64> = found.iter().map(|row| row.no.0).collect();
    user_rows(sql, &sql.query(SQL, &[&nos])?)
}

/// A user by number.
pub(super) fn user(sql: &Sql, no: ParticipantNo) -> Result<Option<UserRow>> {
    const SQL: &str = users!("AND no = $1");
    Ok(user_rows(sql, &sql.query(SQL, &[&no.0])?)?.pop())
}

/// Participants of one kind whose id or name contains `q`, by id; also those who are disabled.
pub(super) fn found(
    sql: &Sql,
    standing: Standing,
    q: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<ParticipantRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.id > $1 AND p.standing = $2 ORDER BY p.id LIMIT $3"
    );
    let q = q.to_lowercase();
    let standing = standing.code();
    let mut after = after.unwrap_or_default().to_owned();
    let most = at_once(&q, limit);
    let mut found = Vec::new();
    loop {
        let rows = sql.query(SQL, &[&after, &standing, &as_integer(most as u64)])?;
        for row in &rows {
            let row = row::participant(row, 0)?;
            if row.contains(&q) && found.len() < limit {
                found.push(row);
            }
        }
        let full = found.len() >= limit;
        let Some(last) = rows.last().filter(|_| rows.len() == most && !full) else {
            return Ok(found);
        };
        after = get(last, 1)?;
    }
}

/// How many sessions have not ended.
pub(super) fn session_count(sql: &Sql, now: Timestamp) -> Result<u64> {
    let count: Option<i64> = sql.value(
        "SELECT count(*) FROM session WHERE expires_at > $1",
        &[&now.as_millis()],
    )?;
    Ok(count.unwrap_or(0) as u64)
}

const ME: &str =
    "SELECT id, coalesce(name, id), role FROM participant WHERE no = $1 AND standing = 1";
const DEVICES: &str =
    "SELECT device_id, name, last_seen_at FROM device WHERE participant = $1 ORDER BY no";
const SESSIONS: &str = "SELECT s.no, d.device_id, s.created_at, s.expires_at FROM session s JOIN device d ON d.no = s.device
     WHERE s.participant = $1 AND s.expires_at > $2 ORDER BY s.no";

/// The caller, with devices and open sessions.
pub(super) fn me(sql: &Sql, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>> {
    let all = sql.query_all(&[
        Call::new(ME).with(user.0),
        Call::new(DEVICES).with(user.0),
        Call::new(SESSIONS).with(user.0).with(now.as_millis()),
    ])?;
    let [me, devices, sessions] = all.as_slice() else {
        return Ok(None);
    };
    let Some(row) = me.first() else {
        return Ok(None);
    };
    let mut watched = watcher::watched_by(sql, &[user])?;
    Ok(Some(MeRows {
        user_id: row::participant_id(row, 0)?,
        name: get(row, 1)?,
        role: row::role(row, 2)?,
        watches: watched.remove(&user).unwrap_or_default(),
        devices: devices.iter().map(device).collect::<Result<_>>()?,
        sessions: sessions.iter().map(session).collect::<Result<_>>()?,
    }))
}

fn device(row: &Row) -> Result<DeviceView> {
    Ok(DeviceView {
        device_id: get(row, 0)?,
        device_name: get(row, 1)?,
        last_seen_at: row::time(row, 2)?,
    })
}

fn session(row: &Row) -> Result<(SessionNo, SessionView)> {
    let no: i64 = get(row, 0)?;
    let view = SessionView {
        session_id: no.to_string(),
        device_id: get(row, 1)?,
        created_at: row::time(row, 2)?,
        expires_at: row::time(row, 3)?,
        current: false,
    };
    Ok((SessionNo(no), view))
}

/// A participant by number.
pub(super) fn participant(sql: &Sql, no: ParticipantNo) -> Result<Option<ParticipantRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.no = $1"
    );
    let row = sql.first(SQL, &[&no.0])?;
    row.map(|row| row::participant(&row, 0)).transpose()
}

/// A participant by id.
pub(super) fn participant_by_id(
    sql: &Sql,
    id: &crewline_api::ParticipantId,
) -> Result<Option<ParticipantRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.id = $1"
    );
    let row = sql.first(SQL, &[&id.as_str()])?;
    row.map(|row| row::participant(&row, 0)).transpose()
}
