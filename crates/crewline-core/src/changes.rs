//! What a batch decided: rows that a store writes in one transaction, all or none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crewline_api::{
    CursorName, EventKind, EventKinds, IdempotencyKey, Payload, ReceiptState, Seq, Timestamp,
};

use crate::state::{
    ChatHead, ChatRow, Fingerprint, LogHead, MemberRow, MembersKey, MessageRow, ParticipantRow,
    RecipientRow,
};
use crate::{ChatNo, DeviceNo, MessageNo, ParticipantNo};

/// A chat that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChatRow {
    /// The chat.
    pub chat: ChatRow,
    /// Its people as one value; unique.
    pub key: MembersKey,
    /// Who made it.
    pub created_by: ParticipantNo,
    /// When.
    pub created_at: Timestamp,
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessageRow {
    /// The message.
    pub message: MessageRow,
    /// The sender's name at this time.
    pub sender_name: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// The message it replies to.
    pub reply_to: Option<MessageNo>,
    /// By which device it was sent.
    pub device: DeviceNo,
    /// The idempotency key, unique for the sender, and what the send meant.
    pub key: Option<(IdempotencyKey, Fingerprint)>,
}

/// A payload that a sender attached for a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadRow {
    /// The message.
    pub message: MessageNo,
    /// The recipient.
    pub recipient: ParticipantNo,
    /// The state with which it comes back: delivered or read.
    pub state: ReceiptState,
    /// The bytes.
    pub payload: Payload,
}

/// What a device said of a message: kept for ever, once for each message, recipient, device and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptFact {
    /// The message.
    pub message: MessageNo,
    /// The recipient.
    pub recipient: ParticipantNo,
    /// The device.
    pub device: DeviceNo,
    /// What it said.
    pub state: ReceiptState,
    /// The server's time.
    pub at: Timestamp,
    /// The device's time, where it said one.
    pub said_at: Option<Timestamp>,
}

/// A row of a log. It holds no text, no payload and no list of members: these are joined when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Whose log.
    pub participant: ParticipantNo,
    /// The number in that log.
    pub seq: Seq,
    /// What kind of event.
    pub kind: EventKind,
    /// Of kinds about a message, the message.
    pub message: Option<MessageNo>,
    /// Of `message.delivered`, `message.read` and `message.acknowledged`, the recipient; of `message.reminded`, who reminds.
    pub who: Option<ParticipantNo>,
    /// Of `self.…`, `chat.created` and `message.reminded`: see [`LogDetail`].
    pub detail: Option<LogDetail>,
}

/// What a log row of `self.read`, `self.acknowledged`, `chat.created` or `message.reminded` says beside its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDetail {
    /// The server's time.
    pub at: Timestamp,
    /// The chat.
    pub chat: ChatNo,
    /// The messages, oldest first; only of `self.…`.
    pub messages: Vec<MessageNo>,
    /// Unread after it; only of `self.…`.
    pub unread: u64,
    /// Of `message.reminded`, how far the recipient should have come.
    pub until: Option<ReceiptState>,
}

impl LogDetail {
    /// As bytes for a store: each number as LEB128; messages as the number of them, the first, and the distances.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + self.messages.len());
        for value in [
            self.at.as_millis() as u64,
            self.chat.0 as u64,
            self.unread,
            self.messages.len() as u64,
        ] {
            write_varint(&mut bytes, value);
        }
        let mut last = 0;
        for message in &self.messages {
            write_varint(&mut bytes, (message.0 - last) as u64);
            last = message.0;
        }
        // Only where there is one: older rows end here.
        if let Some(until) = self.until {
            write_varint(&mut bytes, until as u64);
        }
        bytes
    }

    /// From the bytes of a store; `None` where they are damaged.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut next = || read_varint(&mut bytes);
        let (at, chat, unread, count) = (next()?, next()?, next()?, next()?);
        let mut last = 0i64;
        let mut messages = Vec::new();
        for _ in 0..count {
            last = last.checked_add(next()? as i64)?;
            messages.push(MessageNo(last));
        }
        let until = match bytes {
            [] => None,
            _ => Some(read_state(read_varint(&mut bytes)?)?),
        };
        bytes.is_empty().then_some(())?;
        Some(Self {
            at: Timestamp::from_millis(at as i64),
            chat: ChatNo(chat as i64),
            messages,
            unread,
            until,
        })
    }
}

/// A state from its number; see [`LogDetail::to_bytes`].
fn read_state(number: u64) -> Option<ReceiptState> {
    [
        ReceiptState::Accepted,
        ReceiptState::Delivered,
        ReceiptState::Read,
        ReceiptState::Acknowledged,
    ]
    .into_iter()
    .find(|state| *state as u64 == number)
}

