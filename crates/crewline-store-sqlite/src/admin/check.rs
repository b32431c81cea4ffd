//! Check: whether the file is whole, and whether what is in it can have come from Crewline.

use std::path::Path;

use crewline_core::{ChatNo, MembersKey, ParticipantNo, StoreError};
use rusqlite::Connection;

use super::open_existing;
use crate::error::Fault;
use crate::{meta, migration, row};

/// Most problems of one kind that are listed.
const LISTED_MAX: usize = 20;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The schema's number.
    pub schema: i32,
    /// The epoch of its logs.
    pub epoch: String,
    /// Of which epoch it is a backup, if it is one.
    pub backup_of_epoch: Option<String>,
    /// How many messages it holds.
    pub messages: u64,
    /// How many events it holds, in all logs.
    pub events: u64,
    /// What is wrong, in sentences; empty where all is well.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all is well.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

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
        epoch: String::new(),
        backup_of_epoch: None,
        messages: 0,
        events: 0,
        problems: Vec::new(),
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
        let (schema, newest) = (report.schema, migration::NEWEST);
        report.problems.push(format!(
            "the schema is {schema}, not {newest}: open the store with this version once, and check it again"
        ));
    }
    Ok(())
}

fn check_rows(sql: &Connection, report: &mut Report) -> Result<(), Fault> {
    for (sentence, query) in RULES {
        check_rule(sql, sentence, query, report)?;
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
    let mut found = 0;
    while let Some(row) = rows.next()? {
        found += 1;
        if found > LISTED_MAX {
            report
                .problems
                .push("and more rows that name rows which are not there".to_owned());
            break;
        }
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        let no: Option<i64> = row.get(1)?;
        let which = no.map_or_else(|| "a row".to_owned(), |no| format!("row {no}"));
        report.problems.push(format!(
            "{which} of {table} names a row of {parent} that is not there"
        ));
    }
    Ok(())
}

/// What must hold. Each query gives the first columns of the rows for which it does not, two numbers each, which take
/// the places of the two marks in the sentence.
const RULES: &[(&str, &str)] = &[
    (
        "the log of participant # has # rows, and they are not numbered without a gap",
        "SELECT participant, count(*) FROM log GROUP BY participant HAVING max(seq) - min(seq) + 1 <> count(*)",
    ),
    (
        "the log of participant # begins at #, and retention has removed nothing",
        "SELECT participant, min(seq) FROM log GROUP BY participant
         HAVING min(seq) <> 1 AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'texts_looked_at')",
    ),
    (
        "row # of the log of participant # lacks what its kind tells of",
        "SELECT seq, participant FROM log
         WHERE kind NOT BETWEEN 1 AND 9 OR (kind <= 5 OR kind = 9) <> (message IS NOT NULL)
            OR (kind BETWEEN 3 AND 5 OR kind = 9) <> (who IS NOT NULL) OR (kind >= 6) <> (detail IS NOT NULL)",
    ),
    (
        "message # has # reminders, and they are not numbered without a gap",
        "SELECT message, count(*) FROM reminder GROUP BY message HAVING min(number) <> 1 OR max(number) <> count(*)",
    ),
    (
        "the log of participant # holds the same receipt of message # more than once",
        "SELECT participant, message FROM log WHERE kind BETWEEN 3 AND 5 GROUP BY participant, message, who, kind HAVING count(*) > 1",
    ),
    (
        "message # is in # logs as received, not in each of the others in its chat",
        // Logs that begin later than at 1 may have held it.
        "WITH short AS (SELECT participant FROM log GROUP BY participant HAVING min(seq) > 1)
         SELECT m.no, coalesce(l.count, 0) FROM message m
         JOIN (SELECT x.chat, count(*) AS count, count(s.participant) AS short FROM member x
               LEFT JOIN short s ON s.participant = x.participant GROUP BY x.chat) c ON c.chat = m.chat
         LEFT JOIN (SELECT message, count(*) AS count FROM log WHERE kind = 1 GROUP BY message) l ON l.message = m.no
         WHERE coalesce(l.count, 0) NOT BETWEEN c.count - 1 - c.short AND c.count - 1",
    ),
    (
        "chat # has # messages, and their positions are not 1, 2, 3 ... up to its last one",
        "SELECT c.no, count(m.no) FROM chat c LEFT JOIN message m ON m.chat = c.no GROUP BY c.no
         HAVING count(m.no) <> c.last_position OR coalesce(min(m.position), 1) <> 1 OR coalesce(max(m.position), 0) <> count(m.no)",
    ),
    (
        "chat # says that its last message is #, and it is not",
        "SELECT c.no, coalesce(c.last_message, 0) FROM chat c
         LEFT JOIN message m ON m.chat = c.no AND m.position = c.last_position WHERE m.no IS NOT c.last_message",
    ),
    (
        "in chat # participant # has read further than there are messages",
        "SELECT m.chat, m.participant FROM member m JOIN chat c ON c.no = m.chat
         WHERE m.done NOT BETWEEN 0 AND c.last_position OR m.read_position NOT BETWEEN 0 AND c.last_position",
    ),
    (
        "in chat # the count of what user # has read or sent is wrong",
        "WITH sent AS (SELECT chat, sender AS who, count(*) AS count FROM message GROUP BY chat, sender),
              been_read AS (SELECT m.chat, r.participant AS who, count(*) AS count FROM recipient r JOIN message m ON m.no = r.message
                            WHERE r.read_at IS NOT NULL GROUP BY m.chat, r.participant)
         SELECT m.chat, m.participant FROM member m JOIN participant p ON p.no = m.participant AND p.standing = 1
         LEFT JOIN sent s ON s.chat = m.chat AND s.who = m.participant
         LEFT JOIN been_read r ON r.chat = m.chat AND r.who = m.participant
         WHERE m.done <> coalesce(r.count, 0) + coalesce(s.count, 0)",
    ),
    (
        "message # was sent by participant #, who is not in its chat",
        "SELECT m.no, m.sender FROM message m
         WHERE NOT EXISTS (SELECT 1 FROM member x WHERE x.chat = m.chat AND x.participant = m.sender)",
    ),
    (
        "a receipt of message # is of participant #, who is no recipient of it",
        "SELECT r.message, r.participant FROM recipient r JOIN message m ON m.no = r.message
         WHERE m.sender = r.participant
            OR NOT EXISTS (SELECT 1 FROM member x WHERE x.chat = m.chat AND x.participant = r.participant)",
    ),
    (
        "of message # participant # has reached a state without those before it",
        "SELECT message, participant FROM recipient
         WHERE delivered_at IS NULL OR (read_at IS NULL AND acknowledged_at IS NOT NULL)",
    ),
    (
        "message # of chat # has no text, and retention has not removed it",
        "SELECT no, chat FROM message
         WHERE text = '' AND no > coalesce((SELECT value FROM meta WHERE key = 'texts_looked_at'), 0)",
    ),
    (
        "the text of message # is kept for participant #, and it is not there",
        "SELECT k.message, k.holder FROM kept_text k JOIN message m ON m.no = k.message WHERE m.text = ''",
    ),
    (
        "message # has payloads for participant #, and does not say so",
        "SELECT p.message, p.recipient FROM payload p JOIN message m ON m.no = p.message WHERE m.has_payloads = 0",
    ),
    (
        "an idempotency key of participant # names message #, which someone else sent",
        "SELECT i.sender, i.message FROM idempotency i JOIN message m ON m.no = i.message WHERE m.sender <> i.sender",
    ),
    (
        "participant # watches participant #, and is no user, or watches itself",
        "SELECT w.user, w.participant FROM watcher w JOIN participant p ON p.no = w.user
         WHERE p.standing <> 1 OR w.user = w.participant",
    ),
    (
        "group # has the member #, who is no user",
        "SELECT m.people_group, m.participant FROM people_group_member m JOIN participant p ON p.no = m.participant
         WHERE p.standing <> 1",
    ),
    (
        "of participant #, messages are confirmed up to #, which is beyond the log",
        "SELECT p.no, p.confirmed FROM participant p
         WHERE p.confirmed > coalesce((SELECT max(seq) FROM log l WHERE l.participant = p.no), 0)",
    ),
    (
        "a cursor of participant # stands at #, which is beyond the log",
        "SELECT c.participant, c.seq FROM cursor c
         WHERE c.seq > coalesce((SELECT max(seq) FROM log l WHERE l.participant = c.participant), 0)",
    ),
];

