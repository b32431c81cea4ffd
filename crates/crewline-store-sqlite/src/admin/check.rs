//! Check: whether the file is whole, and whether what is in it can have come from Crewline.

use std::path::Path;

use crewline_core::check::{LISTED_MAX, Report, Rule};
use crewline_core::{ChatNo, MembersKey, ParticipantNo, StoreError};
use rusqlite::Connection;

use super::open_existing;
use crate::error::Fault;
use crate::{meta, migration, row};

/// Checks the store in `path`, as it is at this moment; a server may run on it.
///
/// # Errors
/// Where it is no store, or is so damaged that it cannot be read at all. Everything else is in the report.
pub fn check(path: &Path) -> Result<Report, StoreError> {
    let doing = "checking the store";
    let (place, sql) = open_existing(path, doing)?;
    sql.pragma_update(None, "query_only", true)
        .map_err(|error| place.error(doing, error))?;
    report(&sql).map_err(|fault| place.error(doing, fault))
}

fn report(sql: &Connection) -> Result<Report, Fault> {
    let mut report = Report {
        schema: migration::version(sql)?,
        ..Report::default()
    };
    // One state of the store, for all statements.
    sql.execute_batch("BEGIN")?;
    for part in [check_file, check_facts, check_rows] {
        if let Err(fault) = part(sql, &mut report) {
            let damage = fault.as_damage().ok_or(fault)?;
            report
                .problems
                .push(format!("the file is damaged: {damage}"));
        }
        if !report.is_ok() {
            // What rests on damaged pages would only be more of the same.
            break;
        }
    }
    Ok(report)
}

fn check_facts(sql: &Connection, report: &mut Report) -> Result<(), Fault> {
    let count = |table| {
        sql.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get::<_, i64>(0)
        })
    };
    report.epoch = meta::epoch(sql)?;
    report.backup_of_epoch = meta::backup_of(sql)?;
    report.messages = count("message")? as u64;
    report.events = count("log")? as u64;
    if report.schema != migration::NEWEST {
        report.tell_other_schema(migration::NEWEST);
    }
    Ok(())
}

fn check_rows(sql: &Connection, report: &mut Report) -> Result<(), Fault> {
    for (rule, query) in RULES {
        check_rule(sql, rule, query, report)?;
    }
    check_sets(sql, report)
}

fn check_file(sql: &Connection, report: &mut Report) -> Result<(), Fault> {
    let mut statement = sql.prepare(&format!("PRAGMA integrity_check({LISTED_MAX})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.problems.push(format!("the file is damaged: {line}"));
        }
    }
    if !report.is_ok() {
        return Ok(());
    }
    let mut statement = sql.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let mut listed = report.list("and more rows that name rows which are not there");
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        let no: Option<i64> = row.get(1)?;
        let which = no.map_or_else(|| "a row".to_owned(), |no| format!("row {no}"));
        let problem = format!("{which} of {table} names a row of {parent} that is not there");
        if !listed.add(problem) {
            break;
        }
    }
    Ok(())
}

