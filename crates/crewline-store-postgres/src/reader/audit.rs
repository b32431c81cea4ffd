//! Reading the audit: its rows and, beside them, the messages, of which each is the proof that it was sent; newest first.
//!
//! **Invariant:** a call looks at no more than [`LOOK_MAX`] messages, however many there are.

use crewline_api::{AuditEntry, AuditRole, MessageId, ParticipantId, Timestamp};
use crewline_core::{AuditFound, AuditQuery, AuditSends, SentEntry, Standing, merged};
use tokio_postgres::Row;

use super::chat::{ChatCache, missing};
use crate::error::Fault;
use crate::row::{self, MESSAGE_WIDTH, as_integer, message_columns};
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// Most messages that one call looks at.
const LOOK_MAX: i64 = 10_000;

/// The messages that are looked at, and those of them that are asked for.
const SENDS: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", p.id, p.standing, p.role, d.device_id FROM (SELECT * FROM message WHERE no < $1 ORDER BY no DESC LIMIT $2) m
      JOIN participant p ON p.no = m.sender LEFT JOIN device d ON d.no = m.device
      WHERE ($3::text IS NULL OR p.id = $3) AND ($4::int8 IS NULL OR m.sent_at >= $4) AND ($5::int8 IS NULL OR m.sent_at < $5)
      ORDER BY m.no DESC LIMIT $6"
);

/// The last of the messages that are looked at, where there are so many.
const LAST: &str =
    "SELECT no, sent_at FROM message WHERE no < $1 ORDER BY no DESC OFFSET $2 LIMIT 1";

/// A page of the audit.
pub(super) fn find(
    sql: &Sql,
    chats: &ChatCache,
    query: &AuditQuery,
    limit: usize,
) -> Result<AuditFound> {
    let mut found = Vec::new();
    if query.wants_rows() {
        found = rows(sql, query, limit + 1)?;
    }
    let mut sent = AuditSends::default();
    if query.wants_sends() {
        sent = sends(sql, chats, query, limit + 1)?;
    }
    Ok(merged(query, found, sent, limit))
}

/// Sends, among so many messages.
fn sends(sql: &Sql, chats: &ChatCache, query: &AuditQuery, limit: usize) -> Result<AuditSends> {
    let mut sends = AuditSends::default();
    let (mut below, mut look, mut message) = (query.place().message, LOOK_MAX, None);
    if let Some(about) = &query.about {
        // What is no message of this store was sent by nobody.
        let Ok(id) = about.parse::<MessageId>() else {
            return Ok(sends);
        };
        let no = as_integer(id.no());
        if no >= below {
            return Ok(sends);
        }
        (below, look, message) = (no.saturating_add(1), 1, Some(id));
    }
    // Who is no participant has sent nothing.
    if query
        .who
        .as_ref()
        .is_some_and(|who| ParticipantId::new(who).is_err())
    {
        return Ok(sends);
    }
    let (from, to) = (
        query.from.map(Timestamp::as_millis),
        query.to.map(Timestamp::as_millis),
    );
    let most = as_integer(limit as u64);
    let rows = sql.query(SENDS, &[&below, &look, &query.who, &from, &to, &most])?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        messages.push(row::message(row, 0)?);
    }
    let found = chats.all(sql, messages.iter().map(|row| row.chat))?;
    for (columns, row) in rows.iter().zip(messages) {
        if message.is_some_and(|id| id != row.id()) {
            continue;
        }
        let chat = found.get(&row.chat).ok_or_else(|| missing(row.chat))?;
        let is_user = row::standing(columns, MESSAGE_WIDTH + 1)? == Standing::User;
        let role = || row::role(columns, MESSAGE_WIDTH + 2);
        let sent = SentEntry {
            message: row.id(),
            at: row.sent_at,
            who: row::participant_id(columns, MESSAGE_WIDTH)?,
            role: is_user.then(role).transpose()?,
            device: get(columns, MESSAGE_WIDTH + 3)?,
            recipients: chat.members.len().saturating_sub(1),
        };
        sends.found.push((row.no.0, sent.into()));
    }
    if look == LOOK_MAX && sends.found.len() < limit {
        let last = sql.first(LAST, &[&below, &(LOOK_MAX - 1)])?;
        let place = |row: Row| Ok::<_, Fault>((get(&row, 0)?, row::time(&row, 1)?));
        sends.looked_to = last.map(place).transpose()?;
    }
    Ok(sends)
}

/// What is not asked for is NULL; PostgreSQL plans it anew for what is.
const ROWS: &str = "SELECT a.no, a.at, a.what, a.who, a.role, a.credential, d.device_id, a.address, a.about, a.detail, a.refused
     FROM audit a LEFT JOIN device d ON d.no = a.device
     WHERE a.no < $1 AND ($2::text IS NULL OR a.who = $2) AND ($3::text IS NULL OR a.about = $3)
       AND ($4::int8 IS NULL OR a.at >= $4) AND ($5::int8 IS NULL OR a.at < $5)
       AND ($6::text[] IS NULL OR a.what = ANY($6))
     ORDER BY a.no DESC LIMIT $7";

/// Rows of the audit, with their numbers.
fn rows(sql: &Sql, query: &AuditQuery, limit: usize) -> Result<Vec<(i64, AuditEntry)>> {
    let words: Vec<String> = query.what.iter().map(ToString::to_string).collect();
    let words = (!words.is_empty()).then_some(words);
    let rows = sql.query(
        ROWS,
        &[
            &query.place().row,
            &query.who,
            &query.about,
            &query.from.map(Timestamp::as_millis),
            &query.to.map(Timestamp::as_millis),
            &words,
            &as_integer(limit as u64),
        ],
    )?;
    let numbered = |row: &Row| Ok((get(row, 0)?, entry(row)?));
    rows.iter().map(numbered).collect()
}

fn entry(row: &Row) -> Result<AuditEntry> {
    let (no, what, role): (i64, &str, &str) = (get(row, 0)?, get(row, 2)?, get(row, 4)?);
    let known = AuditRole::ALL.iter().find(|known| known.as_str() == role);
    Ok(AuditEntry {
        audit_id: no.to_string(),
        at: row::time(row, 1)?,
        what: what
            .parse()
            .map_err(|error| Fault::damaged(format!("row {no} of the audit: {error}")))?,
        who: get(row, 3)?,
        role: *known.ok_or_else(|| {
            Fault::damaged(format!("row {no} of the audit has the role {role:?}"))
        })?,
        credential: get(row, 5)?,
        device_id: get(row, 6)?,
        address: get(row, 7)?,
        about: get(row, 8)?,
        detail: get(row, 9)?,
        refused: get(row, 10)?,
    })
}
