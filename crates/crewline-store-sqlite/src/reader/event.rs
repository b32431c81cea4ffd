//! Pages of a log: narrow rows, joined with what they tell of.

use std::cell::RefCell;

use crewline_api::{EventKind, EventKinds, MessageId, Payload, ReceiptState, Seq};
use crewline_core::changes::LogDetail;
use crewline_core::{
    ChatNo, ChatRow, EventSource, LogPage, LogRow, MessageNo, MessageRow, MessageWords,
    PAGE_BYTES_MAX, ParticipantNo, RecipientRow, about_bytes, assemble,
};
use rusqlite::{Connection, Row};

use super::chat::ChatCache;
use super::{Reading, as_integer};
use crate::error::Fault;
use crate::row;

/// Most rows that one page looks at.
const SCAN_MAX: i64 = 10_000;
/// Bodies that a connection keeps: one message to a thousand people is read a thousand times.
const BODIES_KEPT: usize = 256;

type Result<T> = std::result::Result<T, Fault>;

/// A page of a log.
pub(super) fn page(
    reading: &mut Reading,
    chats: &ChatCache,
    participant: ParticipantNo,
    after: Seq,
    kinds: EventKinds,
    limit: usize,
) -> Result<LogPage> {
    let Reading { sql, bodies, .. } = reading;
    let (oldest, head) = ends(sql, participant)?;
    let mut page = LogPage {
        events: Vec::new(),
        next: after,
        head,
        oldest,
    };
    let source = Source {
        sql,
        chats,
        fault: RefCell::new(None),
    };
    let mut statement = sql.prepare_cached(PAGE)?;
    let mut rows = statement.query((participant.0, as_integer(after), SCAN_MAX))?;
    let mut bytes = 0;
    while page.events.len() < limit && bytes < PAGE_BYTES_MAX {
        let Some(columns) = rows.next()? else { break };
        let row = log_row(participant, columns)?;
        page.next = row.seq;
        if !kinds.contains(row.kind) {
            continue;
        }
        let event = assemble(&row, &source, bodies).ok_or_else(|| source.why(&row))?;
        bytes += about_bytes(&event);
        page.events.push(event);
        while bodies.len() > BODIES_KEPT {
            bodies.pop_first();
        }
    }
    Ok(page)
}

pub(super) const PAGE: &str = "SELECT seq, kind, message, who, detail FROM log WHERE participant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

/// The first seq that a log holds (`head + 1` where it holds none), and the last one.
fn ends(sql: &Connection, participant: ParticipantNo) -> Result<(Seq, Seq)> {
    let mut statement = sql.prepare_cached(
        "SELECT (SELECT min(seq) FROM log WHERE participant = ?1), (SELECT max(seq) FROM log WHERE participant = ?1)",
    )?;
    let ends = statement.query_row([participant.0], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        let head = last.unwrap_or(0);
        Ok((first.unwrap_or(head + 1) as Seq, head as Seq))
    })?;
    Ok(ends)
}

fn log_row(participant: ParticipantNo, row: &Row<'_>) -> Result<LogRow> {
    let seq = row::count(row, 0)?;
    let damaged = |what: &str| {
        Fault::damaged(format!(
            "row {seq} of the log of participant {}: {what}",
            participant.0
        ))
    };
    let kind: u8 = row.get(1)?;
    let detail = match row.get_ref(4)?.as_blob_or_null() {
        Ok(None) => None,
        Ok(Some(bytes)) => {
            Some(LogDetail::from_bytes(bytes).ok_or_else(|| damaged("its detail cannot be read"))?)
        }
        Err(_) => return Err(damaged("its detail is not bytes")),
    };
    Ok(LogRow {
        participant,
        seq,
        kind: EventKind::from_code(kind)
            .ok_or_else(|| damaged(&format!("{kind} is no kind of event")))?,
        message: row.get::<_, Option<i64>>(2)?.map(MessageNo),
        who: row.get::<_, Option<i64>>(3)?.map(ParticipantNo),
        detail,
    })
}

/// What rows are joined with. The first error is kept: who asks sees only that something is missing.
struct Source<'a> {
    sql: &'a Connection,
    chats: &'a ChatCache,
    fault: RefCell<Option<Fault>>,
}

impl Source<'_> {
    fn keep<T>(&self, found: Result<Option<T>>) -> Option<T> {
        found.unwrap_or_else(|fault| {
            self.fault.borrow_mut().get_or_insert(fault);
            None
        })
    }

    fn why(&self, row: &LogRow) -> Fault {
        let missing = || {
            let (seq, no) = (row.seq, row.participant.0);
            Fault::damaged(format!(
                "row {seq} of the log of participant {no} tells of something that is not there"
            ))
        };
        self.fault.take().unwrap_or_else(missing)
    }

    fn read_words(&self, no: MessageNo) -> Result<Option<MessageWords>> {
        let mut statement = self.sql.prepare_cached(
            "SELECT m.sender_name, m.text, q.no, q.salt FROM message m LEFT JOIN message q ON q.no = m.reply_to WHERE m.no = ?1",
        )?;
        let mut rows = statement.query([no.0])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        Ok(Some(MessageWords {
            sender_name: row::text(row, 0)?,
            text: row::text(row, 1)?,
            reply_to: reply_to(row, 2)?,
        }))
    }
}

/// The id of the message that another one replies to, from its number and salt.
pub(super) fn reply_to(row: &Row<'_>, at: usize) -> Result<Option<MessageId>> {
    let (no, salt): (Option<i64>, Option<i64>) = (row.get(at)?, row.get(at + 1)?);
    Ok(no
        .zip(salt)
        .map(|(no, salt)| MessageId::from_parts(no as u64, salt as u64)))
}

impl EventSource for Source<'_> {
    fn message(&self, no: MessageNo) -> Option<MessageRow> {
        self.keep(row::load_message(self.sql, no))
    }

    fn words(&self, no: MessageNo) -> Option<MessageWords> {
        self.keep(self.read_words(no))
    }

    fn chat(&self, no: ChatNo) -> Option<ChatRow> {
        self.keep(self.chats.get(self.sql, no))
    }

    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> Option<RecipientRow> {
        self.keep(row::load_recipient(self.sql, message, who).map(Some))
    }

    fn payload(
        &self,
        message: MessageNo,
        who: ParticipantNo,
        state: ReceiptState,
    ) -> Option<Payload> {
        self.keep(row::load_payload(self.sql, message, who, state))
    }
}
