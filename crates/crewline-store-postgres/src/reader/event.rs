//! Pages of a log: narrow rows, joined with what they tell of in the statement that reads them.

use std::collections::BTreeMap;

use crewline_api::{EventKind, EventKinds, ParticipantId, Payload, ReceiptState, Seq};
use crewline_core::changes::LogDetail;
use crewline_core::{
    ChatNo, ChatRow, EventSource, LogPage, LogRow, MessageNo, MessageRow, MessageWords,
    PAGE_BYTES_MAX, ParticipantNo, RecipientRow, about_bytes, assemble,
};
use tokio_postgres::Row;

use super::chat::ChatCache;
use super::message::reply_to;
use crate::error::Fault;
use crate::pool::Reading;
use crate::row::{self, as_integer};
use crate::sql::{Call, Sql, get};

/// Most rows that one page looks at.
const SCAN_MAX: u64 = 10_000;
/// Rows that are read at once: a page that is full of large texts ends early.
const READ_AT_ONCE: usize = 200;
/// Bodies that a connection keeps: one message to a thousand people is read a thousand times.
const BODIES_KEPT: usize = 256;

type Result<T> = std::result::Result<T, Fault>;

/// Rows of a log of some kinds, with their messages, what became of these, what comes back with it, and the id of who is named.
const PAGE: &str = concat!(
    "SELECT ",
    row::message_columns!(),
    ", ",
    row::recipient_columns!(),
    ", l.seq, l.kind, l.message, l.who, l.detail, m.sender_name, CASE WHEN l.kind IN (1, 2) THEN m.text END, q.no, q.salt,
        y.bytes, w.id
      FROM (SELECT * FROM log WHERE participant = $1 AND seq > $2 ORDER BY seq LIMIT 10000) l
      LEFT JOIN message m ON m.no = l.message
      LEFT JOIN message q ON q.no = m.reply_to AND l.kind IN (1, 2)
      LEFT JOIN recipient r ON r.message = l.message AND r.participant = l.who AND l.kind BETWEEN 3 AND 5
      LEFT JOIN payload y ON y.message = l.message AND y.recipient = l.who AND y.state = l.kind - 2 AND l.kind IN (3, 4)
      LEFT JOIN participant w ON w.no = l.who AND l.kind = 9
      WHERE ($3::int4 >> l.kind::int4) & 1 = 1 ORDER BY l.seq LIMIT $4"
);
const RECIPIENT: usize = row::MESSAGE_WIDTH;
/// Where the columns of the log begin.
const LOG: usize = RECIPIENT + row::RECIPIENT_WIDTH;
/// Where the words begin.
const WORDS: usize = LOG + 5;
const PAYLOAD: usize = WORDS + 4;
const WHO: usize = PAYLOAD + 1;

/// The first seq that a log holds, and the last one.
const ENDS: &str = "SELECT (SELECT min(seq) FROM log WHERE participant = $1), (SELECT max(seq) FROM log WHERE participant = $1)";

/// The last seq of each of these logs.
pub(super) fn heads(sql: &Sql, of: &[ParticipantNo]) -> Result<Vec<Seq>> {
    let nos: Vec<i64> = of.iter().map(|no| no.0).collect();
    let rows = sql.query(
        "SELECT coalesce((SELECT max(seq) FROM log WHERE participant = asked.no), 0)
         FROM unnest($1::int8[]) WITH ORDINALITY AS asked (no, place) ORDER BY asked.place",
        &[&nos],
    )?;
    rows.iter().map(|row| row::count(row, 0)).collect()
}

fn asked(participant: ParticipantNo, after: Seq, kinds: EventKinds, limit: usize) -> Call {
    Call::new(PAGE)
        .with(participant.0)
        .with(as_integer(after))
        .with(i32::from(kinds.bits()))
        .with(as_integer(limit as u64))
}

/// A page of a log.
pub(super) fn page(
    reading: &mut Reading,
    chats: &ChatCache,
    participant: ParticipantNo,
    after: Seq,
    kinds: EventKinds,
    limit: usize,
) -> Result<LogPage> {
    let at_once = limit.min(READ_AT_ONCE);
    let ends = Call::new(ENDS).with(participant.0);
    let first = asked(participant, after, kinds, at_once);
    let mut both = reading.sql.query_all(&[ends, first])?.into_iter();
    let (ends, mut rows) = (
        both.next().unwrap_or_default(),
        both.next().unwrap_or_default(),
    );
    let (oldest, head) = ends.first().map_or(Ok((1, 0)), read_ends)?;
    let mut page = LogPage {
        events: Vec::new(),
        next: after,
        head,
        oldest,
    };
    let (mut bytes, mut wanted) = (0, at_once);
    loop {
        let more = rows.len() == wanted;
        let full = !add(reading, chats, participant, &rows, &mut page, &mut bytes)?;
        if full || page.events.len() >= limit {
            return Ok(page);
        }
        if !more {
            // Everything was looked at, up to where the statement stopped.
            let looked = page
                .next
                .max(oldest.saturating_sub(1))
                .saturating_add(SCAN_MAX);
            page.next = page.next.max(head.min(looked));
            return Ok(page);
        }
        wanted = (limit - page.events.len()).min(READ_AT_ONCE);
        let next = asked(participant, page.next, kinds, wanted);
        rows = reading.sql.query_all(&[next])?.pop().unwrap_or_default();
    }
}

fn read_ends(row: &Row) -> Result<(Seq, Seq)> {
    let (first, last): (Option<i64>, Option<i64>) = (get(row, 0)?, get(row, 1)?);
    let head = last.unwrap_or(0);
    Ok((first.unwrap_or(head + 1) as Seq, head as Seq))
}

