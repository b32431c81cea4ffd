//! Loading what decisions are made on.
//!
//! Whatever is wanted gets an entry. An entry that is there already stays: it may hold what this batch decided.

use crewline_api::{EventKind, EventKinds, ReceiptState, Timestamp};
use crewline_core::needs::Wanted;
use crewline_core::{
    ChatHead, ChatNo, CursorRow, Fingerprint, KeyRow, LogHead, MemberRow, MembersKey, MessageNo,
    Numbers, ParticipantNo, ParticipantRow, Payloads, Reminders, State, Window, WindowRow,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::error::Fault;
use crate::reader::group;
use crate::row;
use crate::row::{message_columns, participant_columns, recipient_columns};

type Result<T> = std::result::Result<T, Fault>;

/// Loads what is wanted.
pub(crate) fn load(sql: &Connection, wanted: &Wanted, state: &mut State) -> Result<()> {
    if wanted.numbers && state.numbers.is_none() {
        state.numbers = Some(numbers(sql)?);
    }
    load_participants(sql, wanted, state)?;
    load_constant(sql, wanted, state)?;
    load_heads(sql, wanted, state)?;
    load_receipts(sql, wanted, state)?;
    load_ranges(sql, wanted, state)?;
    for no in &wanted.reminders {
        let row = reminders(sql, *no)?;
        state.reminders.entry(*no).or_insert(row);
    }
    for key in &wanted.cursors {
        let row = cursor(sql, key.0, key.1.as_str())?;
        state.cursors.entry(key.clone()).or_insert(row);
    }
    Ok(())
}

fn numbers(sql: &Connection) -> Result<Numbers> {
    let mut statement = sql.prepare_cached(
        "SELECT (SELECT max(no) FROM participant), (SELECT max(no) FROM chat), (SELECT max(no) FROM message)",
    )?;
    let numbers = statement.query_row([], |row| {
        let next = |at| {
            row.get::<_, Option<i64>>(at)
                .map(|last| last.unwrap_or(0) + 1)
        };
        Ok(Numbers {
            participant: ParticipantNo(next(0)?),
            chat: ChatNo(next(1)?),
            message: MessageNo(next(2)?),
        })
    })?;
    Ok(numbers)
}

fn load_participants(sql: &Connection, wanted: &Wanted, state: &mut State) -> Result<()> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.no = ?1"
    );
    for id in &wanted.ids {
        let row = participant(sql, id.as_str())?;
        let no = row.as_ref().map(|row| row.no);
        state.ids.entry(id.clone()).or_insert(no);
        if let Some(row) = row {
            state.participants.entry(row.no).or_insert(row);
        }
    }
    if wanted.participants.is_empty() {
        return Ok(());
    }
    let mut statement = sql.prepare_cached(SQL)?;
    for no in &wanted.participants {
        let mut rows = statement.query([no.0])?;
        let row = rows
            .next()?
            .ok_or_else(|| Fault::damaged(format!("participant {} is missing", no.0)))?;
        let row = row::participant(row)?;
        state.ids.entry(row.id.clone()).or_insert(Some(row.no));
        state.participants.entry(row.no).or_insert(row);
    }
    Ok(())
}

/// A participant by id.
pub(crate) fn participant(sql: &Connection, id: &str) -> Result<Option<ParticipantRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        participant_columns!(),
        " FROM participant p WHERE p.id = ?1"
    );
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(row::participant).transpose()
}

/// What never changes.
fn load_constant(sql: &Connection, wanted: &Wanted, state: &mut State) -> Result<()> {
    for no in &wanted.messages {
        let row = row::load_message(sql, *no)?;
        state.messages.entry(*no).or_insert(row);
    }
    for no in &wanted.chats {
        let row = row::load_chat(sql, *no)?;
        state.chats.entry(*no).or_insert(row);
    }
    for id in &wanted.groups {
        let members = group::members(sql, id, |row| {
            state.ids.entry(row.id.clone()).or_insert(Some(row.no));
            state.participants.entry(row.no).or_insert(row);
        })?;
        state.groups.entry(id.clone()).or_insert(members);
    }
    for key in &wanted.sets {
        let row = chat_of_set(sql, key)?;
        state.sets.entry(*key).or_insert(row);
    }
    for key in &wanted.keys {
        let row = idempotency(sql, key.0, key.1.as_str())?;
        state.keys.entry(key.clone()).or_insert(row);
    }
    Ok(())
}

