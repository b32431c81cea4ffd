//! Rows: from columns to the types of the core.
//!
//! A value that was never written so is damage, and is told as such: nothing is guessed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{ParticipantId, Priority, ReceiptState, Role, Timestamp};
use crewline_core::{
    ChatNo, ChatRow, Code, MessageNo, MessageRow, ParticipantNo, ParticipantRow, Reached,
    RecipientRow, ReminderRow, Standing,
};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::sql::{Sql, get};

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

/// How many columns [`participant`] has.
pub(crate) const PARTICIPANT_WIDTH: usize = 5;
/// How many columns [`message`] has.
pub(crate) const MESSAGE_WIDTH: usize = 8;
/// How many columns [`recipient`] has.
pub(crate) const RECIPIENT_WIDTH: usize = 7;

/// A number of the contract as the store has it. What is beyond its range is beyond everything stored, too.
pub(crate) fn as_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn time(row: &Row, at: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(get(row, at)?))
}

pub(crate) fn time_or_none(row: &Row, at: usize) -> Result<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, at)?.map(Timestamp::from_millis))
}

/// A count or a seq: never below zero.
pub(crate) fn count(row: &Row, at: usize) -> Result<u64> {
    let value: i64 = get(row, at)?;
    u64::try_from(value).map_err(|_| Fault::damaged(format!("a count is {value}")))
}

pub(crate) fn hash(row: &Row, at: usize) -> Result<[u8; 32]> {
    let bytes: &[u8] = get(row, at)?;
    bytes
        .try_into()
        .map_err(|_| Fault::damaged(format!("a hash has {} bytes", bytes.len())))
}

pub(crate) fn text(row: &Row, at: usize) -> Result<Arc<str>> {
    Ok(get::<&str>(row, at)?.into())
}

pub(crate) fn participant_id(row: &Row, at: usize) -> Result<ParticipantId> {
    let id: &str = get(row, at)?;
    ParticipantId::new(id)
        .map_err(|error| Fault::damaged(format!("the id {id:?} of a participant {error}")))
}

/// A value that is kept as a number; `of` says what would have it.
fn code<T: Code>(row: &Row, at: usize, of: &str) -> Result<T> {
    let code: i16 = get(row, at)?;
    T::from_code(code.into()).ok_or_else(|| Fault::damaged(format!("{of} {code}")))
}

pub(crate) fn standing(row: &Row, at: usize) -> Result<Standing> {
    code(row, at, "a participant has the standing")
}

pub(crate) fn role(row: &Row, at: usize) -> Result<Role> {
    code(row, at, "a user has the role")
}

/// What a receipt says, or a reminder asks for: never that a message is accepted.
pub(crate) fn state(row: &Row, at: usize) -> Result<ReceiptState> {
    let of = "a receipt or a reminder has the state";
    match code(row, at, of)? {
        ReceiptState::Accepted => Err(Fault::damaged(format!("{of} 0"))),
        state => Ok(state),
    }
}

pub(crate) fn priority(row: &Row, at: usize) -> Result<Priority> {
    let priority: i16 = get(row, at)?;
    u64::try_from(priority)
        .ok()
        .and_then(|number| Priority::try_from(number).ok())
        .ok_or_else(|| Fault::damaged(format!("a message has the priority {priority}")))
}

/// A participant, from the columns of [`participant_columns`] that begin at `at`.
pub(crate) fn participant(row: &Row, at: usize) -> Result<ParticipantRow> {
    Ok(ParticipantRow {
        no: ParticipantNo(get(row, at)?),
        id: participant_id(row, at + 1)?,
        standing: standing(row, at + 2)?,
        name: get::<Option<&str>>(row, at + 3)?.map(Arc::from),
        disabled: get(row, at + 4)?,
    })
}

/// A message, from the columns of [`message_columns`] that begin at `at`.
pub(crate) fn message(row: &Row, at: usize) -> Result<MessageRow> {
    Ok(MessageRow {
        no: MessageNo(get(row, at)?),
        salt: count(row, at + 1)?,
        chat: ChatNo(get(row, at + 2)?),
        position: count(row, at + 3)?,
        sender: ParticipantNo(get(row, at + 4)?),
        priority: priority(row, at + 5)?,
        sent_at: time(row, at + 6)?,
        has_payloads: get(row, at + 7)?,
    })
}

