//! Retention: one step of a pass, in the transaction that is open. What goes is said by the rules of the core.

use crewline_api::{CursorName, EventKind, Priority, Timestamp};
use crewline_core::changes::LogDetail;
use crewline_core::keep::{CursorBehind, HOLD_LOOK_MAX, Holder, Pass, Stage, passed};
use crewline_core::{ChatNo, CursorRow, MessageNo, ParticipantNo};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::Fault;
use crate::load;
use crate::{meta, row};

type Result<T> = std::result::Result<T, Fault>;

/// Removes about `rows` rows.
pub(crate) fn step(sql: &Connection, pass: &mut Pass, rows: usize) -> Result<()> {
    let (events, mut left) = (pass.removed.events, rows.max(1));
    while left > 0 && !pass.is_done() {
        match pass.stage {
            Stage::Logs(after) => logs(sql, pass, after, &mut left)?,
            Stage::Kept(after) => kept(sql, pass, after, &mut left)?,
            Stage::Texts => texts(sql, pass, &mut left)?,
            Stage::Done => {}
        }
    }
    if pass.removed.events > events {
        meta::note_retention(sql)?;
    }
    Ok(())
}

/// A row of a log, with what decides on it.
struct OldRow {
    seq: u64,
    kind: u8,
    message: Option<i64>,
    who: Option<i64>,
    has_payloads: bool,
    at: Timestamp,
}

/// Rows of a log behind a seq, each with when it was told.
pub(crate) const ROWS: &str = "SELECT l.seq, l.kind, l.message, l.who, coalesce(m.has_payloads, 0), l.detail,
        CASE l.kind WHEN 3 THEN r.delivered_at WHEN 4 THEN r.read_at WHEN 5 THEN r.acknowledged_at ELSE m.sent_at END
     FROM log l LEFT JOIN message m ON m.no = l.message
     LEFT JOIN recipient r ON r.message = l.message AND r.participant = l.who
     WHERE l.participant = ?1 AND l.seq > ?2 ORDER BY l.seq LIMIT ?3";

fn rows(sql: &Connection, no: ParticipantNo, after: u64, limit: usize) -> Result<Vec<OldRow>> {
    let mut statement = sql.prepare_cached(ROWS)?;
    let mut rows = statement.query((no.0, after as i64, limit as i64))?;
    let mut found = Vec::new();
    while let Some(columns) = rows.next()? {
        let seq = row::count(columns, 0)?;
        let at = match columns.get_ref(5)?.as_blob_or_null().ok().flatten() {
            Some(bytes) => LogDetail::from_bytes(bytes).map(|detail| detail.at),
            None => row::time_or_none(columns, 6)?,
        };
        let at = at.ok_or_else(|| {
            let of = no.0;
            Fault::damaged(format!(
                "row {seq} of the log of participant {of} has no time"
            ))
        })?;
        found.push(OldRow {
            seq,
            kind: columns.get(1)?,
            message: columns.get(2)?,
            who: columns.get(3)?,
            has_payloads: columns.get(4)?,
            at,
        });
    }
    Ok(found)
}

/// The log of the next participant, or a part of it.
fn logs(sql: &Connection, pass: &mut Pass, after: ParticipantNo, left: &mut usize) -> Result<()> {
    let mut statement = sql.prepare_cached("SELECT min(no) FROM participant WHERE no > ?1")?;
    let next: Option<i64> = statement.query_row([after.0], |row| row.get(0))?;
    let Some(no) = next.map(ParticipantNo) else {
        pass.stage = Stage::Kept(None);
        return Ok(());
    };
    let cursors = release(sql, pass, no)?;
    let passed = passed(cursors);
    let last = row::load_head(sql, no)?;
    // One more than may go in this step, so that the end of what is old is seen.
    let look = rows(sql, no, 0, *left + 1)?;
    let old = |row: &&OldRow| row.seq <= passed && row.seq < last && pass.cut.is_old(row.at);
    let going = look.iter().take_while(old).take(*left).count();
    if let Some(last) = going.checked_sub(1).and_then(|at| look.get(at)) {
        for row in look.iter().take(going) {
            pass.removed.payloads += forget_payload(sql, row)?;
        }
        let mut delete =
            sql.prepare_cached("DELETE FROM log WHERE participant = ?1 AND seq <= ?2")?;
        pass.removed.events += delete.execute((no.0, last.seq as i64))? as u64;
    }
    // A log of which nothing goes has cost a look.
    *left -= going.max(1);
    match look.get(going) {
        // There may be more to go: this log is the next one again.
        Some(row) if old(&row) => return Ok(()),
        Some(row) if row.seq > passed && pass.cut.is_old(row.at) => hold(sql, pass, no, row.seq)?,
        _ => {}
    }
    pass.stage = Stage::Logs(no);
    Ok(())
}

