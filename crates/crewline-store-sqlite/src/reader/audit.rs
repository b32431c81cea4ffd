//! Reading the audit: its rows and, beside them, the messages, of which each is the proof that it was sent; newest first.
//!
//! **Invariant:** a call looks at no more than [`LOOK_MAX`] messages, however many there are.

use crewline_api::{AuditEntry, AuditRole, MessageId, ParticipantId};
use crewline_core::{
    AuditFound, AuditQuery, AuditSends, ParticipantNo, SentEntry, Standing, merged,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::as_integer;
use super::chat::ChatCache;
use crate::error::Fault;
use crate::row::{self, MESSAGE_WIDTH, message_columns};

type Result<T> = std::result::Result<T, Fault>;

/// Most messages that one call looks at.
const LOOK_MAX: usize = 10_000;

/// Messages below a number. Whose they are and when they were sent is judged row by row, so that a call that finds little ends.
pub(super) const SENDS: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", m.device FROM message m WHERE m.no < ?1 ORDER BY m.no DESC LIMIT ?2"
);

/// A page of the audit.
pub(super) fn find(
    sql: &Connection,
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
fn sends(
    sql: &Connection,
    chats: &ChatCache,
    query: &AuditQuery,
    limit: usize,
) -> Result<AuditSends> {
    let mut sends = AuditSends::default();
    let mut below = query.place().message;
    let mut look = LOOK_MAX;
    let mut message = None;
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
    let sender = match &query.who {
        None => None,
        Some(who) => match sender(sql, who)? {
            None => return Ok(sends),
            found => found,
        },
    };
    let mut statement = sql.prepare_cached(SENDS)?;
    let mut rows = statement.query((below, look as i64))?;
    let (mut looked, mut last) = (0, None);
    while let Some(columns) = rows.next()? {
        let row = row::message(columns)?;
        (looked, last) = (looked + 1, Some((row.no.0, row.sent_at)));
        if message.is_some_and(|id| id != row.id())
            || sender.is_some_and(|no| no != row.sender)
            || !query.covers(row.sent_at)
        {
            continue;
        }
        let device: Option<i64> = columns.get(MESSAGE_WIDTH)?;
        let chat = chats.of_row(sql, row.chat)?;
        let who = chat.member_id(row.sender).cloned();
        let sent = SentEntry {
            message: row.id(),
            at: row.sent_at,
            who: who.ok_or_else(|| {
                let no = row.no.0;
                Fault::damaged(format!("the sender of message {no} is not in its chat"))
            })?,
            role: role(sql, row.sender)?,
            device: device_id(sql, device)?,
            recipients: chat.members.len().saturating_sub(1),
        };
        sends.found.push((row.no.0, sent.into()));
        if sends.found.len() == limit {
            return Ok(sends);
        }
    }
    if looked == LOOK_MAX {
        sends.looked_to = last;
    }
    Ok(sends)
}

fn sender(sql: &Connection, who: &str) -> Result<Option<ParticipantNo>> {
    // Who is no participant has sent nothing.
    if ParticipantId::new(who).is_err() {
        return Ok(None);
    }
    let mut statement = sql.prepare_cached("SELECT no FROM participant WHERE id = ?1")?;
    let found = statement.query_row([who], |row| row.get(0)).optional()?;
    Ok(found.map(ParticipantNo))
}

/// The role of a user; none of an external.
fn role(sql: &Connection, no: ParticipantNo) -> Result<Option<crewline_api::Role>> {
    let mut statement =
        sql.prepare_cached("SELECT standing, role FROM participant WHERE no = ?1")?;
    let mut rows = statement.query([no.0])?;
    match rows.next()? {
        Some(row) if row::standing(row, 0)? == Standing::User => Ok(Some(row::role(row, 1)?)),
        _ => Ok(None),
    }
}

fn device_id(sql: &Connection, no: Option<i64>) -> Result<Option<String>> {
    let mut statement = sql.prepare_cached("SELECT device_id FROM device WHERE no = ?1")?;
    Ok(statement.query_row([no], |row| row.get(0)).optional()?)
}

/// Rows of the audit, with their numbers.
fn rows(sql: &Connection, query: &AuditQuery, limit: usize) -> Result<Vec<(i64, AuditEntry)>> {
    let mut text = String::from(
        "SELECT a.no, a.at, a.what, a.who, a.role, a.credential, d.device_id, a.address, a.about, a.detail, a.refused
         FROM audit a LEFT JOIN device d ON d.no = a.device WHERE a.no < ?",
    );
    let mut values = vec![Value::Integer(query.place().row)];
    let mut and = |condition: &str, value: Value| {
        text.push_str(" AND ");
        text.push_str(condition);
        values.push(value);
    };
    if let Some(who) = &query.who {
        and("a.who = ?", Value::Text(who.clone()));
    }
    if let Some(about) = &query.about {
        and("a.about = ?", Value::Text(about.clone()));
    }
    if let Some(from) = query.from {
        and("a.at >= ?", Value::Integer(from.as_millis()));
    }
    if let Some(to) = query.to {
        and("a.at < ?", Value::Integer(to.as_millis()));
    }
    if !query.what.is_empty() {
        // The words of kinds hold nothing that would end a text of SQL.
        let words: Vec<String> = query.what.iter().map(|kind| format!("'{kind}'")).collect();
        text.extend([" AND a.what IN (", &words.join(", "), ")"]);
    }
    text.push_str(" ORDER BY a.no DESC LIMIT ?");
    values.push(Value::Integer(limit as i64));
    let mut statement = sql.prepare(&text)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, entry(row)?));
    }
    Ok(found)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    let (no, what, role): (i64, String, String) = (row.get(0)?, row.get(2)?, row.get(4)?);
    let known = AuditRole::ALL.iter().find(|known| known.as_str() == role);
    Ok(AuditEntry {
        audit_id: no.to_string(),
        at: row::time(row, 1)?,
        what: what
            .parse()
            .map_err(|error| Fault::damaged(format!("row {no} of the audit: {error}")))?,
        who: row.get(3)?,
        role: *known.ok_or_else(|| {
            Fault::damaged(format!("row {no} of the audit has the role {role:?}"))
        })?,
        credential: row.get(5)?,
        device_id: row.get(6)?,
        address: row.get(7)?,
        about: row.get(8)?,
        detail: row.get(9)?,
        refused: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use crewline_api::{AuditKind, Timestamp};

    use super::*;

    /// A store of so many messages by scada, but for one by oms, and a row of the audit between each thousand.
    fn store(messages: usize, by_oms: usize) -> Connection {
        let sql = crate::migration::empty_store().unwrap();
        let rows = format!(
            "INSERT INTO participant (no, id, folded, standing) VALUES (1, 'alice', 'alice', 1), (2, 'scada', 'scada', 2),
                 (3, 'oms', 'oms', 2);
             INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity) VALUES (1, 7, 2, 0, 0, 0);
             INSERT INTO member (chat, participant, done, read_position) VALUES (1, 1, 0, 0), (1, 2, 0, 0), (1, 3, 0, 0);
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {messages})
             INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, text)
             SELECT n, 7, 1, n, iif(n = {by_oms}, 3, 2), 'SCADA', 2, n, 0, 'Breaker' FROM number;
             INSERT INTO audit (at, what, who, role, refused)
             SELECT no, 'session.opened', 'oms', 'external', 0 FROM message WHERE no % 1000 = 0;"
        );
        sql.execute_batch(&rows).unwrap();
        sql
    }

    fn pages(sql: &Connection, mut query: AuditQuery) -> Vec<Vec<String>> {
        let chats = ChatCache::default();
        let mut pages = Vec::new();
        loop {
            let page = find(sql, &chats, &query, 20).ok().unwrap();
            let line = |entry: &AuditEntry| format!("{} {}", entry.at.as_millis(), entry.what);
            pages.push(page.entries.iter().map(line).collect());
            query.before = page.next;
            if page.next.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn a_call_looks_at_so_many_messages_and_says_where_it_stopped() {
        let sql = store(25_000, 3_500);
        let of_oms = AuditQuery {
            who: Some("oms".to_owned()),
            ..AuditQuery::default()
        };
        let pages = pages(&sql, of_oms);
        // A row that is older than what was looked at waits: a send may stand before it.
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 10, 6]);
        let all: Vec<String> = pages.into_iter().flatten().collect();
        let mut expected: Vec<(i64, AuditKind)> = (1..=25)
            .map(|thousand| (thousand * 1_000, AuditKind::SignIn))
            .chain([(3_500, AuditKind::MessageSent)])
            .collect();
        expected.sort_by_key(|(at, _)| -at);
        let expected: Vec<String> = expected
            .iter()
            .map(|(at, what)| format!("{at} {what}"))
            .collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_message_is_found_by_its_id_and_no_other_is_looked_at() {
        let sql = store(25_000, 3_500);
        let query = AuditQuery {
            about: Some(MessageId::from_parts(3_500, 7).to_string()),
            from: Some(Timestamp::from_millis(3_500)),
            ..AuditQuery::default()
        };
        assert_eq!(pages(&sql, query), [["3500 message.sent"]]);
    }
}
