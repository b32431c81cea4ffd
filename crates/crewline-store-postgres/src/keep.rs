//! Retention: one step of a pass, in the transaction that is open. What goes is said by the rules of the core.

use crewline_api::{CursorName, EventKind, Priority, Timestamp};
use crewline_core::changes::LogDetail;
use crewline_core::keep::{CursorBehind, HOLD_LOOK_MAX, Holder, Pass, Stage, passed};
use crewline_core::{ChatNo, CursorRow, MessageNo, ParticipantNo};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::row::as_integer;
use crate::sql::{Sql, get};
use crate::{load, meta, row, search};

type Result<T> = std::result::Result<T, Fault>;

/// Removes about `rows` rows.
pub(crate) fn step(sql: &Sql, pass: &mut Pass, rows: usize) -> Result<()> {
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
pub(crate) const ROWS: &str = "SELECT l.seq, l.kind, l.message, l.who, coalesce(m.has_payloads, false), l.detail,
        CASE l.kind WHEN 3 THEN r.delivered_at WHEN 4 THEN r.read_at WHEN 5 THEN r.acknowledged_at ELSE m.sent_at END
     FROM log l LEFT JOIN message m ON m.no = l.message
     LEFT JOIN recipient r ON r.message = l.message AND r.participant = l.who
     WHERE l.participant = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3";

fn rows(sql: &Sql, no: ParticipantNo, after: u64, limit: usize) -> Result<Vec<OldRow>> {
    let rows = sql.query(
        ROWS,
        &[&no.0, &as_integer(after), &as_integer(limit as u64)],
    )?;
    rows.iter().map(|columns| old_row(no, columns)).collect()
}

fn old_row(no: ParticipantNo, columns: &Row) -> Result<OldRow> {
    let seq = row::count(columns, 0)?;
    let at = match get::<Option<&[u8]>>(columns, 5)? {
        Some(bytes) => LogDetail::from_bytes(bytes).map(|detail| detail.at),
        None => row::time_or_none(columns, 6)?,
    };
    let at = at.ok_or_else(|| {
        let of = no.0;
        Fault::damaged(format!(
            "row {seq} of the log of participant {of} has no time"
        ))
    })?;
    Ok(OldRow {
        seq,
        kind: get::<i16>(columns, 1)? as u8,
        message: get(columns, 2)?,
        who: get(columns, 3)?,
        has_payloads: get(columns, 4)?,
        at,
    })
}

/// The log of the next participant, or a part of it.
fn logs(sql: &Sql, pass: &mut Pass, after: ParticipantNo, left: &mut usize) -> Result<()> {
    let next: Option<Option<i64>> =
        sql.value("SELECT min(no) FROM participant WHERE no > $1", &[&after.0])?;
    let Some(no) = next.flatten().map(ParticipantNo) else {
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
        pass.removed.payloads += forget_payloads(sql, look.get(..going).unwrap_or_default())?;
        pass.removed.events += sql.execute(
            "DELETE FROM log WHERE participant = $1 AND seq <= $2",
            &[&no.0, &as_integer(last.seq)],
        )?;
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
fn hold(sql: &Sql, pass: &mut Pass, no: ParticipantNo, seq: u64) -> Result<()> {
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

/// What was told with rows goes with them.
fn forget_payloads(sql: &Sql, rows: &[OldRow]) -> Result<u64> {
    let (mut messages, mut recipients, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.has_payloads) {
        // The codes of the states are those of `payload`.
        let state: i16 = match EventKind::from_code(row.kind) {
            Some(EventKind::MessageDelivered) => 1,
            Some(EventKind::MessageRead) => 2,
            _ => continue,
        };
        messages.push(row.message);
        recipients.push(row.who);
        states.push(state);
    }
    if messages.is_empty() {
        return Ok(0);
    }
    sql.execute(
        "DELETE FROM payload p USING unnest($1::int8[], $2::int8[], $3::int2[]) k (message, recipient, state)
         WHERE p.message = k.message AND p.recipient = k.recipient AND p.state = k.state",
        &[&messages, &recipients, &states],
    )
}

/// A participant's cursors, of which those that are behind for too long were released.
fn release(sql: &Sql, pass: &mut Pass, no: ParticipantNo) -> Result<Vec<CursorRow>> {
    let found = sql.query(
        "SELECT name FROM cursor WHERE participant = $1 AND NOT released ORDER BY name",
        &[&no.0],
    )?;
    let names: Vec<String> = found.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    let mut cursors = Vec::with_capacity(names.len());
    for name in names {
        let Some(mut cursor) = load::cursor(sql, no, &name)? else {
            continue;
        };
        if let Some(next) = rows(sql, no, cursor.seq, 1)?.first()
            && pass.cut.releases(&cursor, next.at)
        {
            cursor.released = true;
            sql.execute(
                "UPDATE cursor SET released = true WHERE participant = $1 AND name = $2",
                &[&no.0, &name],
            )?;
            let behind = behind_row(sql, no, &name, &cursor, next.at)?;
            pass.removed.released.push(behind);
        }
        cursors.push(cursor);
    }
    Ok(cursors)
}

fn behind_row(
    sql: &Sql,
    no: ParticipantNo,
    name: &str,
    cursor: &CursorRow,
    next_at: Timestamp,
) -> Result<CursorBehind> {
    Ok(CursorBehind {
        participant: row::load_id(sql, no)?,
        name: CursorName::new(name)
            .map_err(|error| Fault::damaged(format!("the name {name:?} of a cursor {error}")))?,
        seq: cursor.seq,
        since: cursor.behind_since(next_at),
        released: cursor.released,
    })
}

/// Cursors that have been behind since before a time, the longest first.
pub(crate) fn cursors_behind(sql: &Sql, before: Timestamp) -> Result<Vec<CursorBehind>> {
    let keys = sql.query(
        "SELECT participant, name FROM cursor WHERE put_at < $1",
        &[&before.as_millis()],
    )?;
    let mut found = Vec::new();
    for key in &keys {
        let (no, name): (i64, String) = (get(key, 0)?, get(key, 1)?);
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
    priority: i16,
    sent_at: Timestamp,
}

/// Messages behind a number.
pub(crate) const MESSAGES: &str =
    "SELECT no, chat, sender, priority, sent_at FROM message WHERE no > $1 ORDER BY no LIMIT $2";

fn messages(sql: &Sql, after: i64, limit: usize) -> Result<Vec<OldText>> {
    let rows = sql.query(MESSAGES, &[&after, &as_integer(limit as u64)])?;
    rows.iter().map(old_text).collect()
}

fn old_text(columns: &Row) -> Result<OldText> {
    Ok(OldText {
        no: MessageNo(get(columns, 0)?),
        chat: ChatNo(get(columns, 1)?),
        sender: ParticipantNo(get(columns, 2)?),
        priority: get(columns, 3)?,
        sent_at: row::time(columns, 4)?,
    })
}

/// Texts that were not looked at before.
fn texts(sql: &Sql, pass: &mut Pass, left: &mut usize) -> Result<()> {
    let looked_at = meta::texts_looked_at(sql)?;
    let look = messages(sql, looked_at, *left)?;
    let whole = look.len() == *left;
    let old: Vec<OldText> = look
        .into_iter()
        .take_while(|text| pass.cut.is_old(text.sent_at))
        .collect();
    let mut going = Vec::new();
    for text in &old {
        if let Some(holder) = holder_of(sql, pass, text, &mut going)? {
            keep(sql, holder, text.no)?;
        }
    }
    remove_texts(sql, &going)?;
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
    sql: &Sql,
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
    let most = as_integer(*left as u64);
    let rows = sql.query(
        "SELECT message FROM kept_text WHERE holder = $1 AND message > $2 AND message < $3 ORDER BY message LIMIT $4",
        &[&code(holder), &after.0, &end, &most],
    )?;
    let found: Vec<i64> = rows.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    look_again(sql, pass, holder, &found)?;
    if let Some(last) = found.last().filter(|_| found.len() == *left) {
        *left = 0;
        pass.stage = Stage::Kept(Some((holder, MessageNo(*last))));
        return Ok(());
    }
    *left -= found.len();
    let next: Option<Option<i64>> = sql.value(
        "SELECT min(holder) FROM kept_text WHERE holder > $1",
        &[&code(holder)],
    )?;
    pass.stage = match next.flatten() {
        Some(no) => Stage::Kept(Some((Holder::Log(ParticipantNo(no)), MessageNo(0)))),
        None => Stage::Texts,
    };
    Ok(())
}

fn look_again(sql: &Sql, pass: &mut Pass, kept_by: Holder, nos: &[i64]) -> Result<()> {
    let rows = sql.query(
        "SELECT no, chat, sender, priority, sent_at FROM message WHERE no = ANY($1) ORDER BY no",
        &[&nos],
    )?;
    if rows.len() != nos.len() {
        return Err(Fault::damaged("a message whose text is kept is missing"));
    }
    let (mut going, mut let_go) = (Vec::new(), Vec::new());
    for row in &rows {
        let text = old_text(row)?;
        // The setting may have been raised since.
        if !pass.cut.is_old(text.sent_at) {
            continue;
        }
        let holder = holder_of(sql, pass, &text, &mut going)?;
        if holder != Some(kept_by) {
            let_go.push(text.no.0);
            if let Some(holder) = holder {
                keep(sql, holder, text.no)?;
            }
        }
    }
    sql.execute(
        "DELETE FROM kept_text WHERE holder = $1 AND message = ANY($2)",
        &[&code(kept_by), &let_go],
    )?;
    remove_texts(sql, &going)
}

fn code(holder: Holder) -> i64 {
    match holder {
        Holder::Emergency => 0,
        Holder::Log(no) => no.0,
    }
}

fn keep(sql: &Sql, holder: Holder, message: MessageNo) -> Result<()> {
    sql.execute(
        "INSERT INTO kept_text (holder, message) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[&code(holder), &message.0],
    )?;
    Ok(())
}

/// Who holds a text; where nobody does, it goes.
fn holder_of(
    sql: &Sql,
    pass: &mut Pass,
    text: &OldText,
    going: &mut Vec<i64>,
) -> Result<Option<Holder>> {
    if text.priority == i16::from(Priority::Emergency.number()) && is_awaited(sql, text)? {
        pass.removed.emergencies_kept += 1;
        return Ok(Some(Holder::Emergency));
    }
    // Mostly nobody holds anything.
    if !pass.holds.is_empty()
        && let Some(no) = holder(sql, pass, text)?
    {
        return Ok(Some(Holder::Log(no)));
    }
    going.push(text.no.0);
    pass.removed.texts += 1;
    Ok(None)
}

/// Removes texts, and their words.
fn remove_texts(sql: &Sql, nos: &[i64]) -> Result<()> {
    if nos.is_empty() {
        return Ok(());
    }
    search::forget(sql, nos)?;
    sql.execute("UPDATE message SET text = '' WHERE no = ANY($1)", &[&nos])?;
    Ok(())
}

/// Whether somebody still has to acknowledge it: as the core says it, but of all recipients at once.
fn is_awaited(sql: &Sql, text: &OldText) -> Result<bool> {
    let awaited = sql.value(
        "SELECT EXISTS (SELECT 1 FROM member x JOIN participant p ON p.no = x.participant
         LEFT JOIN recipient r ON r.message = $1 AND r.participant = x.participant
         WHERE x.chat = $2 AND x.participant <> $3 AND p.standing <> 2 AND NOT p.disabled AND r.acknowledged_at IS NULL)",
        &[&text.no.0, &text.chat.0, &text.sender.0],
    )?;
    Ok(awaited.unwrap_or(false))
}

/// Whose log holds it back: the first of them by number.
fn holder(sql: &Sql, pass: &Pass, text: &OldText) -> Result<Option<ParticipantNo>> {
    let holding = pass.holds.iter().filter(|(_, from)| **from <= text.no);
    let holding: Vec<i64> = holding.map(|(no, _)| no.0).collect();
    let found: Option<Option<i64>> = sql.value(
        "SELECT min(participant) FROM member WHERE chat = $1 AND participant = ANY($2)",
        &[&text.chat.0, &holding],
    )?;
    Ok(found.flatten().map(ParticipantNo))
}
