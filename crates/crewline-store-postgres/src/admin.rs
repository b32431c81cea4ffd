//! What looks at a store as a whole.

use crewline_core::check::{LISTED_MAX, Report, Rule};
use crewline_core::copy::half_made;
use crewline_core::{ChatNo, MembersKey, ParticipantNo, StoreError, StoreErrorKind};

use crate::connect::{Connector, Purpose};
use crate::error::Fault;
use crate::options::Options;
use crate::sql::{Sql, get};
use crate::{meta, migration, row};

/// Checks a store, as it is at this moment; a server may run on it. Whether the files of the database are whole is for
/// PostgreSQL's own tools (`pg_amcheck`).
///
/// # Errors
/// Where it cannot be reached, or holds no store. Everything else is in the report.
pub fn check(options: &Options) -> Result<Report, StoreError> {
    let doing = "checking the store";
    let connector = Connector::new(options)?;
    let sql = connector.connect(Purpose::Read)?;
    let name = connector.place().shown();
    report(&sql, name).map_err(|fault| connector.place().error(doing, fault))
}

fn report(sql: &Sql, name: &str) -> Result<Report, Fault> {
    // One state of the store, for all statements, however long they take.
    sql.begin_by(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
    )?;
    let schema = migration::version(sql)?;
    if schema == 0 {
        return Err(Fault::damaged("it holds no tables of Crewline"));
    }
    if meta::copy_of(sql)?.is_some() {
        let detail = half_made(name);
        return Err(StoreError::new(StoreErrorKind::Unavailable, detail).into());
    }
    let count = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut report = Report {
        schema,
        epoch: meta::epoch(sql)?,
        messages: count(sql.simple("SELECT count(*) FROM message")?),
        events: count(sql.simple("SELECT count(*) FROM log")?),
        ..Report::default()
    };
    if schema < migration::NEWEST {
        report.tell_other_schema(migration::NEWEST);
        return Ok(report);
    }
    let rules = RULES.map(|(rule, query)| (rule.broken(), query));
    for (sentence, query) in REFERENCES.iter().copied().chain(rules) {
        check_rows(sql, sentence, query, &mut report)?;
    }
    check_sets(sql, &mut report)?;
    sql.end_reading();
    Ok(report)
}

