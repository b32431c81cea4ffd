//! The whole story of a message. It judges nobody's right to know.

use crewline_api::{MessageId, MessageStory, RecipientStory, StoryReceipt};
use crewline_core::{MessageNo, MessageRow, ParticipantNo};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::chat::ChatCache;
use super::{as_integer, message};
use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

const RECEIPTS: &str = "SELECT r.state, r.at, r.said_at, d.device_id, d.name FROM receipt r
     LEFT JOIN device d ON d.no = r.device WHERE r.message = ?1 AND r.recipient = ?2 ORDER BY r.at, r.state, r.device";

/// A message with what every device said of it.
pub(super) fn of(
    sql: &Connection,
    chats: &ChatCache,
    id: MessageId,
) -> Result<Option<MessageStory>> {
    let no = MessageNo(as_integer(id.no()));
    let row = row::load_message(sql, no)?.filter(|row| row.salt == id.salt());
    let Some(row) = row else {
        return Ok(None);
    };
    let chat = chats.of_row(sql, row.chat)?;
    let view = message::view_of(sql, chats, row.sender, no)?;
    let mut recipients = Vec::new();
    for (no, id) in chat.members.iter().zip(chat.member_ids.iter()) {
        if *no != row.sender {
            recipients.push(recipient(sql, &row, *no, id.clone())?);
        }
    }
    recipients.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    Ok(Some(MessageStory {
        message_id: view.message_id,
        chat_id: view.chat_id,
        position: view.position,
        from_user_id: view.from_user_id,
        from_user_name: view.from_user_name,
        message: view.message,
        priority: view.priority,
        sent_at: view.sent_at,
        reply_to: view.reply_to,
        recipients,
        reminders: message::reminders(sql, no)?,
    }))
}

fn recipient(
    sql: &Connection,
    message: &MessageRow,
    no: ParticipantNo,
    id: crewline_api::ParticipantId,
) -> Result<RecipientStory> {
    let mut name =
        sql.prepare_cached("SELECT coalesce(name, id) FROM participant WHERE no = ?1")?;
    let name: Option<String> = name.query_row([no.0], |row| row.get(0)).optional()?;
    let known = row::load_recipient(sql, message.no, no)?;
    let mut statement = sql.prepare_cached(RECEIPTS)?;
    let mut rows = statement.query((message.no.0, no.0))?;
    let mut receipts = Vec::new();
    while let Some(row) = rows.next()? {
        receipts.push(receipt(row)?);
    }
    Ok(RecipientStory {
        name: name.unwrap_or_else(|| id.to_string()),
        user_id: id,
        state: known.state(),
        delivered: known.delivered.map(Into::into),
        read: known.read.map(Into::into),
        acknowledged: known.acknowledged.map(Into::into),
        receipts,
    })
}

fn receipt(row: &Row<'_>) -> Result<StoryReceipt> {
    Ok(StoryReceipt {
        state: row::state(row, 0)?,
        at: row::time(row, 1)?,
        device_at: row::time_or_none(row, 2)?,
        device_id: row.get(3)?,
        device_name: row.get(4)?,
    })
}