/// Adds the events of rows to a page; returns whether it has room for more.
fn add(
    reading: &mut Reading,
    chats: &ChatCache,
    participant: ParticipantNo,
    rows: &[Row],
    page: &mut LogPage,
    bytes: &mut usize,
) -> Result<bool> {
    let Reading { sql, bodies, .. } = reading;
    let log: Vec<LogRow> = rows
        .iter()
        .map(|row| log_row(participant, row))
        .collect::<Result<_>>()?;
    let beside = Beside::read(sql, chats, rows, &log)?;
    for (columns, row) in rows.iter().zip(&log) {
        if *bytes >= PAGE_BYTES_MAX {
            return Ok(false);
        }
        let source = Joined {
            beside: &beside,
            columns,
            row,
        };
        let event = assemble(row, &source, bodies).ok_or_else(|| {
            Fault::damaged(format!(
                "row {} of the log of participant {} tells of something that is not there",
                row.seq, participant.0
            ))
        })?;
        page.next = row.seq;
        *bytes += about_bytes(&event);
        page.events.push(event);
        while bodies.len() > BODIES_KEPT {
            bodies.pop_first();
        }
    }
    Ok(*bytes < PAGE_BYTES_MAX)
}

fn log_row(participant: ParticipantNo, row: &Row) -> Result<LogRow> {
    let seq = row::count(row, LOG)?;
    let damaged = |what: &str| {
        Fault::damaged(format!(
            "row {seq} of the log of participant {}: {what}",
            participant.0
        ))
    };
    let kind: i16 = get(row, LOG + 1)?;
    let detail = match get::<Option<&[u8]>>(row, LOG + 4)? {
        None => None,
        Some(bytes) => {
            Some(LogDetail::from_bytes(bytes).ok_or_else(|| damaged("its detail cannot be read"))?)
        }
    };
    let known = u8::try_from(kind).ok().and_then(EventKind::from_code);
    Ok(LogRow {
        participant,
        seq,
        kind: known.ok_or_else(|| damaged(&format!("{kind} is no kind of event")))?,
        message: get::<Option<i64>>(row, LOG + 2)?.map(MessageNo),
        who: get::<Option<i64>>(row, LOG + 3)?.map(ParticipantNo),
        detail,
    })
}

/// What rows name that is not joined with them.
struct Beside {
    chats: BTreeMap<ChatNo, ChatRow>,
    messages: BTreeMap<MessageNo, MessageRow>,
}

impl Beside {
    fn read(sql: &Sql, chats: &ChatCache, rows: &[Row], log: &[LogRow]) -> Result<Self> {
        let mut nos = Vec::new();
        for row in rows {
            nos.extend(get::<Option<i64>>(row, 2)?.map(ChatNo));
        }
        let details = || log.iter().filter_map(|row| row.detail.as_ref());
        nos.extend(details().map(|detail| detail.chat));
        let named: Vec<i64> = details()
            .flat_map(|detail| detail.messages.iter().map(|no| no.0))
            .collect();
        let mut messages = BTreeMap::new();
        if !named.is_empty() {
            const MESSAGES: &str = concat!(
                "SELECT ",
                row::message_columns!(),
                " FROM message m WHERE m.no = ANY($1)"
            );
            for row in &sql.query(MESSAGES, &[&named])? {
                let message = row::message(row, 0)?;
                messages.insert(message.no, message);
            }
        }
        Ok(Self {
            chats: chats.all(sql, nos)?,
            messages,
        })
    }
}

/// A row of a log that was read with its message, and what else it names.
struct Joined<'a> {
    beside: &'a Beside,
    columns: &'a Row,
    row: &'a LogRow,
}

impl Joined<'_> {
    /// Whether the row's own message is asked for, and is there.
    fn is_joined(&self, no: MessageNo) -> bool {
        let there = || {
            self.columns
                .try_get::<_, Option<i64>>(0)
                .ok()
                .flatten()
                .is_some()
        };
        self.row.message == Some(no) && there()
    }
}

impl EventSource for Joined<'_> {
    fn message(&self, no: MessageNo) -> Option<MessageRow> {
        if self.is_joined(no) {
            return row::message(self.columns, 0).ok();
        }
        self.beside.messages.get(&no).copied()
    }

    fn words(&self, no: MessageNo) -> Option<MessageWords> {
        // Only the row's own message shows them.
        if !self.is_joined(no) {
            return None;
        }
        Some(MessageWords {
            sender_name: row::text(self.columns, WORDS).ok()?,
            text: row::text(self.columns, WORDS + 1).ok()?,
            reply_to: reply_to(self.columns, WORDS + 2).ok()?,
        })
    }

    fn chat(&self, no: ChatNo) -> Option<ChatRow> {
        self.beside.chats.get(&no).cloned()
    }

    fn id(&self, no: ParticipantNo) -> Option<ParticipantId> {
        if self.row.who != Some(no) {
            return None;
        }
        row::participant_id(self.columns, WHO).ok()
    }

    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> Option<RecipientRow> {
        if self.row.message != Some(message) || self.row.who != Some(who) {
            return None;
        }
        row::recipient(self.columns, RECIPIENT).ok()
    }

    fn payload(
        &self,
        message: MessageNo,
        who: ParticipantNo,
        state: ReceiptState,
    ) -> Option<Payload> {
        let own = match self.row.kind {
            EventKind::MessageDelivered => ReceiptState::Delivered,
            EventKind::MessageRead => ReceiptState::Read,
            _ => return None,
        };
        if self.row.message != Some(message) || self.row.who != Some(who) || state != own {
            return None;
        }
        let bytes: Option<&[u8]> = self.columns.try_get(PAYLOAD).ok()?;
        bytes.map(Payload::from)
    }
}