/// Rows that name rows which are not there. Two numbers that say which row it is take the places of the marks.
const REFERENCES: &[(&str, &str)] = &[
    (
        "row # of the log of participant # names a message that is not there",
        "SELECT l.seq, l.participant FROM log l LEFT JOIN message m ON m.no = l.message WHERE l.message IS NOT NULL AND m.no IS NULL",
    ),
    (
        "row # of the log of participant # names a participant who is not there, or is of nobody",
        "SELECT l.seq, l.participant FROM log l LEFT JOIN participant p ON p.no = l.participant
         LEFT JOIN participant w ON w.no = l.who WHERE p.no IS NULL OR (l.who IS NOT NULL AND w.no IS NULL)",
    ),
    (
        "message # names chat #, and a chat, a sender or a message that it replies to is not there",
        "SELECT m.no, m.chat FROM message m LEFT JOIN chat c ON c.no = m.chat LEFT JOIN participant p ON p.no = m.sender
         LEFT JOIN message q ON q.no = m.reply_to
         WHERE c.no IS NULL OR p.no IS NULL OR (m.reply_to IS NOT NULL AND q.no IS NULL)",
    ),
    (
        "chat # has the member #, and one of them is not there",
        "SELECT m.chat, m.participant FROM member m LEFT JOIN chat c ON c.no = m.chat
         LEFT JOIN participant p ON p.no = m.participant WHERE c.no IS NULL OR p.no IS NULL",
    ),
    (
        "what became of message # with participant # is kept, and one of them is not there",
        "SELECT r.message, r.participant FROM recipient r LEFT JOIN message m ON m.no = r.message
         LEFT JOIN participant p ON p.no = r.participant WHERE m.no IS NULL OR p.no IS NULL",
    ),
    (
        "a receipt of message # is of participant #, and one of them is not there",
        "SELECT r.message, r.recipient FROM receipt r LEFT JOIN message m ON m.no = r.message
         LEFT JOIN participant p ON p.no = r.recipient WHERE m.no IS NULL OR p.no IS NULL",
    ),
    (
        "a payload of message # for participant # is kept, and one of them is not there",
        "SELECT y.message, y.recipient FROM payload y LEFT JOIN message m ON m.no = y.message
         LEFT JOIN participant p ON p.no = y.recipient WHERE m.no IS NULL OR p.no IS NULL",
    ),
    (
        "session # is of participant #, who is not there, or its device is not there",
        "SELECT s.no, s.participant FROM session s LEFT JOIN participant p ON p.no = s.participant
         LEFT JOIN device d ON d.no = s.device WHERE p.no IS NULL OR d.no IS NULL",
    ),
];

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
         LEFT JOIN message m ON m.chat = c.no AND m.position = c.last_position WHERE m.no IS DISTINCT FROM c.last_message",
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
         WHERE text = '' AND no > coalesce((SELECT value::int8 FROM meta WHERE key = 'texts_looked_at'), 0)",
    ),
    (
        Rule::KeptTextIsThere,
        "SELECT k.message, k.holder FROM kept_text k JOIN message m ON m.no = k.message WHERE m.text = ''",
    ),
    (
        Rule::PayloadsAreSaid,
        "SELECT p.message, p.recipient FROM payload p JOIN message m ON m.no = p.message WHERE NOT m.has_payloads",
    ),
    (
        Rule::KeyOfSender,
        "SELECT i.sender, i.message FROM idempotency i JOIN message m ON m.no = i.message WHERE m.sender <> i.sender",
    ),
    (
        Rule::WatcherIsUser,
        "SELECT w.watched_by, w.participant FROM watcher w JOIN participant p ON p.no = w.watched_by
         WHERE p.standing <> 1 OR w.watched_by = w.participant",
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

fn check_rows(
    sql: &Sql,
    sentence: &'static str,
    query: &str,
    report: &mut Report,
) -> Result<(), Fault> {
    let limited = format!(
        "SELECT array_agg(one::int8), array_agg(two::int8) FROM (SELECT * FROM ({query}) found (one, two) LIMIT {}) listed",
        LISTED_MAX + 1
    );
    let Some(row) = sql.once(&limited)? else {
        return Ok(());
    };
    let (ones, twos): (Option<Vec<i64>>, Option<Vec<i64>>) = (get(&row, 0)?, get(&row, 1)?);
    let mut broken = report.list_rows(sentence);
    for (one, two) in ones
        .unwrap_or_default()
        .into_iter()
        .zip(twos.unwrap_or_default())
    {
        broken.add(one, two);
    }
    Ok(())
}

/// Whether each chat can be found by the people in it.
fn check_sets(sql: &Sql, report: &mut Report) -> Result<(), Fault> {
    const CHATS: &str = "SELECT c.no, s.members_key, array(SELECT m.participant FROM member m WHERE m.chat = c.no)
         FROM (SELECT no FROM chat WHERE no > $1 ORDER BY no LIMIT 1000) c LEFT JOIN chat_set s ON s.chat = c.no ORDER BY c.no";
    let mut after = 0i64;
    let mut sets = report.list_chats();
    loop {
        let rows = sql.query(CHATS, &[&after])?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = get(last, 0)?;
        for chat in &rows {
            let no = ChatNo(get(chat, 0)?);
            let kept = match get::<Option<&[u8]>>(chat, 1)? {
                Some(_) => Some(MembersKey(row::hash(chat, 1)?)),
                None => None,
            };
            let people = get::<Vec<i64>>(chat, 2)?.into_iter().map(ParticipantNo);
            if !sets.look(no, kept, people) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_looked_at() {
        assert!(RULES.iter().map(|(rule, _)| rule).eq(Rule::ALL));
    }
}
