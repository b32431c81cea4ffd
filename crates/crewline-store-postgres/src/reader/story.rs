//! The whole story of a message. It judges nobody's right to know.

use std::collections::BTreeMap;

use crewline_api::{MessageId, MessageStory, RecipientStory, StoryReceipt};
use crewline_core::{MessageNo, ParticipantNo, RecipientRow};
use tokio_postgres::Row;

use super::chat::ChatCache;
use super::message;
use crate::error::Fault;
use crate::row::{self, as_integer, recipient_columns};
use crate::sql::{Call, Sql, get};

type Result<T> = std::result::Result<T, Fault>;

const RECEIPTS: &str = "SELECT r.recipient, r.state, r.at, r.said_at, d.device_id, d.name FROM receipt r
     LEFT JOIN device d ON d.no = r.device WHERE r.message = $1 ORDER BY r.recipient, r.at, r.state, r.device";

const RECIPIENTS: &str = concat!(
    "SELECT r.participant, ",
    recipient_columns!(),
    " FROM recipient r WHERE r.message = $1"
);

const NAMES: &str = "SELECT no, coalesce(name, id) FROM participant WHERE no = ANY($1)";

/// A message with what every device said of it.
pub(super) fn of(sql: &Sql, chats: &ChatCache, id: MessageId) -> Result<Option<MessageStory>> {
    let no = MessageNo(as_integer(id.no()));
    let row = row::load_message(sql, no)?.filter(|row| row.salt == id.salt());
    let Some(row) = row else {
        return Ok(None);
    };
    let chat = chats.of_row(sql, row.chat)?;
    let view = message::views_of(sql, chats, row.sender, &[no])?.remove(&no);
    let Some(view) = view else {
        return Ok(None);
    };
    let mut told = Told::read(sql, no, &chat.members)?;
    let mut recipients = Vec::new();
    for (no, id) in chat.members.iter().zip(chat.member_ids.iter()) {
        if *no != row.sender {
            recipients.push(told.of(*no, id.clone()));
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

/// What is known of all recipients of a message.
#[derive(Default)]
struct Told {
    names: BTreeMap<ParticipantNo, String>,
    known: BTreeMap<ParticipantNo, RecipientRow>,
    receipts: BTreeMap<ParticipantNo, Vec<StoryReceipt>>,
}

impl Told {
    fn read(sql: &Sql, message: MessageNo, members: &[ParticipantNo]) -> Result<Self> {
        let members: Vec<i64> = members.iter().map(|no| no.0).collect();
        let all = sql.query_all(&[
            Call::new(NAMES).with(members),
            Call::new(RECIPIENTS).with(message.0),
            Call::new(RECEIPTS).with(message.0),
        ])?;
        let mut told = Self::default();
        let [names, known, receipts] = all.as_slice() else {
            return Ok(told);
        };
        for row in names {
            told.names.insert(ParticipantNo(get(row, 0)?), get(row, 1)?);
        }
        for row in known {
            let no = ParticipantNo(get(row, 0)?);
            told.known.insert(no, row::recipient(row, 1)?);
        }
        for row in receipts {
            let of = told
                .receipts
                .entry(ParticipantNo(get(row, 0)?))
                .or_default();
            of.push(receipt(row)?);
        }
        Ok(told)
    }

    fn of(&mut self, no: ParticipantNo, id: crewline_api::ParticipantId) -> RecipientStory {
        let known = self.known.get(&no).copied().unwrap_or_default();
        RecipientStory {
            name: self.names.remove(&no).unwrap_or_else(|| id.to_string()),
            user_id: id,
            state: known.state(),
            delivered: known.delivered.map(Into::into),
            read: known.read.map(Into::into),
            acknowledged: known.acknowledged.map(Into::into),
            receipts: self.receipts.remove(&no).unwrap_or_default(),
        }
    }
}

fn receipt(row: &Row) -> Result<StoryReceipt> {
    Ok(StoryReceipt {
        state: row::state(row, 1)?,
        at: row::time(row, 2)?,
        device_at: row::time_or_none(row, 3)?,
        device_id: get(row, 4)?,
        device_name: get(row, 5)?,
    })
}