fn check_rule(
    sql: &Connection,
    sentence: &str,
    query: &str,
    report: &mut Report,
) -> Result<(), Fault> {
    let mut statement = sql.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        found += 1;
        if found > LISTED_MAX {
            report
                .problems
                .push(format!("and more: {}", sentence.replace('#', "...")));
            break;
        }
        let (one, two): (i64, i64) = (row.get(0)?, row.get(1)?);
        report
            .problems
            .push(
                sentence
                    .replacen('#', &one.to_string(), 1)
                    .replacen('#', &two.to_string(), 1),
            );
    }
    Ok(())
}

/// A chat is found by its set of people: each must have one, and it must be of those in it.
fn check_sets(sql: &Connection, report: &mut Report) -> Result<(), Fault> {
    let mut sets = sql.prepare(
        "SELECT c.no, s.members_key FROM chat c LEFT JOIN chat_set s ON s.chat = c.no ORDER BY c.no",
    )?;
    let mut members = sql.prepare("SELECT participant FROM member WHERE chat = ?1")?;
    let mut rows = sets.query([])?;
    let mut found = 0;
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
        if kept != Some(MembersKey::of(people)) {
            found += 1;
            if found > LISTED_MAX {
                report
                    .problems
                    .push("and more chats that cannot be found by the people in them".to_owned());
                break;
            }
            report
                .problems
                .push(format!("chat {} cannot be found by the people in it", no.0));
        }
    }
    Ok(())
}
