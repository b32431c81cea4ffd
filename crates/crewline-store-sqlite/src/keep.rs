//! Retention: the statements by which a step of the core finds and removes what is old, in the transaction that is open.

use crewline_api::{CursorName, EventKind, ParticipantId, Seq, Timestamp};
use crewline_core::changes::LogDetail;
use crewline_core::keep::{
    self, CursorBehind, Holder, NamedCursor, OldRow, OldRows, OldText, Pass,
};
use crewline_core::{ChatNo, Code as _, MessageNo, ParticipantNo};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::error::Fault;
use crate::load;
use crate::reader::as_integer;
use crate::{meta, row, search};

type Result<T> = std::result::Result<T, Fault>;

/// Removes about `rows` rows.
pub(crate) fn step(sql: &Connection, pass: &mut Pass, rows: usize) -> Result<()> {
    keep::step(&Rows(sql), pass, rows)
}

/// Cursors that have been behind since before a time, the longest first.
pub(crate) fn cursors_behind(sql: &Connection, before: Timestamp) -> Result<Vec<CursorBehind>> {
    keep::cursors_behind(&Rows(sql), before)
}

/// Rows of a log behind a seq, each with when it was told.
pub(crate) const ROWS: &str = "SELECT l.seq, l.kind, l.message, l.who, coalesce(m.has_payloads, 0), l.detail,
        CASE l.kind WHEN 3 THEN r.delivered_at WHEN 4 THEN r.read_at WHEN 5 THEN r.acknowledged_at ELSE m.sent_at END
     FROM log l LEFT JOIN message m ON m.no = l.message
     LEFT JOIN recipient r ON r.message = l.message AND r.participant = l.who
     WHERE l.participant = ?1 AND l.seq > ?2 ORDER BY l.seq LIMIT ?3";

/// Messages behind a number.
pub(crate) const MESSAGES: &str =
    "SELECT no, chat, sender, priority, sent_at FROM message WHERE no > ?1 ORDER BY no LIMIT ?2";

struct Rows<'a>(&'a Connection);

impl Rows<'_> {
    fn execute(&self, statement: &str, values: impl Params) -> Result<u64> {
        Ok(self.0.prepare_cached(statement)?.execute(values)? as u64)
    }

    fn number(&self, statement: &str, values: impl Params) -> Result<Option<i64>> {
        let mut statement = self.0.prepare_cached(statement)?;
        Ok(statement.query_row(values, |row| row.get(0))?)
    }

    fn all<T>(
        &self,
        statement: &str,
        values: impl Params,
        take: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.0.prepare_cached(statement)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(take(row)?);
        }
        Ok(found)
    }
}

fn old_row(of: ParticipantNo, columns: &Row<'_>) -> Result<OldRow> {
    let seq = row::count(columns, 0)?;
    let at = match columns.get_ref(5)?.as_blob_or_null().ok().flatten() {
        Some(bytes) => LogDetail::from_bytes(bytes).map(|detail| detail.at),
        None => row::time_or_none(columns, 6)?,
    };
    let at = at.ok_or_else(|| {
        let of = of.0;
        Fault::damaged(format!(
            "row {seq} of the log of participant {of} has no time"
        ))
    })?;
    Ok(OldRow {
        seq,
        kind: EventKind::from_code(columns.get(1)?),
        message: columns.get::<_, Option<i64>>(2)?.map(MessageNo),
        who: columns.get::<_, Option<i64>>(3)?.map(ParticipantNo),
        has_payloads: columns.get(4)?,
        at,
    })
}

fn old_text(columns: &Row<'_>) -> Result<OldText> {
    Ok(OldText {
        no: MessageNo(columns.get(0)?),
        chat: ChatNo(columns.get(1)?),
        sender: ParticipantNo(columns.get(2)?),
        priority: row::priority(columns, 3)?,
        sent_at: row::time(columns, 4)?,
    })
}

fn named_cursor(columns: &Row<'_>) -> Result<NamedCursor> {
    let name: String = columns.get(1)?;
    Ok(NamedCursor {
        participant: ParticipantNo(columns.get(0)?),
        name: CursorName::new(&name)
            .map_err(|error| Fault::damaged(format!("the name {name:?} of a cursor {error}")))?,
        row: load::cursor_row(columns, 2)?,
    })
}