fn chat_of_set(sql: &Connection, key: &MembersKey) -> Result<Option<ChatNo>> {
    let mut statement = sql.prepare_cached("SELECT chat FROM chat_set WHERE members_key = ?1")?;
    Ok(statement
        .query_row([&key.0[..]], |row| row.get(0).map(ChatNo))
        .optional()?)
}

fn idempotency(sql: &Connection, sender: ParticipantNo, key: &str) -> Result<Option<KeyRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT message, fingerprint FROM idempotency WHERE sender = ?1 AND key = ?2",
    )?;
    let mut rows = statement.query((sender.0, key))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(KeyRow {
        message: MessageNo(row.get(0)?),
        fingerprint: Fingerprint(row::hash(row, 1)?),
    }))
}

/// Where logs, chats and members stand.
fn load_heads(sql: &Connection, wanted: &Wanted, state: &mut State) -> Result<()> {
    for no in &wanted.heads {
        let row = log_head(sql, *no)?;
        state.heads.entry(*no).or_insert(row);
    }
    for no in &wanted.chat_heads {
        // A chat that does not exist has no head; nobody asks for one.
        if let Some(head) = chat_head(sql, *no)? {
            state.chat_heads.entry(*no).or_insert(head);
        }
    }
    for key in &wanted.members {
        let row = member(sql, key.0, key.1)?;
        state.members.entry(*key).or_insert(row);
    }
    Ok(())
}

fn log_head(sql: &Connection, no: ParticipantNo) -> Result<LogHead> {
    let mut statement = sql.prepare_cached(
        "SELECT (SELECT max(seq) FROM log WHERE participant = ?1), (SELECT confirmed FROM participant WHERE no = ?1)",
    )?;
    let head = statement.query_row([no.0], |row| {
        let number = |at| {
            row.get::<_, Option<i64>>(at)
                .map(|seq| seq.unwrap_or(0) as u64)
        };
        Ok(LogHead {
            head: number(0)?,
            confirmed: number(1)?,
        })
    })?;
    Ok(head)
}

fn chat_head(sql: &Connection, no: ChatNo) -> Result<Option<ChatHead>> {
    let mut statement = sql.prepare_cached(
        "SELECT last_position, last_activity, last_message FROM chat WHERE no = ?1",
    )?;
    let head = statement.query_row([no.0], |row| {
        Ok(ChatHead {
            last_position: row.get::<_, i64>(0)? as u64,
            last_activity: Timestamp::from_millis(row.get(1)?),
            last_message: row.get::<_, Option<i64>>(2)?.map(MessageNo),
        })
    });
    Ok(head.optional()?)
}

fn member(sql: &Connection, chat: ChatNo, participant: ParticipantNo) -> Result<MemberRow> {
    let mut statement = sql.prepare_cached(
        "SELECT done, read_position FROM member WHERE chat = ?1 AND participant = ?2",
    )?;
    let member = statement.query_row((chat.0, participant.0), |row| {
        Ok(MemberRow {
            done: row.get::<_, i64>(0)? as u64,
            read_position: row.get::<_, i64>(1)? as u64,
        })
    });
    Ok(member.optional()?.unwrap_or_default())
}

/// What became of messages, and what comes back with it.
fn load_receipts(sql: &Connection, wanted: &Wanted, state: &mut State) -> Result<()> {
    for key in &wanted.recipients {
        let row = row::load_recipient(sql, key.0, key.1)?;
        state.recipients.entry(*key).or_insert(row);
    }
    for key in &wanted.payloads {
        let payloads = Payloads {
            on_delivered: row::load_payload(sql, key.0, key.1, ReceiptState::Delivered)?,
            on_read: row::load_payload(sql, key.0, key.1, ReceiptState::Read)?,
        };
        state.payloads.entry(*key).or_insert(payloads);
    }
    Ok(())
}

