//! What a device keeps: how far it has the log, what is unread, and what it has yet to say. A device that starts again has all
//! of it; one that was wiped has none.

use std::collections::{HashMap, HashSet, VecDeque};

use crewline_client::api::{
    ChatId, IdempotencyKey, MessageId, NewChat, NewReply, ParticipantId, ReceiptSaid, Seq,
};

use crate::ledger::State;

/// Receipts that go out together.
const TOGETHER: usize = 500;

/// Something to be said to the server.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// A receipt, and what it says of which messages.
    Receipt {
        said: ReceiptSaid,
        of: Vec<(MessageId, State)>,
    },
    /// A message into a chat, which reads what stood on the screen.
    Reply {
        to: Target,
        reply: NewReply,
        key: IdempotencyKey,
        reads: Vec<MessageId>,
    },
    /// A look at who has not got a message.
    Look { id: MessageId, tries: u32 },
}

/// Where a message goes.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Chat(ChatId),
    /// The chat of these, which may have to be made; and all who are in it, in order.
    With(NewChat, Vec<ParticipantId>),
}

/// A device.
#[derive(Debug, Default)]
pub(super) struct Device {
    /// The secret of its session.
    pub(super) token: String,
    /// The last event that it has stored.
    pub(super) seq: Seq,
    pub(super) got: HashSet<MessageId>,
    /// By position; no emergencies, which are read one by one.
    pub(super) unread: HashMap<ChatId, Vec<(u64, MessageId)>>,
    pub(super) outbox: VecDeque<Deed>,
    /// Being said; not answered yet.
    pub(super) underway: Vec<Deed>,
}

impl Device {
    /// Takes what is read when a chat is read up to this position.
    pub(super) fn read_up_to(&mut self, chat: ChatId, position: u64) -> Vec<MessageId> {
        let Some(unread) = self.unread.get_mut(&chat) else {
            return Vec::new();
        };
        let read = unread
            .iter()
            .filter(|(at, _)| *at <= position)
            .map(|(_, id)| *id)
            .collect();
        unread.retain(|(at, _)| *at > position);
        read
    }

    /// Takes one message as read; whether it was unread.
    pub(super) fn read_one(&mut self, chat: ChatId, id: MessageId) -> bool {
        let Some(unread) = self.unread.get_mut(&chat) else {
            return false;
        };
        let before = unread.len();
        unread.retain(|(_, known)| *known != id);
        unread.len() < before
    }

    /// What is said next: one deed, or the receipts that stand together.
    pub(super) fn begin(&mut self) {
        while self.underway.len() < TOGETHER
            && let Some(next) = self.outbox.front()
        {
            let is_receipt = matches!(next, Deed::Receipt { .. });
            if !self.underway.is_empty() && !is_receipt {
                break;
            }
            self.underway.extend(self.outbox.pop_front());
            if !is_receipt {
                break;
            }
        }
    }

    /// What was under way is not answered, and stands in front again.
    pub(super) fn put_back(&mut self) {
        for deed in self.underway.drain(..).rev() {
            self.outbox.push_front(deed);
        }
    }

    pub(super) fn left(&self) -> usize {
        self.outbox.len() + self.underway.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(no: u64) -> MessageId {
        MessageId::from_parts(no, 0)
    }

    fn receipt(no: u64) -> Deed {
        let said = ReceiptSaid::Message {
            message_id: id(no).to_string(),
            state: crewline_client::api::ReceiptState::Read,
            at: None,
        };
        Deed::Receipt {
            said,
            of: vec![(id(no), State::Read)],
        }
    }

    #[test]
    fn receipts_go_together_and_everything_else_alone_and_in_order() {
        let mut device = Device::default();
        device.outbox.extend([
            receipt(1),
            receipt(2),
            Deed::Look {
                id: id(3),
                tries: 0,
            },
            receipt(4),
        ]);
        device.begin();
        assert_eq!((device.underway.len(), device.left()), (2, 4));
        device.put_back();
        assert_eq!((device.underway.len(), device.outbox.len()), (0, 4));
        device.begin();
        device.underway.clear();
        device.begin();
        assert!(matches!(device.underway[..], [Deed::Look { .. }]));
    }

    #[test]
    fn reading_up_to_a_message_leaves_what_came_after_it() {
        let chat = ChatId::from_parts(1, 0);
        let mut device = Device::default();
        device
            .unread
            .insert(chat, vec![(1, id(1)), (2, id(2)), (5, id(5))]);
        assert_eq!(device.read_up_to(chat, 4), [id(1), id(2)]);
        assert!(device.read_one(chat, id(5)) && !device.read_one(chat, id(5)));
        assert!(device.read_up_to(ChatId::from_parts(2, 0), 9).is_empty());
    }
}
