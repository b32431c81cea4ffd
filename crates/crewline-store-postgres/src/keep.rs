//! Retention: the statements by which a step of the core finds and removes what is old, in the transaction that is open.

use crewline_api::{CursorName, EventKind, ParticipantId, Seq, Timestamp};
use crewline_core::changes::LogDetail;
use crewline_core::keep::{
    self, CursorBehind, Holder, NamedCursor, OldRow, OldRows, OldText, Pass,
};
use crewline_core::{ChatNo, Code as _, MessageNo, ParticipantNo};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::row::as_integer;
use crate::sql::{Sql, get};
use crate::{load, meta, row, search};

type Result<T> = std::result::Result<T, Fault>;

/// Removes about `rows` rows.
pub(crate) fn step(sql: &Sql, pass: &mut Pass, rows: usize) -> Result<()> {
    keep::step(&Rows(sql), pass, rows)
}

/// Cursors that have been behind since before a time, the longest first.
pub(crate) fn cursors_behind(sql: &Sql, before: Timestamp) -> Result<Vec<CursorBehind>> {
    keep::cursors_behind(&Rows(sql), before)
}

/// Rows of a log behind a seq, each with when it was told.
const ROWS: &str = "SELECT l.seq, l.kind, l.message, l.who, coalesce(m.has_payloads, false), l.detail,
        CASE l.kind WHEN 3 THEN r.delivered_at WHEN 4 THEN r.read_at WHEN 5 THEN r.acknowledged_at ELSE m.sent_at END
     FROM log l LEFT JOIN message m ON m.no = l.message
     LEFT JOIN recipient r ON r.message = l.message AND r.participant = l.who
     WHERE l.participant = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3";

fn old_row(of: ParticipantNo, columns: &Row) -> Result<OldRow> {
    let seq = row::count(columns, 0)?;
    let at = match get::<Option<&[u8]>>(columns, 5)? {
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
        kind: EventKind::from_code(get::<i16>(columns, 1)? as u8),
        message: get::<Option<i64>>(columns, 2)?.map(MessageNo),
        who: get::<Option<i64>>(columns, 3)?.map(ParticipantNo),
        has_payloads: get(columns, 4)?,
        at,
    })
}

fn old_text(columns: &Row) -> Result<OldText> {
    Ok(OldText {
        no: MessageNo(get(columns, 0)?),
        chat: ChatNo(get(columns, 1)?),
        sender: ParticipantNo(get(columns, 2)?),
        priority: row::priority(columns, 3)?,
        sent_at: row::time(columns, 4)?,
    })
}

fn named_cursor(columns: &Row) -> Result<NamedCursor> {
    let name: &str = get(columns, 1)?;
    Ok(NamedCursor {
        participant: ParticipantNo(get(columns, 0)?),
        name: CursorName::new(name)
            .map_err(|error| Fault::damaged(format!("the name {name:?} of a cursor {error}")))?,
        row: load::cursor_row(columns, 2)?,
    })
}

fn numbers(messages: &[MessageNo]) -> Vec<i64> {
    messages.iter().map(|no| no.0).collect()
}

struct Rows<'a>(&'a Sql);