/// A reminder of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderRow {
    /// When.
    pub at: Timestamp,
    /// Who reminded.
    pub by: ParticipantNo,
    /// How far everybody should have come.
    pub until: ReceiptState,
    /// Who was reminded, in the order of the members of the chat.
    pub who: Arc<[ParticipantNo]>,
}

impl ReminderRow {
    /// Who was reminded, as bytes for a store: each number as LEB128.
    pub fn who_to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * self.who.len());
        for no in self.who.iter() {
            write_varint(&mut bytes, no.0 as u64);
        }
        bytes
    }

    /// From the bytes of a store; `None` where they are damaged.
    pub fn who_from_bytes(mut bytes: &[u8]) -> Option<Arc<[ParticipantNo]>> {
        let mut who = Vec::new();
        while !bytes.is_empty() {
            who.push(ParticipantNo(read_varint(&mut bytes)? as i64));
        }
        Some(who.into())
    }
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Where a named cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorRow {
    /// Everything up to this seq is confirmed.
    pub seq: Seq,
    /// Of these kinds.
    pub kinds: EventKinds,
    /// When it was last put.
    pub put_at: Timestamp,
    /// Whether it was behind for so long that it holds its log no more. See [`crate::keep`].
    pub released: bool,
}

/// All rows of a batch.
///
/// Rows that change (`heads` to `recipients`, `cursors`) are named here; their new values stand in the maps, once for
/// the batch however often they changed in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Participants that are new, or have a new standing or name: insert or replace by number.
    pub participants: BTreeMap<ParticipantNo, ParticipantRow>,
    /// New chats.
    pub chats: Vec<NewChatRow>,
    /// New messages.
    pub messages: Vec<NewMessageRow>,
    /// Their payloads.
    pub payloads: Vec<PayloadRow>,
    /// How far chats have come, new chats included.
    pub chat_heads: BTreeMap<ChatNo, ChatHead>,
    /// How far members have come: insert or replace. The members of a new chat are in [`NewChatRow`]; those who are
    /// not here stand at [`MemberRow::default`].
    pub members: BTreeMap<(ChatNo, ParticipantNo), MemberRow>,
    /// What devices said: insert, or leave the one that is there (the first counts).
    pub facts: Vec<ReceiptFact>,
    /// What became of messages: insert or replace.
    pub recipients: BTreeMap<(MessageNo, ParticipantNo), RecipientRow>,
    /// New rows of logs; of each log in ascending order.
    pub log: Vec<LogRow>,
    /// Logs whose `confirmed` moved. (Their `head` is the seq of their last row, and needs no row of its own.)
    pub confirmed: BTreeMap<ParticipantNo, LogHead>,
    /// Reminders, by message and by their numbers: 1, 2, 3 …
    pub reminders: BTreeMap<(MessageNo, u32), ReminderRow>,
    /// Cursors that were put: insert or replace.
    pub cursors: BTreeMap<(ParticipantNo, CursorName), CursorRow>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The participants whose logs grew.
    pub fn touched(&self) -> BTreeSet<ParticipantNo> {
        self.log.iter().map(|row| row.participant).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_log_detail_reads_back_as_it_was_written(
            at in 0i64..1 << 48, chat in 1i64..1 << 40, unread in any::<u64>(),
            steps in proptest::collection::vec(1i64..1 << 30, 0..50), until in proptest::option::of(0u64..4),
        ) {
            let mut last = 0;
            let messages = steps.iter().map(|step| { last += step; MessageNo(last) }).collect();
            let detail = LogDetail { at: Timestamp::from_millis(at), chat: ChatNo(chat), messages, unread, until: until.and_then(read_state) };
            prop_assert_eq!(LogDetail::from_bytes(&detail.to_bytes()), Some(detail));
        }

        #[test]
        fn damaged_bytes_are_no_detail_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = LogDetail::from_bytes(&bytes);
            let _ = ReminderRow::who_from_bytes(&bytes);
        }

        #[test]
        fn who_was_reminded_reads_back_as_it_was_written(who in proptest::collection::vec(1i64..1 << 40, 0..50)) {
            let who = who.into_iter().map(ParticipantNo).collect();
            let row = ReminderRow { at: Timestamp::from_millis(7), by: ParticipantNo(1), until: ReceiptState::Read, who };
            prop_assert_eq!(ReminderRow::who_from_bytes(&row.who_to_bytes()), Some(row.who));
        }
    }
}
