//! Messages, as viewers may see them: the sender sees all recipients, a recipient itself.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{ChatId, MessageId, MessageView, MessagesPage, ReminderView};
use crewline_core::{ChatRow, MessageNo, MessageRow, ParticipantNo, RecipientRow, history_takes};
use tokio_postgres::Row;

use super::chat::{ChatCache, missing};
use crate::error::Fault;
use crate::row::{self, MESSAGE_WIDTH, as_integer, message_columns, recipient_columns};
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

macro_rules! shown {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            ", m.sender_name, m.text, q.no, q.salt FROM message m LEFT JOIN message q ON q.no = m.reply_to ",
            $rest
        )
    };
}

const SOME: &str = shown!("WHERE m.no = ANY($1)");

const HISTORY: &str =
    shown!("WHERE m.chat = $1 AND m.position < $2 ORDER BY m.position DESC LIMIT $3");

/// What became of messages: with all recipients where a viewer has sent it, else with the viewers alone.
const RECIPIENTS: &str = concat!(
    "SELECT r.message, r.participant, ",
    recipient_columns!(),
    " FROM recipient r JOIN message m ON m.no = r.message
      WHERE r.message = ANY($1) AND (m.sender = ANY($2) OR r.participant = ANY($2))"
);

/// A message by id; `None` where none of the viewers is in its chat.
pub(super) fn view(
    sql: &Sql,
    chats: &ChatCache,
    viewers: &[ParticipantNo],
    id: MessageId,
) -> Result<Option<MessageView>> {
    let rows = sql.query(SOME, &[&vec![as_integer(id.no())]])?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let message = row::message(row, 0)?;
    let chat = chats.of_row(sql, message.chat)?;
    if message.salt != id.salt() || !viewers.iter().any(|viewer| chat.has(*viewer)) {
        return Ok(None);
    }
    let viewers: BTreeSet<ParticipantNo> = viewers.iter().copied().collect();
    let Some(mut view) = show(sql, chats, &viewers, &rows)?.pop() else {
        return Ok(None);
    };
    if viewers.contains(&message.sender) {
        view.reminders = reminders(sql, message.no)?;
    }
    Ok(Some(view))
}

/// Messages that exist, to a viewer who is in their chats.
pub(super) fn views_of(
    sql: &Sql,
    chats: &ChatCache,
    viewer: ParticipantNo,
    nos: &[MessageNo],
) -> Result<BTreeMap<MessageNo, MessageView>> {
    if nos.is_empty() {
        return Ok(BTreeMap::new());
    }
    let nos: Vec<i64> = nos.iter().map(|no| no.0).collect();
    let rows = sql.query(SOME, &[&nos])?;
    let views = show(sql, chats, &BTreeSet::from([viewer]), &rows)?;
    let keyed = |(row, view): (&Row, MessageView)| Ok((MessageNo(get(row, 0)?), view));
    rows.iter().zip(views).map(keyed).collect()
}

/// A chat's messages, newest first.
pub(super) fn history(
    sql: &Sql,
    chats: &ChatCache,
    viewers: &[ParticipantNo],
    chat: ChatId,
    before: Option<u64>,
    limit: usize,
) -> Result<Option<MessagesPage>> {
    let Some(chat) = chats.of_id(sql, chat)? else {
        return Ok(None);
    };
    let Some(first) = viewers.iter().find(|viewer| chat.has(**viewer)) else {
        return Ok(None);
    };
    let viewers = viewers.iter().copied().collect();
    let before = before.map_or(i64::MAX, as_integer);
    let as_of = row::load_head(sql, *first)?;
    let most = as_integer(limit as u64 + 1);
    let rows = sql.query(HISTORY, &[&chat.no.0, &before, &most])?;
    let (mut taken, mut bytes) = (0, 0);
    for row in rows.iter().take(limit) {
        if !history_takes(taken, chat.members.len(), bytes) {
            break;
        }
        bytes += get::<&str>(row, MESSAGE_WIDTH + 1)?.len();
        taken += 1;
    }
    let messages = show(sql, chats, &viewers, &rows[..taken])?;
    let last = messages.last().filter(|_| rows.len() > taken);
    Ok(Some(MessagesPage {
        next: last.map(|message| message.position.to_string()),
        messages,
        as_of,
    }))
}