impl OldRows for Rows<'_> {
    type Error = Fault;

    fn participant_after(&self, no: ParticipantNo) -> Result<Option<ParticipantNo>> {
        let next = "SELECT min(no) FROM participant WHERE no > $1";
        let next: Option<Option<i64>> = self.0.value(next, &[&no.0])?;
        Ok(next.flatten().map(ParticipantNo))
    }

    fn id(&self, no: ParticipantNo) -> Result<ParticipantId> {
        row::load_id(self.0, no)
    }

    fn holding_cursors(&self, of: ParticipantNo) -> Result<Vec<NamedCursor>> {
        let rows = self.0.query(
            "SELECT participant, name, seq, kinds, put_at, released FROM cursor
             WHERE participant = $1 AND NOT released ORDER BY name",
            &[&of.0],
        )?;
        rows.iter().map(named_cursor).collect()
    }

    fn cursors_put_before(&self, time: Timestamp) -> Result<Vec<NamedCursor>> {
        let rows = self.0.query(
            "SELECT participant, name, seq, kinds, put_at, released FROM cursor WHERE put_at < $1",
            &[&time.as_millis()],
        )?;
        rows.iter().map(named_cursor).collect()
    }

    fn release(&self, of: ParticipantNo, name: &CursorName) -> Result<()> {
        let release = "UPDATE cursor SET released = true WHERE participant = $1 AND name = $2";
        let released = self.0.execute(release, &[&of.0, &name.as_str()]);
        released.map(drop)
    }

    fn head(&self, of: ParticipantNo) -> Result<Seq> {
        row::load_head(self.0, of)
    }

    fn log(&self, of: ParticipantNo, after: Seq, limit: usize) -> Result<Vec<OldRow>> {
        let (after, limit) = (as_integer(after), as_integer(limit as u64));
        let rows = self.0.query(ROWS, &[&of.0, &after, &limit])?;
        rows.iter().map(|columns| old_row(of, columns)).collect()
    }

    fn remove_payloads(&self, rows: &[OldRow]) -> Result<u64> {
        let (mut messages, mut recipients, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for (message, who, state) in rows.iter().filter_map(OldRow::payload) {
            messages.push(message.0);
            recipients.push(who.0);
            states.push(state.code());
        }
        if messages.is_empty() {
            return Ok(0);
        }
        self.0.execute(
            "DELETE FROM payload p USING unnest($1::int8[], $2::int8[], $3::int2[]) k (message, recipient, state)
             WHERE p.message = k.message AND p.recipient = k.recipient AND p.state = k.state",
            &[&messages, &recipients, &states],
        )
    }

    fn remove_log(&self, of: ParticipantNo, up_to: Seq) -> Result<u64> {
        let delete = "DELETE FROM log WHERE participant = $1 AND seq <= $2";
        self.0.execute(delete, &[&of.0, &as_integer(up_to)])
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
        let rows = self.0.query(
            "SELECT no, chat, sender, priority, sent_at FROM message WHERE no > $1 ORDER BY no LIMIT $2",
            &[&no.0, &as_integer(limit as u64)],
        )?;
        rows.iter().map(old_text).collect()
    }

    fn messages(&self, nos: &[MessageNo]) -> Result<Vec<OldText>> {
        let rows = self.0.query(
            "SELECT no, chat, sender, priority, sent_at FROM message WHERE no = ANY($1) ORDER BY no",
            &[&numbers(nos)],
        )?;
        if rows.len() != nos.len() {
            return Err(Fault::damaged("a message whose text is kept is missing"));
        }
        rows.iter().map(old_text).collect()
    }

    fn kept(
        &self,
        holder: Holder,
        after: MessageNo,
        before: Option<MessageNo>,
        limit: usize,
    ) -> Result<Vec<MessageNo>> {
        let before = before.map_or(i64::MAX, |no| no.0);
        let rows = self.0.query(
            "SELECT message FROM kept_text WHERE holder = $1 AND message > $2 AND message < $3 ORDER BY message LIMIT $4",
            &[&holder.code(), &after.0, &before, &as_integer(limit as u64)],
        )?;
        rows.iter().map(|row| get(row, 0).map(MessageNo)).collect()
    }

    fn holder_after(&self, holder: Holder) -> Result<Option<Holder>> {
        let next = "SELECT min(holder) FROM kept_text WHERE holder > $1";
        let next: Option<Option<i64>> = self.0.value(next, &[&holder.code()])?;
        Ok(next.flatten().map(Holder::from_code))
    }

    fn keep(&self, holder: Holder, message: MessageNo) -> Result<()> {
        let insert =
            "INSERT INTO kept_text (holder, message) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let kept = self.0.execute(insert, &[&holder.code(), &message.0]);
        kept.map(drop)
    }

    fn let_go(&self, holder: Holder, messages: &[MessageNo]) -> Result<()> {
        let delete = "DELETE FROM kept_text WHERE holder = $1 AND message = ANY($2)";
        let gone = self
            .0
            .execute(delete, &[&holder.code(), &numbers(messages)]);
        gone.map(drop)
    }

    fn is_awaited(&self, text: &OldText) -> Result<bool> {
        let awaited = self.0.value(
            "SELECT EXISTS (SELECT 1 FROM member x JOIN participant p ON p.no = x.participant
             LEFT JOIN recipient r ON r.message = $1 AND r.participant = x.participant
             WHERE x.chat = $2 AND x.participant <> $3 AND p.standing <> 2 AND NOT p.disabled AND r.acknowledged_at IS NULL)",
            &[&text.no.0, &text.chat.0, &text.sender.0],
        )?;
        Ok(awaited.unwrap_or(false))
    }

    fn first_member(&self, chat: ChatNo, of: &[ParticipantNo]) -> Result<Option<ParticipantNo>> {
        let of: Vec<i64> = of.iter().map(|no| no.0).collect();
        let first: Option<Option<i64>> = self.0.value(
            "SELECT min(participant) FROM member WHERE chat = $1 AND participant = ANY($2)",
            &[&chat.0, &of],
        )?;
        Ok(first.flatten().map(ParticipantNo))
    }

    fn remove_texts(&self, messages: &[MessageNo]) -> Result<()> {
        let nos = numbers(messages);
        search::forget(self.0, &nos)?;
        let empty = "UPDATE message SET text = '' WHERE no = ANY($1)";
        self.0.execute(empty, &[&nos]).map(drop)
    }
}