impl OldRows for Rows<'_> {
    type Error = Fault;

    fn participant_after(&self, no: ParticipantNo) -> Result<Option<ParticipantNo>> {
        let next = self.number("SELECT min(no) FROM participant WHERE no > ?1", [no.0])?;
        Ok(next.map(ParticipantNo))
    }

    fn id(&self, no: ParticipantNo) -> Result<ParticipantId> {
        row::load_id(self.0, no)
    }

    fn holding_cursors(&self, of: ParticipantNo) -> Result<Vec<NamedCursor>> {
        self.all(
            "SELECT participant, name, seq, kinds, put_at, released FROM cursor
             WHERE participant = ?1 AND released = 0 ORDER BY name",
            [of.0],
            named_cursor,
        )
    }

    fn cursors_put_before(&self, time: Timestamp) -> Result<Vec<NamedCursor>> {
        self.all(
            "SELECT participant, name, seq, kinds, put_at, released FROM cursor WHERE put_at < ?1",
            [time.as_millis()],
            named_cursor,
        )
    }

    fn release(&self, of: ParticipantNo, name: &CursorName) -> Result<()> {
        let release = "UPDATE cursor SET released = 1 WHERE participant = ?1 AND name = ?2";
        self.execute(release, (of.0, name.as_str())).map(drop)
    }

    fn head(&self, of: ParticipantNo) -> Result<Seq> {
        row::load_head(self.0, of)
    }

    fn log(&self, of: ParticipantNo, after: Seq, limit: usize) -> Result<Vec<OldRow>> {
        self.all(
            ROWS,
            (of.0, as_integer(after), as_integer(limit as u64)),
            |columns| old_row(of, columns),
        )
    }

    fn remove_payloads(&self, rows: &[OldRow]) -> Result<u64> {
        let mut removed = 0;
        for (message, who, state) in rows.iter().filter_map(OldRow::payload) {
            removed += self.execute(
                "DELETE FROM payload WHERE message = ?1 AND recipient = ?2 AND state = ?3",
                (message.0, who.0, state.code()),
            )?;
        }
        Ok(removed)
    }

    fn remove_log(&self, of: ParticipantNo, up_to: Seq) -> Result<u64> {
        let delete = "DELETE FROM log WHERE participant = ?1 AND seq <= ?2";
        self.execute(delete, (of.0, as_integer(up_to)))
    }

    fn note_retention(&self) -> Result<()> {
        meta::note_retention(self.0)
    }

    fn texts_looked_at(&self) -> Result<MessageNo> {
        meta::texts_looked_at(self.0).map(MessageNo)
    }

    fn look_at_texts(&self, up_to: MessageNo) -> Result<()> {
        meta::look_at_texts(self.0, up_to.0)
    }

    fn messages_after(&self, no: MessageNo, limit: usize) -> Result<Vec<OldText>> {
        self.all(MESSAGES, (no.0, as_integer(limit as u64)), old_text)
    }

    fn messages(&self, nos: &[MessageNo]) -> Result<Vec<OldText>> {
        let one = |no: &MessageNo| {
            let found = self.all(MESSAGES, (no.0 - 1, 1), old_text)?;
            let text = found.into_iter().find(|text| text.no == *no);
            text.ok_or_else(|| Fault::damaged(format!("message {} is missing", no.0)))
        };
        nos.iter().map(one).collect()
    }

    fn kept(
        &self,
        holder: Holder,
        after: MessageNo,
        before: Option<MessageNo>,
        limit: usize,
    ) -> Result<Vec<MessageNo>> {
        let before = before.map_or(i64::MAX, |no| no.0);
        self.all(
            "SELECT message FROM kept_text WHERE holder = ?1 AND message > ?2 AND message < ?3 ORDER BY message LIMIT ?4",
            (holder.code(), after.0, before, as_integer(limit as u64)),
            |columns| Ok(MessageNo(columns.get(0)?)),
        )
    }

    fn holder_after(&self, holder: Holder) -> Result<Option<Holder>> {
        let next = "SELECT min(holder) FROM kept_text WHERE holder > ?1";
        Ok(self.number(next, [holder.code()])?.map(Holder::from_code))
    }

    fn keep(&self, holder: Holder, message: MessageNo) -> Result<()> {
        let insert = "INSERT OR IGNORE INTO kept_text (holder, message) VALUES (?1, ?2)";
        self.execute(insert, (holder.code(), message.0)).map(drop)
    }

    fn let_go(&self, holder: Holder, messages: &[MessageNo]) -> Result<()> {
        let delete = "DELETE FROM kept_text WHERE holder = ?1 AND message = ?2";
        for message in messages {
            self.execute(delete, (holder.code(), message.0))?;
        }
        Ok(())
    }

    fn is_awaited(&self, text: &OldText) -> Result<bool> {
        let mut statement = self.0.prepare_cached(
            "SELECT 1 FROM member x JOIN participant p ON p.no = x.participant
             LEFT JOIN recipient r ON r.message = ?1 AND r.participant = x.participant
             WHERE x.chat = ?2 AND x.participant <> ?3 AND p.standing <> 2 AND p.disabled = 0
               AND r.acknowledged_at IS NULL LIMIT 1",
        )?;
        Ok(statement.exists((text.no.0, text.chat.0, text.sender.0))?)
    }

    fn first_member(&self, chat: ChatNo, of: &[ParticipantNo]) -> Result<Option<ParticipantNo>> {
        let mut is_member = self
            .0
            .prepare_cached("SELECT 1 FROM member WHERE chat = ?1 AND participant = ?2")?;
        for no in of {
            if is_member.exists((chat.0, no.0))? {
                return Ok(Some(*no));
            }
        }
        Ok(None)
    }

    fn remove_texts(&self, messages: &[MessageNo]) -> Result<()> {
        messages.iter().try_for_each(|no| remove_text(self.0, *no))
    }
}

/// Takes a message out and puts it in again without its text. SQLite joins pages that became nearly empty, and uses them
/// anew, only where a row was taken out; where it was made shorter the room in its page is lost.
fn remove_text(sql: &Connection, no: MessageNo) -> Result<()> {
    search::forget(sql, no.0)?;
    let mut select = sql.prepare_cached(
        "SELECT no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, device
         FROM message WHERE no = ?1",
    )?;
    let columns: Option<Vec<Value>> = select
        .query_row([no.0], |row| (0..11).map(|at| row.get(at)).collect())
        .optional()?;
    let columns = columns.ok_or_else(|| Fault::damaged(format!("message {} is missing", no.0)))?;
    sql.prepare_cached("DELETE FROM message WHERE no = ?1")?
        .execute([no.0])?;
    let mut insert = sql.prepare_cached(
        "INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, device, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, '')",
    )?;
    insert.execute(rusqlite::params_from_iter(columns))?;
    Ok(())
}