/// Rows of chats and logs from a place on.
fn load_ranges(sql: &Connection, wanted: &Wanted, state: &mut State) -> Result<()> {
    for ((chat, member), (after, up_to)) in &wanted.windows {
        let rows = window(sql, *chat, *member, *after, *up_to)?;
        let window = Window {
            up_to: *up_to,
            rows,
        };
        state.windows.insert((*chat, *member), window);
    }
    for key in &wanted.received {
        let row = received(sql, key.0, key.1, key.2)?;
        state.received.entry(*key).or_insert(row);
    }
    Ok(())
}

/// A chat's messages between two positions that others sent, each with what became of it.
pub(crate) const WINDOW: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", ",
    recipient_columns!(),
    " FROM message m LEFT JOIN recipient r ON r.message = m.no AND r.participant = ?2",
    " WHERE m.chat = ?1 AND m.position > ?3 AND m.position <= ?4 AND m.sender <> ?2 ORDER BY m.position"
);

fn window(
    sql: &Connection,
    chat: ChatNo,
    member: ParticipantNo,
    after: u64,
    up_to: u64,
) -> Result<Vec<WindowRow>> {
    let mut statement = sql.prepare_cached(WINDOW)?;
    let mut rows = statement.query((chat.0, member.0, after as i64, up_to as i64))?;
    let mut window = Vec::new();
    while let Some(row) = rows.next()? {
        window.push(WindowRow {
            message: row::message(row)?,
            recipient: row::recipient(row, row::MESSAGE_WIDTH)?,
        });
    }
    Ok(window)
}

/// Rows of one kind between two seqs.
pub(crate) const RECEIVED: &str = "SELECT seq, message FROM log WHERE participant = ?1 AND seq > ?2 AND seq <= ?3 AND kind = ?4 ORDER BY seq";

fn received(
    sql: &Connection,
    participant: ParticipantNo,
    after: u64,
    up_to: u64,
) -> Result<Vec<(u64, MessageNo)>> {
    let mut statement = sql.prepare_cached(RECEIVED)?;
    let kind = EventKind::MessageReceived.code();
    let rows = statement.query_map((participant.0, after as i64, up_to as i64, kind), |row| {
        Ok((row.get::<_, i64>(0)? as u64, MessageNo(row.get(1)?)))
    })?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

/// The reminders of a message, as far as the next one depends on them.
fn reminders(sql: &Connection, message: MessageNo) -> Result<Reminders> {
    let mut statement = sql.prepare_cached(
        "SELECT number, at, by, until, who FROM reminder WHERE message = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    let mut rows = statement.query([message.0])?;
    let Some(row) = rows.next()? else {
        return Ok(Reminders::default());
    };
    Ok(Reminders {
        count: row.get(0)?,
        last: Some(row::reminder(row, 1)?),
    })
}

/// A named cursor.
pub(crate) fn cursor(
    sql: &Connection,
    participant: ParticipantNo,
    name: &str,
) -> Result<Option<CursorRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT seq, kinds, put_at, released FROM cursor WHERE participant = ?1 AND name = ?2",
    )?;
    let mut rows = statement.query((participant.0, name))?;
    rows.next()?.map(|row| cursor_row(row, 0)).transpose()
}

/// A named cursor, from the columns `seq, kinds, put_at, released` that begin at `at`.
pub(crate) fn cursor_row(row: &Row<'_>, at: usize) -> Result<CursorRow> {
    Ok(CursorRow {
        seq: row::count(row, at)?,
        kinds: EventKinds::from_bits(row.get(at + 1)?),
        put_at: row::time(row, at + 2)?,
        released: row.get(at + 3)?,
    })
}
