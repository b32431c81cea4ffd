//! Rows: from columns to the types of the core.
//!
//! A value that was never written so is damage, and is told as such: nothing is guessed.

use std::sync::Arc;

use crewline_api::{ParticipantId, Payload, Priority, ReceiptState, Role, Timestamp};
use crewline_core::{
    ChatNo, ChatRow, Code, MessageNo, MessageRow, ParticipantNo, ParticipantRow, Reached,
    RecipientRow, ReminderRow, Standing,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::error::Fault;

type Result<T> = std::result::Result<T, Fault>;

/// Columns of [`participant`].
macro_rules! participant_columns {
    () => {
        "p.no, p.id, p.standing, p.name, p.disabled"
    };
}
/// Columns of [`message`].
macro_rules! message_columns {
    () => {
        "m.no, m.salt, m.chat, m.position, m.sender, m.priority, m.sent_at, m.has_payloads"
    };
}
/// Columns of [`recipient`].
macro_rules! recipient_columns {
    () => {
        "r.delivered_at, r.delivered_said, r.read_at, r.read_said, r.acknowledged_at, r.acknowledged_said, r.implied"
    };
}
pub(crate) use {message_columns, participant_columns, recipient_columns};

/// How many columns [`message`] has.
pub(crate) const MESSAGE_WIDTH: usize = 8;

pub(crate) fn time(row: &Row<'_>, at: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(at)?))
}

pub(crate) fn time_or_none(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_millis))
}

/// A count or a seq: never below zero.
pub(crate) fn count(row: &Row<'_>, at: usize) -> Result<u64> {
    let value: i64 = row.get(at)?;
    u64::try_from(value).map_err(|_| Fault::damaged(format!("a count is {value}")))
}

pub(crate) fn hash(row: &Row<'_>, at: usize) -> Result<[u8; 32]> {
    let bytes = row.get_ref(at)?.as_blob().unwrap_or_default();
    bytes
        .try_into()
        .map_err(|_| Fault::damaged(format!("a hash has {} bytes", bytes.len())))
}

pub(crate) fn text(row: &Row<'_>, at: usize) -> Result<Arc<str>> {
    match row.get_ref(at)?.as_str() {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(Fault::damaged(format!("a text cannot be read: {error}"))),
    }
}

pub(crate) fn participant_id(row: &Row<'_>, at: usize) -> Result<ParticipantId> {
    let id: String = row.get(at)?;
    ParticipantId::new(&id)
        .map_err(|error| Fault::damaged(format!("the id {id:?} of a participant {error}")))
}

/// A value that is kept as a number; `of` says what would have it.
fn code<T: Code>(row: &Row<'_>, at: usize, of: &str) -> Result<T> {
    let code: i64 = row.get(at)?;
    T::from_code(code).ok_or_else(|| Fault::damaged(format!("{of} {code}")))
}

pub(crate) fn standing(row: &Row<'_>, at: usize) -> Result<Standing> {
    code(row, at, "a participant has the standing")
}

pub(crate) fn role(row: &Row<'_>, at: usize) -> Result<Role> {
    code(row, at, "a user has the role")
}

/// What a receipt says, or a reminder asks for: never that a message is accepted.
pub(crate) fn state(row: &Row<'_>, at: usize) -> Result<ReceiptState> {
    let of = "a receipt or a reminder has the state";
    match code(row, at, of)? {
        ReceiptState::Accepted => Err(Fault::damaged(format!("{of} 0"))),
        state => Ok(state),
    }
}

pub(crate) fn priority(row: &Row<'_>, at: usize) -> Result<Priority> {
    let priority: i64 = row.get(at)?;
    u64::try_from(priority)
        .ok()
        .and_then(|number| Priority::try_from(number).ok())
        .ok_or_else(|| Fault::damaged(format!("a message has the priority {priority}")))
}

/// A participant, from the columns of [`participant_columns`].
pub(crate) fn participant(row: &Row<'_>) -> Result<ParticipantRow> {
    Ok(ParticipantRow {
        no: ParticipantNo(row.get(0)?),
        id: participant_id(row, 1)?,
        standing: standing(row, 2)?,
        name: row.get::<_, Option<String>>(3)?.map(Arc::from),
        disabled: row.get(4)?,
    })
}

/// A message, from the columns of [`message_columns`].
pub(crate) fn message(row: &Row<'_>) -> Result<MessageRow> {
    Ok(MessageRow {
        no: MessageNo(row.get(0)?),
        salt: count(row, 1)?,
        chat: ChatNo(row.get(2)?),
        position: count(row, 3)?,
        sender: ParticipantNo(row.get(4)?),
        priority: priority(row, 5)?,
        sent_at: time(row, 6)?,
        has_payloads: row.get(7)?,
    })
}

