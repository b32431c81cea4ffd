//! Pages of a log: narrow rows, joined with what they tell of.

use std::cell::RefCell;

use crewline_api::{EventKind, EventKinds, MessageId, ParticipantId, Payload, ReceiptState, Seq};
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
    let store = Source {
        sql,
        chats,
        fault: RefCell::new(None),
    };
    let mut statement = sql.prepare_cached(PAGE)?;
    let shows_words = shows_words(kinds);
    let mut rows = statement.query((participant.0, as_integer(after), SCAN_MAX, shows_words))?;
    let mut bytes = 0;
    while page.events.len() < limit && bytes < PAGE_BYTES_MAX {
        let Some(columns) = rows.next()? else { break };
        let row = log_row(participant, columns)?;
        page.next = row.seq;
        if !kinds.contains(row.kind) {
            continue;
        }
        let source = Joined {
            store: &store,
            columns,
            message: row.message,
        };
        let event = assemble(&row, &source, bodies).ok_or_else(|| store.why(&row))?;
        bytes += about_bytes(&event);
        page.events.push(event);
        while bodies.len() > BODIES_KEPT {
            bodies.pop_first();
        }
    }
    Ok(page)
}

/// Rows of a log with their messages: one statement for a page, since most of the time of a small statement is its
/// beginning and end. Words are read only where an event shows them: a long text is many pages of the file.
pub(super) const PAGE: &str = concat!(
    "SELECT ",
    row::message_columns!(),
    ", l.seq, l.kind, l.message, l.who, l.detail, m.sender_name, CASE WHEN ?4 >> l.kind & 1 THEN m.text END, q.no, q.salt \
     FROM log l LEFT JOIN message m ON m.no = l.message LEFT JOIN message q ON q.no = m.reply_to \
     WHERE l.participant = ?1 AND l.seq > ?2 ORDER BY l.seq LIMIT ?3"
);
/// Where the columns of the log begin.
const LOG: usize = row::MESSAGE_WIDTH;
/// Where the words begin.
const WORDS: usize = LOG + 5;

/// A bit for each kind of event that shows words, among those that are read.
fn shows_words(kinds: EventKinds) -> i64 {
    [EventKind::MessageReceived, EventKind::MessageSent]
        .into_iter()
        .filter(|kind| kinds.contains(*kind))
        .fold(0, |bits, kind| bits | 1 << kind.code())
}

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

/// Where each of these logs ends.
pub(super) fn heads(sql: &Connection, of: &[ParticipantNo]) -> Result<Vec<Seq>> {
    of.iter().map(|no| row::load_head(sql, *no)).collect()
}

fn log_row(participant: ParticipantNo, row: &Row<'_>) -> Result<LogRow> {
    let seq = row::count(row, LOG)?;
    let damaged = |what: &str| {
        Fault::damaged(format!(
            "row {seq} of the log of participant {}: {what}",
            participant.0
        ))
    };
    let kind: u8 = row.get(LOG + 1)?;
    let detail = match row.get_ref(LOG + 4)?.as_blob_or_null() {
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
        message: row.get::<_, Option<i64>>(LOG + 2)?.map(MessageNo),
        who: row.get::<_, Option<i64>>(LOG + 3)?.map(ParticipantNo),
        detail,
    })
}

/// What rows are put together from. The first error is kept: who asks sees only that something is missing.
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
}

/// A row of a log that was read with its message, and the store for all else.
struct Joined<'a> {
    store: &'a Source<'a>,
    columns: &'a Row<'a>,
    message: Option<MessageNo>,
}

impl Joined<'_> {
    fn read_words(&self) -> Result<MessageWords> {
        Ok(MessageWords {
            sender_name: row::text(self.columns, WORDS)?,
            text: row::text(self.columns, WORDS + 1)?,
            reply_to: reply_to(self.columns, WORDS + 2)?,
        })
    }

    /// Whether the row's own message is asked for, and is there.
    fn is_joined(&self, no: MessageNo) -> Result<bool> {
        Ok(self.message == Some(no) && self.columns.get::<_, Option<i64>>(0)?.is_some())
    }
}

impl EventSource for Joined<'_> {
    fn message(&self, no: MessageNo) -> Option<MessageRow> {
        self.store.keep(self.is_joined(no).and_then(|joined| {
            if joined {
                row::message(self.columns).map(Some)
            } else {
                row::load_message(self.store.sql, no)
            }
        }))
    }

    fn words(&self, no: MessageNo) -> Option<MessageWords> {
        // Only the row's own message shows them.
        let words = self
            .is_joined(no)
            .and_then(|joined| joined.then(|| self.read_words()).transpose());
        self.store.keep(words)
    }

    fn chat(&self, no: ChatNo) -> Option<ChatRow> {
        self.store.keep(self.store.chats.get(self.store.sql, no))
    }

    fn id(&self, no: ParticipantNo) -> Option<ParticipantId> {
        self.store.keep(row::load_id(self.store.sql, no).map(Some))
    }

    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> Option<RecipientRow> {
        let row = row::load_recipient(self.store.sql, message, who);
        self.store.keep(row.map(Some))
    }

    fn payload(
        &self,
        message: MessageNo,
        who: ParticipantNo,
        state: ReceiptState,
    ) -> Option<Payload> {
        let payload = row::load_payload(self.store.sql, message, who, state);
        self.store.keep(payload)
    }
}

/// The id of the message that another one replies to, from its number and salt.
pub(super) fn reply_to(row: &Row<'_>, at: usize) -> Result<Option<MessageId>> {
    let (no, salt): (Option<i64>, Option<i64>) = (row.get(at)?, row.get(at + 1)?);
    Ok(no
        .zip(salt)
        .map(|(no, salt)| MessageId::from_parts(no as u64, salt as u64)))
}