/// What became of a message, from the columns of [`recipient_columns`] that begin at `at`. All of them are NULL where
/// nothing is known yet.
pub(crate) fn recipient(row: &Row, at: usize) -> Result<RecipientRow> {
    let Some(implied) = get::<Option<i32>>(row, at + 6)? else {
        return Ok(RecipientRow::default());
    };
    let reached = |column: usize| -> Result<Reached> {
        let (by_server, by_device) = (at + column, at + column + 1);
        let said_at = time_or_none(row, by_device)?;
        Ok(time_or_none(row, by_server)?.map(|at| (at, said_at)))
    };
    let reached = [reached(0)?, reached(2)?, reached(4)?];
    Ok(RecipientRow::from_kept(reached, implied.into()))
}

/// A reminder, from the columns `at, by, until, who` that begin at `from`.
pub(crate) fn reminder(row: &Row, from: usize) -> Result<ReminderRow> {
    let who = ReminderRow::who_from_bytes(get(row, from + 3)?);
    Ok(ReminderRow {
        at: time(row, from)?,
        by: ParticipantNo(get(row, from + 1)?),
        until: state(row, from + 2)?,
        who: who.ok_or_else(|| Fault::damaged("who was reminded cannot be read"))?,
    })
}

/// A message.
pub(crate) fn load_message(sql: &Sql, no: MessageNo) -> Result<Option<MessageRow>> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM message m WHERE m.no = $1"
    );
    sql.first(SQL, &[&no.0])?
        .map(|row| message(&row, 0))
        .transpose()
}

/// The ids of participants that some rows name.
pub(crate) fn load_ids(
    sql: &Sql,
    nos: &[ParticipantNo],
) -> Result<BTreeMap<ParticipantNo, ParticipantId>> {
    let nos: Vec<i64> = nos.iter().map(|no| no.0).collect();
    let rows = sql.query("SELECT no, id FROM participant WHERE no = ANY($1)", &[&nos])?;
    let one = |row: &Row| Ok((ParticipantNo(get(row, 0)?), participant_id(row, 1)?));
    rows.iter().map(one).collect()
}

/// The id of a participant that some row names.
pub(crate) fn load_id(sql: &Sql, no: ParticipantNo) -> Result<ParticipantId> {
    let row = sql.first("SELECT id FROM participant WHERE no = $1", &[&no.0])?;
    let row = row.ok_or_else(|| Fault::damaged(format!("participant {} is missing", no.0)))?;
    participant_id(&row, 0)
}

/// Chats with everyone in them: a row for each member, and one for a chat without any.
pub(crate) const CHATS: &str =
    "SELECT c.no, c.salt, p.no, p.id FROM chat c LEFT JOIN member m ON m.chat = c.no
     LEFT JOIN participant p ON p.no = m.participant WHERE c.no = ANY($1) ORDER BY c.no, p.id";

/// Chats, from the rows of [`CHATS`].
pub(crate) fn chats(rows: &[Row]) -> Result<Vec<ChatRow>> {
    let mut found = Vec::new();
    let same = |one: &Row, other: &Row| one.get::<_, i64>(0) == other.get::<_, i64>(0);
    for rows in rows.chunk_by(same) {
        let Some(first) = rows.first() else { continue };
        let (mut members, mut member_ids) = (Vec::new(), Vec::new());
        for row in rows {
            if let Some(no) = get::<Option<i64>>(row, 2)? {
                members.push(ParticipantNo(no));
                member_ids.push(participant_id(row, 3)?);
            }
        }
        found.push(ChatRow {
            no: ChatNo(get(first, 0)?),
            salt: get::<i64>(first, 1)? as u64,
            members: members.into(),
            member_ids: member_ids.into(),
        });
    }
    Ok(found)
}

/// The last seq of a log.
pub(crate) fn load_head(sql: &Sql, participant: ParticipantNo) -> Result<u64> {
    let head: Option<Option<i64>> = sql.value(
        "SELECT max(seq) FROM log WHERE participant = $1",
        &[&participant.0],
    )?;
    Ok(head.flatten().unwrap_or(0) as u64)
}