/// What became of a message, by recipient.
type Known = BTreeMap<(MessageNo, ParticipantNo), RecipientRow>;

/// Messages as they are shown, in the order of their rows.
fn show(
    sql: &Sql,
    chats: &ChatCache,
    viewers: &BTreeSet<ParticipantNo>,
    rows: &[Row],
) -> Result<Vec<MessageView>> {
    let messages: Vec<MessageRow> = rows
        .iter()
        .map(|row| row::message(row, 0))
        .collect::<Result<_>>()?;
    let found = chats.all(sql, messages.iter().map(|message| message.chat))?;
    let nos: Vec<i64> = messages.iter().map(|message| message.no.0).collect();
    let eyes: Vec<i64> = viewers.iter().map(|no| no.0).collect();
    let mut known = Known::new();
    if !nos.is_empty() {
        for row in &sql.query(RECIPIENTS, &[&nos, &eyes])? {
            let key = (MessageNo(get(row, 0)?), ParticipantNo(get(row, 1)?));
            known.insert(key, row::recipient(row, 2)?);
        }
    }
    let view = |(message, row): (&MessageRow, &Row)| {
        let chat = found
            .get(&message.chat)
            .ok_or_else(|| missing(message.chat))?;
        show_one(chat, viewers, message, row, &known)
    };
    messages.iter().zip(rows).map(view).collect()
}

fn show_one(
    chat: &ChatRow,
    viewers: &BTreeSet<ParticipantNo>,
    message: &MessageRow,
    row: &Row,
    known: &Known,
) -> Result<MessageView> {
    let sender = chat.member_id(message.sender).ok_or_else(|| {
        Fault::damaged(format!(
            "the sender of message {} is not in its chat",
            message.no.0
        ))
    })?;
    let sees_all = viewers.contains(&message.sender);
    let recipients = chat
        .members
        .iter()
        .zip(chat.member_ids.iter())
        .filter(|(who, _)| {
            if sees_all {
                **who != message.sender
            } else {
                viewers.contains(who)
            }
        })
        .map(|(who, id)| {
            let row = known.get(&(message.no, *who)).copied().unwrap_or_default();
            row.view(id)
        });
    Ok(MessageView {
        message_id: message.id(),
        chat_id: chat.id(),
        position: message.position,
        from_user_id: sender.clone(),
        from_user_name: get(row, MESSAGE_WIDTH)?,
        message: get(row, MESSAGE_WIDTH + 1)?,
        priority: message.priority,
        sent_at: message.sent_at,
        reply_to: reply_to(row, MESSAGE_WIDTH + 2)?,
        recipients: recipients.collect(),
        reminders: Vec::new(),
    })
}

/// The id of the message that another one replies to, from its number and salt.
pub(super) fn reply_to(row: &Row, at: usize) -> Result<Option<MessageId>> {
    let (no, salt): (Option<i64>, Option<i64>) = (get(row, at)?, get(row, at + 1)?);
    Ok(no
        .zip(salt)
        .map(|(no, salt)| MessageId::from_parts(no as u64, salt as u64)))
}

/// Who reminded whom of a message, oldest first.
pub(super) fn reminders(sql: &Sql, message: MessageNo) -> Result<Vec<ReminderView>> {
    let rows = sql.query(
        "SELECT at, by, until, who FROM reminder WHERE message = $1 ORDER BY number",
        &[&message.0],
    )?;
    let mut views = Vec::new();
    for row in &rows {
        let reminder = row::reminder(row, 0)?;
        let mut named = reminder.who.to_vec();
        named.push(reminder.by);
        let ids = row::load_ids(sql, &named)?;
        let id = |no: &ParticipantNo| {
            let id = ids.get(no).cloned();
            id.ok_or_else(|| Fault::damaged(format!("participant {} is missing", no.0)))
        };
        views.push(ReminderView {
            at: reminder.at,
            by_user_id: id(&reminder.by)?,
            until: reminder.until,
            user_ids: reminder.who.iter().map(id).collect::<Result<_>>()?,
        });
    }
    Ok(views)
}