/// For each rule the rows that break it, as the two numbers that its sentence names.
const RULES: [(Rule, &str); Rule::ALL.len()] = [
    (
        Rule::LogWithoutGap,
        "SELECT participant, count(*) FROM log GROUP BY participant HAVING max(seq) - min(seq) + 1 <> count(*)",
    ),
    (
        Rule::LogFromOne,
        "SELECT participant, min(seq) FROM log GROUP BY participant
         HAVING min(seq) <> 1 AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'texts_looked_at')",
    ),
    (
        Rule::RowTellsOfItsKind,
        "SELECT seq, participant FROM log
         WHERE kind NOT BETWEEN 1 AND 9 OR (kind <= 5 OR kind = 9) <> (message IS NOT NULL)
            OR (kind BETWEEN 3 AND 5 OR kind = 9) <> (who IS NOT NULL) OR (kind >= 6) <> (detail IS NOT NULL)",
    ),
    (
        Rule::RemindersWithoutGap,
        "SELECT message, count(*) FROM reminder GROUP BY message HAVING min(number) <> 1 OR max(number) <> count(*)",
    ),
    (
        Rule::ReceiptToldOnce,
        "SELECT participant, message FROM log WHERE kind BETWEEN 3 AND 5 GROUP BY participant, message, who, kind HAVING count(*) > 1",
    ),
    (
        Rule::MessageInEachLog,
        // Logs that begin later than at 1 may have held it.
        "WITH short AS (SELECT participant FROM log GROUP BY participant HAVING min(seq) > 1)
         SELECT m.no, coalesce(l.count, 0) FROM message m
         JOIN (SELECT x.chat, count(*) AS count, count(s.participant) AS short FROM member x
               LEFT JOIN short s ON s.participant = x.participant GROUP BY x.chat) c ON c.chat = m.chat
         LEFT JOIN (SELECT message, count(*) AS count FROM log WHERE kind = 1 GROUP BY message) l ON l.message = m.no
         WHERE coalesce(l.count, 0) NOT BETWEEN c.count - 1 - c.short AND c.count - 1",
    ),
    (
        Rule::PositionsWithoutGap,
        "SELECT c.no, count(m.no) FROM chat c LEFT JOIN message m ON m.chat = c.no GROUP BY c.no
         HAVING count(m.no) <> c.last_position OR coalesce(min(m.position), 1) <> 1 OR coalesce(max(m.position), 0) <> count(m.no)",
    ),
    (
        Rule::LastMessageOfChat,
        "SELECT c.no, coalesce(c.last_message, 0) FROM chat c
         LEFT JOIN message m ON m.chat = c.no AND m.position = c.last_position WHERE m.no IS NOT c.last_message",
    ),
    (
        Rule::ReadWithinChat,
        "SELECT m.chat, m.participant FROM member m JOIN chat c ON c.no = m.chat
         WHERE m.done NOT BETWEEN 0 AND c.last_position OR m.read_position NOT BETWEEN 0 AND c.last_position",
    ),
    (
        Rule::CountOfWhatWasRead,
        "WITH sent AS (SELECT chat, sender AS who, count(*) AS count FROM message GROUP BY chat, sender),
              been_read AS (SELECT m.chat, r.participant AS who, count(*) AS count FROM recipient r JOIN message m ON m.no = r.message
                            WHERE r.read_at IS NOT NULL GROUP BY m.chat, r.participant)
         SELECT m.chat, m.participant FROM member m JOIN participant p ON p.no = m.participant AND p.standing = 1
         LEFT JOIN sent s ON s.chat = m.chat AND s.who = m.participant
         LEFT JOIN been_read r ON r.chat = m.chat AND r.who = m.participant
         WHERE m.done <> coalesce(r.count, 0) + coalesce(s.count, 0)",
    ),
    (
        Rule::SenderInChat,
        "SELECT m.no, m.sender FROM message m
         WHERE NOT EXISTS (SELECT 1 FROM member x WHERE x.chat = m.chat AND x.participant = m.sender)",
    ),
    (
        Rule::ReceiptOfRecipient,
        "SELECT r.message, r.participant FROM recipient r JOIN message m ON m.no = r.message
         WHERE m.sender = r.participant
            OR NOT EXISTS (SELECT 1 FROM member x WHERE x.chat = m.chat AND x.participant = r.participant)",
    ),
    (
        Rule::StatesInOrder,
        "SELECT message, participant FROM recipient
         WHERE delivered_at IS NULL OR (read_at IS NULL AND acknowledged_at IS NOT NULL)",
    ),
    (
        Rule::TextRemovedByRetention,
        "SELECT no, chat FROM message
         WHERE text = '' AND no > coalesce((SELECT value FROM meta WHERE key = 'texts_looked_at'), 0)",
    ),
    (
        Rule::KeptTextIsThere,
        "SELECT k.message, k.holder FROM kept_text k JOIN message m ON m.no = k.message WHERE m.text = ''",
    ),
    (
        Rule::PayloadsAreSaid,
        "SELECT p.message, p.recipient FROM payload p JOIN message m ON m.no = p.message WHERE m.has_payloads = 0",
    ),
    (
        Rule::KeyOfSender,
        "SELECT i.sender, i.message FROM idempotency i JOIN message m ON m.no = i.message WHERE m.sender <> i.sender",
    ),
    (
        Rule::WatcherIsUser,
        "SELECT w.user, w.participant FROM watcher w JOIN participant p ON p.no = w.user
         WHERE p.standing <> 1 OR w.user = w.participant",
    ),
    (
        Rule::MemberOfGroupIsUser,
        "SELECT m.people_group, m.participant FROM people_group_member m JOIN participant p ON p.no = m.participant
         WHERE p.standing <> 1",
    ),
    (
        Rule::ConfirmedWithinLog,
        "SELECT p.no, p.confirmed FROM participant p
         WHERE p.confirmed > coalesce((SELECT max(seq) FROM log l WHERE l.participant = p.no), 0)",
    ),
    (
        Rule::CursorWithinLog,
        "SELECT c.participant, c.seq FROM cursor c
         WHERE c.seq > coalesce((SELECT max(seq) FROM log l WHERE l.participant = c.participant), 0)",
    ),
];

fn check_rule(sql: &Connection, rule: Rule, query: &str, report: &mut Report) -> Result<(), Fault> {
    let mut statement = sql.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut broken = report.list_rows(rule.broken());
    while let Some(row) = rows.next()? {
        if !broken.add(row.get(0)?, row.get(1)?) {
            break;
        }
    }
    Ok(())
}

/// Whether each chat can be found by the people in it.
fn check_sets(sql: &Connection, report: &mut Report) -> Result<(), Fault> {
    let mut chats = sql.prepare(
        "SELECT c.no, s.members_key FROM chat c LEFT JOIN chat_set s ON s.chat = c.no ORDER BY c.no",
    )?;
    let mut members = sql.prepare("SELECT participant FROM member WHERE chat = ?1")?;
    let mut rows = chats.query([])?;
    let mut sets = report.list_chats();
    while let Some(chat) = rows.next()? {
        let no = ChatNo(chat.get(0)?);
        let kept = if chat.get_ref(1)?.as_blob().is_ok() {
            Some(MembersKey(row::hash(chat, 1)?))
        } else {
            None
        };
        let people: Vec<ParticipantNo> = members
            .query_map([no.0], |row| row.get(0).map(ParticipantNo))?
            .collect::<rusqlite::Result<_>>()?;
        if !sets.look(no, kept, people) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_looked_at() {
        assert!(RULES.iter().map(|(rule, _)| rule).eq(Rule::ALL));
    }
}
