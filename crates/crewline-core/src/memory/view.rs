//! Messages of the store in memory as they are seen: in events, and by those who look.

use crewline_api::{
    MessageId, MessageView, ParticipantId, Payload, ReceiptState, RecipientView, ReminderView,
};

use super::Data;
use crate::event::{EventSource, MessageWords};
use crate::state::{ChatRow, MessageRow, RecipientRow};
use crate::{ChatNo, MessageNo, ParticipantNo};

impl EventSource for Data {
    fn message(&self, no: MessageNo) -> Option<MessageRow> {
        self.messages.get(&no).map(|row| row.message)
    }

    fn words(&self, no: MessageNo) -> Option<MessageWords> {
        Self::words(self, no)
    }

    fn chat(&self, no: ChatNo) -> Option<ChatRow> {
        self.chats.get(&no).cloned()
    }

    fn id(&self, no: ParticipantNo) -> Option<ParticipantId> {
        self.participants.get(&no).map(|row| row.id.clone())
    }

    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> Option<RecipientRow> {
        self.recipients.get(&(message, who)).copied()
    }

    fn payload(
        &self,
        message: MessageNo,
        who: ParticipantNo,
        state: ReceiptState,
    ) -> Option<Payload> {
        self.payloads.get(&(message, who, state)).cloned()
    }
}

impl Data {
    pub(super) fn view(&self, viewers: &[ParticipantNo], no: MessageNo) -> Option<MessageView> {
        let row = self.messages.get(&no)?;
        let (message, words) = (row.message, self.words(no)?);
        let chat = self.chats.get(&message.chat)?;
        let shown = |who: ParticipantNo| {
            who != message.sender && (viewers.contains(&message.sender) || viewers.contains(&who))
        };
        let recipients = chat
            .members
            .iter()
            .zip(chat.member_ids.iter())
            .filter(|(who, _)| shown(**who));
        Some(MessageView {
            message_id: message.id(),
            chat_id: chat.id(),
            position: message.position,
            from_user_id: chat.member_id(message.sender)?.clone(),
            from_user_name: words.sender_name.to_string(),
            message: words.text.to_string(),
            priority: message.priority,
            sent_at: message.sent_at,
            reply_to: words.reply_to,
            recipients: recipients
                .map(|(who, id)| recipient_view(id, &Data::recipient(self, no, *who)))
                .collect(),
            reminders: Vec::new(),
        })
    }

    /// Who reminded whom of a message, oldest first.
    pub(super) fn reminders_of(&self, no: MessageNo) -> Option<Vec<ReminderView>> {
        let id = |no: &ParticipantNo| self.participants.get(no).map(|row| row.id.clone());
        let rows = self.reminders.range((no, 0)..=(no, u32::MAX));
        rows.map(|(_, row)| {
            Some(ReminderView {
                at: row.at,
                by_user_id: id(&row.by)?,
                until: row.until,
                user_ids: row.who.iter().map(id).collect::<Option<_>>()?,
            })
        })
        .collect()
    }

    pub(super) fn message_of(&self, id: MessageId) -> Option<&MessageRow> {
        let no = MessageNo(i64::try_from(id.no()).ok()?);
        let message = &self.messages.get(&no)?.message;
        (message.salt == id.salt()).then_some(message)
    }
}

fn recipient_view(id: &ParticipantId, row: &RecipientRow) -> RecipientView {
    RecipientView {
        user_id: id.clone(),
        state: row.state(),
        delivered_at: row.delivered.map(|mark| mark.at),
        read_at: row.read.map(|mark| mark.at),
        acknowledged_at: row.acknowledged.map(|mark| mark.at),
    }
}
