//! Messages, as viewers may see them: the sender sees all recipients, a recipient itself.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{ChatId, MessageId, MessageView, MessagesPage, RecipientView, ReminderView};
use crewline_core::{ChatRow, MessageNo, MessageRow, ParticipantNo, history_takes};
use rusqlite::{Connection, Row};

use super::as_integer;
use super::chat::ChatCache;
use super::event::reply_to;
use crate::error::Fault;
use crate::row;
use crate::row::{MESSAGE_WIDTH, message_columns, recipient_columns};

type Result<T> = std::result::Result<T, Fault>;

const ONE: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", m.sender_name, m.text, q.no, q.salt FROM message m LEFT JOIN message q ON q.no = m.reply_to WHERE m.no = ?1"
);

pub(super) const HISTORY: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", m.sender_name, m.text, q.no, q.salt FROM message m LEFT JOIN message q ON q.no = m.reply_to",
    " WHERE m.chat = ?1 AND m.position < ?2 ORDER BY m.position DESC LIMIT ?3"
);

/// A message by id; `None` where none of the viewers is in its chat.
pub(super) fn view(
    sql: &Connection,
    chats: &ChatCache,
    viewers: &[ParticipantNo],
    id: MessageId,
) -> Result<Option<MessageView>> {
    let mut statement = sql.prepare_cached(ONE)?;
    let mut rows = statement.query([as_integer(id.no())])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let message = row::message(row)?;
    let chat = chats.of_row(sql, message.chat)?;
    if message.salt != id.salt() || !viewers.iter().any(|viewer| chat.has(*viewer)) {
        return Ok(None);
    }
    let viewers: BTreeSet<ParticipantNo> = viewers.iter().copied().collect();
    let mut view = show(sql, &chat, &viewers, &message, row)?;
    if viewers.contains(&message.sender) {
        view.reminders = reminders(sql, message.no)?;
    }
    Ok(Some(view))
}

/// A message that exists, to a viewer who is in its chat.
pub(super) fn view_of(
    sql: &Connection,
    chats: &ChatCache,
    viewer: ParticipantNo,
    no: MessageNo,
) -> Result<MessageView> {
    let mut statement = sql.prepare_cached(ONE)?;
    let mut rows = statement.query([no.0])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::damaged(format!("message {} is missing", no.0)))?;
    let message = row::message(row)?;
    let chat = chats.of_row(sql, message.chat)?;
    show(sql, &chat, &BTreeSet::from([viewer]), &message, row)
}

/// A chat's messages, newest first.
pub(super) fn history(
    sql: &Connection,
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
    let mut page = MessagesPage {
        messages: Vec::new(),
        next: None,
        as_of: row::load_head(sql, *first)?,
    };
    let mut bytes = 0;
    let mut statement = sql.prepare_cached(HISTORY)?;
    let mut rows = statement.query((chat.no.0, before, as_integer(limit as u64 + 1)))?;
    while let Some(row) = rows.next()? {
        let full = !history_takes(page.messages.len(), chat.members.len(), bytes);
        if full || page.messages.len() == limit {
            page.next = page
                .messages
                .last()
                .map(|message| message.position.to_string());
            break;
        }
        let message = row::message(row)?;
        let view = show(sql, &chat, &viewers, &message, row)?;
        bytes += view.message.len();
        page.messages.push(view);
    }
    Ok(Some(page))
}

fn show(
    sql: &Connection,
    chat: &ChatRow,
    viewers: &BTreeSet<ParticipantNo>,
    message: &MessageRow,
    row: &Row<'_>,
) -> Result<MessageView> {
    let sender = chat.member_id(message.sender).ok_or_else(|| {
        Fault::damaged(format!(
            "the sender of message {} is not in its chat",
            message.no.0
        ))
    })?;
    Ok(MessageView {
        message_id: message.id(),
        chat_id: chat.id(),
        position: message.position,
        from_user_id: sender.clone(),
        from_user_name: row.get(MESSAGE_WIDTH)?,
        message: row.get(MESSAGE_WIDTH + 1)?,
        priority: message.priority,
        sent_at: message.sent_at,
        reply_to: reply_to(row, MESSAGE_WIDTH + 2)?,
        recipients: recipients(sql, chat, viewers, message)?,
        reminders: Vec::new(),
    })
}

/// Who reminded whom of a message, oldest first.
pub(super) fn reminders(sql: &Connection, message: MessageNo) -> Result<Vec<ReminderView>> {
    let mut statement = sql.prepare_cached(
        "SELECT at, by, until, who FROM reminder WHERE message = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([message.0])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let reminder = row::reminder(row, 0)?;
        let ids = reminder.who.iter().map(|no| row::load_id(sql, *no));
        views.push(ReminderView {
            at: reminder.at,
            by_user_id: row::load_id(sql, reminder.by)?,
            until: reminder.until,
            user_ids: ids.collect::<Result<_>>()?,
        });
    }
    Ok(views)
}

fn recipients(
    sql: &Connection,
    chat: &ChatRow,
    viewers: &BTreeSet<ParticipantNo>,
    message: &MessageRow,
) -> Result<Vec<RecipientView>> {
    const SQL: &str = concat!(
        "SELECT r.participant, ",
        recipient_columns!(),
        " FROM recipient r WHERE r.message = ?1"
    );
    let members = chat.members.iter().zip(chat.member_ids.iter());
    if !viewers.contains(&message.sender) {
        return members
            .filter(|(who, _)| viewers.contains(who))
            .map(|(who, id)| {
                let row = row::load_recipient(sql, message.no, *who)?;
                Ok(row.view(id))
            })
            .collect();
    }
    let mut known = BTreeMap::new();
    let mut statement = sql.prepare_cached(SQL)?;
    let mut rows = statement.query([message.no.0])?;
    while let Some(row) = rows.next()? {
        known.insert(ParticipantNo(row.get(0)?), row::recipient(row, 1)?);
    }
    let others = members.filter(|(who, _)| **who != message.sender);
    Ok(others
        .map(|(who, id)| known.get(who).copied().unwrap_or_default().view(id))
        .collect())
}
