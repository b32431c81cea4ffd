//! Events put together: a narrow row of a log, and what it is joined with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{
    ChatEvent, Event, EventData, EventKind, MessageEvent, MessageId, ParticipantId, Payload,
    ReceiptEvent, ReceiptState, ReminderEvent, SelfEvent,
};

use crate::changes::LogRow;
use crate::state::{ChatRow, MessageRow, RecipientRow};
use crate::{ChatNo, MessageNo, ParticipantNo};

/// The words of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageWords {
    /// The sender's name when it was sent.
    pub sender_name: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// The message it replies to.
    pub reply_to: Option<MessageId>,
}

/// What log rows are joined with.
pub trait EventSource {
    /// A message.
    fn message(&self, no: MessageNo) -> Option<MessageRow>;
    /// The words of a message; asked for only where an event shows them.
    fn words(&self, no: MessageNo) -> Option<MessageWords>;
    /// A chat.
    fn chat(&self, no: ChatNo) -> Option<ChatRow>;
    /// The id of a participant that a row names, and that may be in no chat with the reader of the log.
    fn id(&self, no: ParticipantNo) -> Option<ParticipantId>;
    /// What became of a message with a recipient.
    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> Option<RecipientRow>;
    /// The payload that comes back with a state.
    fn payload(
        &self,
        message: MessageNo,
        who: ParticipantNo,
        state: ReceiptState,
    ) -> Option<Payload>;
}

/// Bodies of messages that were put together before: one message to a thousand people is put together once.
pub type MessageBodies = BTreeMap<MessageNo, Arc<MessageEvent>>;

/// Puts an event together. `None` where the source lacks something that the row refers to: the store is damaged.
pub fn assemble(
    row: &LogRow,
    source: &impl EventSource,
    bodies: &mut MessageBodies,
) -> Option<Event> {
    let receipt = |state| receipt_event(row, state, source);
    let (timestamp, data) = match row.kind {
        EventKind::MessageReceived | EventKind::MessageSent => {
            let body = message_body(row.message?, source, bodies)?;
            let wrap = if row.kind == EventKind::MessageSent {
                EventData::MessageSent
            } else {
                EventData::MessageReceived
            };
            (body.sent_at, wrap(body))
        }
        EventKind::MessageDelivered => {
            let (at, data) = receipt(ReceiptState::Delivered)?;
            (at, EventData::MessageDelivered(data))
        }
        EventKind::MessageRead => {
            let (at, data) = receipt(ReceiptState::Read)?;
            (at, EventData::MessageRead(data))
        }
        EventKind::MessageAcknowledged => {
            let (at, data) = receipt(ReceiptState::Acknowledged)?;
            (at, EventData::MessageAcknowledged(data))
        }
        EventKind::SelfRead | EventKind::SelfAcknowledged => {
            let detail = row.detail.as_ref()?;
            let message_ids = detail
                .messages
                .iter()
                .map(|no| source.message(*no).map(|message| message.id()))
                .collect::<Option<_>>()?;
            let data = SelfEvent {
                chat_id: source.chat(detail.chat)?.id(),
                message_ids,
                unread: detail.unread,
            };
            let wrap = if row.kind == EventKind::SelfRead {
                EventData::SelfRead
            } else {
                EventData::SelfAcknowledged
            };
            (detail.at, wrap(data))
        }
        EventKind::ChatCreated => {
            let detail = row.detail.as_ref()?;
            let chat = source.chat(detail.chat)?;
            (
                detail.at,
                EventData::ChatCreated(Arc::new(ChatEvent {
                    chat_id: chat.id(),
                    user_ids: chat.member_ids,
                })),
            )
        }
        EventKind::MessageReminded => {
            let detail = row.detail.as_ref()?;
            let message = source.message(row.message?)?;
            let data = ReminderEvent {
                message_id: message.id(),
                chat_id: source.chat(message.chat)?.id(),
                by_user_id: source.id(row.who?)?,
                at: detail.at,
                until: detail.until?,
                priority: message.priority,
            };
            (detail.at, EventData::MessageReminded(data))
        }
        // A kind that a newer version of the api knows; this store cannot hold it.
        _ => return None,
    };
    Some(Event {
        seq: row.seq,
        timestamp,
        data,
    })
}

/// Most bytes that the events of one page hold, about: a page that would be larger ends earlier.
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Most recipients that the messages of one page of a chat name, all together.
const PAGE_RECIPIENTS_MAX: usize = 10_000;

/// Whether a page of a chat of so many members takes another message: it holds so many by now, with so many bytes of text.
pub fn history_takes(messages: usize, members: usize, bytes: usize) -> bool {
    messages == 0 || (messages * members < PAGE_RECIPIENTS_MAX && bytes < PAGE_BYTES_MAX)
}

/// About how many bytes an event takes, in memory and on the wire.
pub fn about_bytes(event: &Event) -> usize {
    let ids = |ids: &[ParticipantId]| ids.iter().map(|id| id.as_str().len() + 24).sum();
    256 + match &event.data {
        EventData::MessageReceived(data) | EventData::MessageSent(data) => {
            let ids: usize = ids(&data.all_user_ids);
            data.message.len() + ids
        }
        EventData::MessageDelivered(data)
        | EventData::MessageRead(data)
        | EventData::MessageAcknowledged(data) => data
            .payload
            .as_ref()
            .map_or(0, |payload| payload.as_bytes().len() * 4 / 3),
        EventData::SelfRead(data) | EventData::SelfAcknowledged(data) => {
            data.message_ids.len() * 16
        }
        EventData::ChatCreated(data) => ids(&data.user_ids),
        _ => 0,
    }
}

fn message_body(
    no: MessageNo,
    source: &impl EventSource,
    bodies: &mut MessageBodies,
) -> Option<Arc<MessageEvent>> {
    if let Some(body) = bodies.get(&no) {
        return Some(Arc::clone(body));
    }
    let message = source.message(no)?;
    let words = source.words(no)?;
    let chat = source.chat(message.chat)?;
    let body = Arc::new(MessageEvent {
        message_id: message.id(),
        chat_id: chat.id(),
        position: message.position,
        from_user_id: chat.member_id(message.sender)?.clone(),
        from_user_name: words.sender_name.to_string(),
        all_user_ids: chat.member_ids,
        message: words.text,
        priority: message.priority,
        sent_at: message.sent_at,
        reply_to: words.reply_to,
    });
    bodies.insert(no, Arc::clone(&body));
    Some(body)
}

fn receipt_event(
    row: &LogRow,
    state: ReceiptState,
    source: &impl EventSource,
) -> Option<(crewline_api::Timestamp, ReceiptEvent)> {
    let (message, who) = (source.message(row.message?)?, row.who?);
    let chat = source.chat(message.chat)?;
    let mark = source.recipient(message.no, who)?.mark(state)?;
    let payload = if message.has_payloads {
        source.payload(message.no, who, state)
    } else {
        None
    };
    let data = ReceiptEvent {
        message_id: message.id(),
        chat_id: chat.id(),
        user_id: chat.member_id(who)?.clone(),
        at: mark.told_at(),
        payload,
        implied: mark.implied,
        late: false,
    };
    Some((mark.at, data))
}