/// Notes that what is left of a log, from this row on, holds texts.
fn hold(sql: &Connection, pass: &mut Pass, no: ParticipantNo, seq: u64) -> Result<()> {
    pass.removed.logs_held += 1;
    let look = rows(sql, no, seq - 1, HOLD_LOOK_MAX + 1)?;
    let tells = [EventKind::MessageReceived, EventKind::MessageSent].map(EventKind::code);
    let from = look
        .iter()
        .take(HOLD_LOOK_MAX)
        .find(|row| tells.contains(&row.kind))
        .and_then(|row| row.message);
    if let Some(from) = from.or((look.len() > HOLD_LOOK_MAX).then_some(0)) {
        pass.holds.insert(no, MessageNo(from));
    }
    Ok(())
}

/// What was told with a row goes with it.
fn forget_payload(sql: &Connection, row: &OldRow) -> Result<u64> {
    // The codes of the states are those of `payload`.
    let state = match EventKind::from_code(row.kind) {
        Some(EventKind::MessageDelivered) => 1,
        Some(EventKind::MessageRead) => 2,
        _ => return Ok(0),
    };
    if !row.has_payloads {
        return Ok(0);
    }
    let mut statement = sql.prepare_cached(
        "DELETE FROM payload WHERE message = ?1 AND recipient = ?2 AND state = ?3",
    )?;
    Ok(statement.execute((row.message, row.who, state))? as u64)
}

/// A participant's cursors, of which those that are behind for too long were released.
fn release(sql: &Connection, pass: &mut Pass, no: ParticipantNo) -> Result<Vec<CursorRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT name FROM cursor WHERE participant = ?1 AND released = 0 ORDER BY name",
    )?;
    let names: Vec<String> = statement
        .query_map([no.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut cursors = Vec::with_capacity(names.len());
    for name in names {
        let Some(mut cursor) = load::cursor(sql, no, &name)? else {
            continue;
        };
        if let Some(next) = rows(sql, no, cursor.seq, 1)?.first()
            && pass.cut.releases(&cursor, next.at)
        {
            cursor.released = true;
            let mut update = sql.prepare_cached(
                "UPDATE cursor SET released = 1 WHERE participant = ?1 AND name = ?2",
            )?;
            update.execute((no.0, &name))?;
            let behind = behind_row(sql, no, &name, &cursor, next.at)?;
            pass.removed.released.push(behind);
        }
        cursors.push(cursor);
    }
    Ok(cursors)
}

fn behind_row(
    sql: &Connection,
    no: ParticipantNo,
    name: &str,
    cursor: &CursorRow,
    next_at: Timestamp,
) -> Result<CursorBehind> {
    let mut statement = sql.prepare_cached("SELECT id FROM participant WHERE no = ?1")?;
    let mut rows = statement.query([no.0])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::damaged(format!("participant {} is missing", no.0)))?;
    Ok(CursorBehind {
        participant: row::participant_id(row, 0)?,
        name: CursorName::new(name)
            .map_err(|error| Fault::damaged(format!("the name {name:?} of a cursor {error}")))?,
        seq: cursor.seq,
        since: cursor.behind_since(next_at),
        released: cursor.released,
    })
}