/// What became of a message, from the columns of [`recipient_columns`] that begin at `at`. All of them are NULL where
/// nothing is known yet.
pub(crate) fn recipient(row: &Row<'_>, at: usize) -> Result<RecipientRow> {
    let Some(implied) = row.get::<_, Option<i64>>(at + 6)? else {
        return Ok(RecipientRow::default());
    };
    let reached = |column: usize| -> Result<Reached> {
        let (by_server, by_device) = (at + column, at + column + 1);
        let said_at = time_or_none(row, by_device)?;
        Ok(time_or_none(row, by_server)?.map(|at| (at, said_at)))
    };
    let reached = [reached(0)?, reached(2)?, reached(4)?];
    Ok(RecipientRow::from_kept(reached, implied))
}

/// What became of a message with a recipient.
pub(crate) fn load_recipient(
    sql: &Connection,
    message: MessageNo,
    participant: ParticipantNo,
) -> Result<RecipientRow> {
    const SQL: &str = concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM recipient r WHERE r.message = ?1 AND r.participant = ?2"
    );
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query((message.0, participant.0))?;
    rows.next()?
        .map_or(Ok(RecipientRow::default()), |row| recipient(row, 0))
}

/// A message.
pub(crate) fn load_message(sql: &Connection, no: MessageNo) -> Result<Option<MessageRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM message m WHERE m.no = ?1"
    );
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query([no.0])?;
    rows.next()?.map(message).transpose()
}

/// The id of a participant that some row names.
pub(crate) fn load_id(sql: &Connection, no: ParticipantNo) -> Result<ParticipantId> {
    let mut statement = sql.prepare_cached("SELECT id FROM participant WHERE no = ?1")?;
    let mut rows = statement.query([no.0])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::damaged(format!("participant {} is missing", no.0)))?;
    participant_id(row, 0)
}

/// A reminder, from the columns `at, by, until, who` that begin at `from`.
pub(crate) fn reminder(row: &Row<'_>, from: usize) -> Result<ReminderRow> {
    let who = row.get_ref(from + 3)?.as_blob().ok();
    let who = who.and_then(ReminderRow::who_from_bytes);
    Ok(ReminderRow {
        at: time(row, from)?,
        by: ParticipantNo(row.get(from + 1)?),
        until: state(row, from + 2)?,
        who: who.ok_or_else(|| Fault::damaged("who was reminded cannot be read".to_owned()))?,
    })
}

/// A payload.
pub(crate) fn load_payload(
    sql: &Connection,
    message: MessageNo,
    participant: ParticipantNo,
    state: ReceiptState,
) -> Result<Option<Payload>> {
    let mut statement = sql.prepare_cached(
        "SELECT bytes FROM payload WHERE message = ?1 AND recipient = ?2 AND state = ?3",
    )?;
    let mut rows = statement.query((message.0, participant.0, state.code()))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    match row.get_ref(0)?.as_blob() {
        Ok(bytes) => Ok(Some(Payload::from(bytes))),
        Err(error) => Err(Fault::damaged(format!("a payload cannot be read: {error}"))),
    }
}

/// A chat with everyone in it.
pub(crate) fn load_chat(sql: &Connection, no: ChatNo) -> Result<Option<ChatRow>> {
    let mut statement = sql.prepare_cached("SELECT salt FROM chat WHERE no = ?1")?;
    let Some(salt) = statement
        .query_row([no.0], |row| row.get::<_, i64>(0))
        .optional()?
    else {
        return Ok(None);
    };
    let mut statement = sql.prepare_cached(
        "SELECT p.no, p.id FROM member m JOIN participant p ON p.no = m.participant WHERE m.chat = ?1",
    )?;
    let mut rows = statement.query([no.0])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        members.push((participant_id(row, 1)?, ParticipantNo(row.get(0)?)));
    }
    members.sort_unstable();
    let (ids, nos): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    Ok(Some(ChatRow {
        no,
        salt: salt as u64,
        members: nos.into(),
        member_ids: ids.into(),
    }))
}

/// The last seq of a log.
pub(crate) fn load_head(sql: &Connection, participant: ParticipantNo) -> Result<u64> {
    let mut statement = sql.prepare_cached("SELECT max(seq) FROM log WHERE participant = ?1")?;
    let head: Option<i64> = statement.query_row([participant.0], |row| row.get(0))?;
    Ok(head.unwrap_or(0) as u64)
}