/// Cursors that have been behind since before a time, the longest first.
pub(crate) fn cursors_behind(sql: &Connection, before: Timestamp) -> Result<Vec<CursorBehind>> {
    let mut statement =
        sql.prepare_cached("SELECT participant, name FROM cursor WHERE put_at < ?1")?;
    let keys: Vec<(i64, String)> = statement
        .query_map([before.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::new();
    for (no, name) in keys {
        let no = ParticipantNo(no);
        let Some(cursor) = load::cursor(sql, no, &name)? else {
            continue;
        };
        if let Some(next) = rows(sql, no, cursor.seq, 1)?.first()
            && cursor.behind_since(next.at) < before
        {
            found.push(behind_row(sql, no, &name, &cursor, next.at)?);
        }
    }
    found.sort_by(|a, b| (a.since, a).cmp(&(b.since, b)));
    Ok(found)
}

/// A message whose text may go.
struct OldText {
    no: MessageNo,
    chat: ChatNo,
    sender: ParticipantNo,
    priority: i64,
    sent_at: Timestamp,
}

/// Messages behind a number.
pub(crate) const MESSAGES: &str =
    "SELECT no, chat, sender, priority, sent_at FROM message WHERE no > ?1 ORDER BY no LIMIT ?2";

fn messages(sql: &Connection, after: i64, limit: usize) -> Result<Vec<OldText>> {
    let mut statement = sql.prepare_cached(MESSAGES)?;
    let mut rows = statement.query((after, limit as i64))?;
    let mut found = Vec::new();
    while let Some(columns) = rows.next()? {
        found.push(OldText {
            no: MessageNo(columns.get(0)?),
            chat: ChatNo(columns.get(1)?),
            sender: ParticipantNo(columns.get(2)?),
            priority: columns.get(3)?,
            sent_at: row::time(columns, 4)?,
        });
    }
    Ok(found)
}

/// Texts that were not looked at before.
fn texts(sql: &Connection, pass: &mut Pass, left: &mut usize) -> Result<()> {
    let looked_at = meta::texts_looked_at(sql)?;
    let look = messages(sql, looked_at, *left)?;
    let whole = look.len() == *left;
    let old: Vec<OldText> = look
        .into_iter()
        .take_while(|text| pass.cut.is_old(text.sent_at))
        .collect();
    for text in &old {
        if let Some(holder) = clear(sql, pass, text)? {
            keep(sql, holder, text.no)?;
        }
    }
    if let Some(last) = old.last() {
        meta::look_at_texts(sql, last.no.0)?;
    }
    if whole && old.len() == *left {
        *left = 0;
    } else {
        pass.stage = Stage::Done;
    }
    Ok(())
}

/// Texts that an earlier pass kept: those of the next holder, or a part of them.
fn kept(
    sql: &Connection,
    pass: &mut Pass,
    after: Option<(Holder, MessageNo)>,
    left: &mut usize,
) -> Result<()> {
    let (holder, after) = after.unwrap_or((Holder::Emergency, MessageNo(0)));
    // What a log holds still is not looked at.
    let end = match holder {
        Holder::Emergency => i64::MAX,
        Holder::Log(no) => pass.holds.get(&no).map_or(i64::MAX, |from| from.0),
    };
    let mut statement = sql.prepare_cached(
        "SELECT message FROM kept_text WHERE holder = ?1 AND message > ?2 AND message < ?3 ORDER BY message LIMIT ?4",
    )?;
    let found: Vec<i64> = statement
        .query_map((code(holder), after.0, end, *left as i64), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for no in &found {
        look_again(sql, pass, holder, *no)?;
    }
    if let Some(last) = found.last().filter(|_| found.len() == *left) {
        *left = 0;
        pass.stage = Stage::Kept(Some((holder, MessageNo(*last))));
        return Ok(());
    }
    *left -= found.len();
    let mut next = sql.prepare_cached("SELECT min(holder) FROM kept_text WHERE holder > ?1")?;
    let next: Option<i64> = next.query_row([code(holder)], |row| row.get(0))?;
    pass.stage = match next {
        Some(no) => Stage::Kept(Some((Holder::Log(ParticipantNo(no)), MessageNo(0)))),
        None => Stage::Texts,
    };
    Ok(())
}

fn look_again(sql: &Connection, pass: &mut Pass, kept_by: Holder, no: i64) -> Result<()> {
    let found = messages(sql, no - 1, 1)?;
    let text = found.first().filter(|text| text.no.0 == no);
    let text = text.ok_or_else(|| Fault::damaged(format!("message {no} is missing")))?;
    // The setting may have been raised since.
    if !pass.cut.is_old(text.sent_at) {
        return Ok(());
    }
    let holder = clear(sql, pass, text)?;
    if holder != Some(kept_by) {
        let mut delete =
            sql.prepare_cached("DELETE FROM kept_text WHERE holder = ?1 AND message = ?2")?;
        delete.execute((code(kept_by), no))?;
        if let Some(holder) = holder {
            keep(sql, holder, text.no)?;
        }
    }
    Ok(())
}

fn code(holder: Holder) -> i64 {
    match holder {
        Holder::Emergency => 0,
        Holder::Log(no) => no.0,
    }
}

fn keep(sql: &Connection, holder: Holder, message: MessageNo) -> Result<()> {
    let mut insert =
        sql.prepare_cached("INSERT OR IGNORE INTO kept_text (holder, message) VALUES (?1, ?2)")?;
    insert.execute((code(holder), message.0))?;
    Ok(())
}

/// Removes a text, unless somebody holds it.
fn clear(sql: &Connection, pass: &mut Pass, text: &OldText) -> Result<Option<Holder>> {
    if text.priority == i64::from(Priority::Emergency.number()) && is_awaited(sql, text)? {
        pass.removed.emergencies_kept += 1;
        return Ok(Some(Holder::Emergency));
    }
    // Mostly nobody holds anything.
    if !pass.holds.is_empty()
        && let Some(no) = holder(sql, pass, text)?
    {
        return Ok(Some(Holder::Log(no)));
    }
    remove_text(sql, text.no)?;
    pass.removed.texts += 1;
    Ok(None)
}

/// Takes a message out and puts it in again without its text. SQLite joins pages that became nearly empty, and uses them
/// anew, only where a row was taken out; where it was made shorter the room in its page is lost.
fn remove_text(sql: &Connection, no: MessageNo) -> Result<()> {
    crate::search::forget(sql, no.0)?;
    let mut select = sql.prepare_cached(
        "SELECT no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, device
         FROM message WHERE no = ?1",
    )?;
    let mut rows = select.query([no.0])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::damaged(format!("message {} is missing", no.0)))?;
    let columns: Vec<Value> = (0..11)
        .map(|at| row.get(at))
        .collect::<rusqlite::Result<_>>()?;
    drop(rows);
    sql.prepare_cached("DELETE FROM message WHERE no = ?1")?
        .execute([no.0])?;
    let mut insert = sql.prepare_cached(
        "INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, device, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, '')",
    )?;
    insert.execute(rusqlite::params_from_iter(columns))?;
    Ok(())
}

/// Whether somebody still has to acknowledge it: as the core says it, but of all recipients at once.
fn is_awaited(sql: &Connection, text: &OldText) -> Result<bool> {
    let mut statement = sql.prepare_cached(
        "SELECT 1 FROM member x JOIN participant p ON p.no = x.participant
         LEFT JOIN recipient r ON r.message = ?1 AND r.participant = x.participant
         WHERE x.chat = ?2 AND x.participant <> ?3 AND p.standing <> 2 AND p.disabled = 0
           AND r.acknowledged_at IS NULL LIMIT 1",
    )?;
    let found: Option<i64> = statement
        .query_row((text.no.0, text.chat.0, text.sender.0), |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Whose log holds it back.
fn holder(sql: &Connection, pass: &Pass, text: &OldText) -> Result<Option<ParticipantNo>> {
    let mut is_member =
        sql.prepare_cached("SELECT 1 FROM member WHERE chat = ?1 AND participant = ?2")?;
    for (no, from) in &pass.holds {
        if *from <= text.no && is_member.exists((text.chat.0, no.0))? {
            return Ok(Some(*no));
        }
    }
    Ok(None)
}
