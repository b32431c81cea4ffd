//! Telling: the events of a batch, put together from what its decisions were made on, and told once it is durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{EventKind, ParticipantId, Payload, ReceiptState, Seq};
use crewline_core::{
    Changes, ChatNo, ChatRow, EventSource, LogRow, MessageBodies, MessageNo, MessageRow,
    MessageWords, NewMessageRow, ParticipantNo, RecipientRow, State, assemble,
};

use crate::hub::Hub;
use crate::page::EncodedEvent;

/// The state of a batch as a source of events. Only messages of this batch show their words: `message.received` and
/// `message.sent` are told when the message is new, and never later.
struct Batch<'a> {
    state: &'a State,
    messages: BTreeMap<MessageNo, &'a NewMessageRow>,
}

impl EventSource for Batch<'_> {
    fn message(&self, no: MessageNo) -> Option<MessageRow> {
        self.state.messages.get(&no).copied().flatten()
    }

    fn words(&self, no: MessageNo) -> Option<MessageWords> {
        let row = self.messages.get(&no)?;
        let reply_to = match row.reply_to {
            None => None,
            Some(no) => Some(self.message(no)?.id()),
        };
        Some(MessageWords {
            sender_name: Arc::clone(&row.sender_name),
            text: Arc::clone(&row.text),
            reply_to,
        })
    }

    fn chat(&self, no: ChatNo) -> Option<ChatRow> {
        self.state.chats.get(&no).cloned().flatten()
    }

    fn id(&self, no: ParticipantNo) -> Option<ParticipantId> {
        self.state.participants.get(&no).map(|row| row.id.clone())
    }

    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> Option<RecipientRow> {
        self.state.recipients.get(&(message, who)).copied()
    }

    fn payload(
        &self,
        message: MessageNo,
        who: ParticipantNo,
        state: ReceiptState,
    ) -> Option<Payload> {
        if let Some(payloads) = self.state.payloads.get(&(message, who)) {
            return payloads.of(state).cloned();
        }
        // Read in the very batch in which it was sent.
        let fresh = self.state.changes.payloads.iter();
        fresh
            .filter(|row| row.message == message && row.recipient == who && row.state == state)
            .map(|row| row.payload.clone())
            .next()
    }
}

/// The events of a batch, ready to be told once it is durable.
#[derive(Default)]
pub(crate) struct Telling {
    logs: BTreeMap<ParticipantNo, Told>,
}

impl Telling {
    /// Puts together the events of logs that are followed.
    pub(crate) fn prepare(state: &State, hub: &Hub) -> Self {
        let mut logs: BTreeMap<ParticipantNo, Told> = BTreeMap::new();
        if hub.is_idle() {
            return Self { logs };
        }
        let messages = state
            .changes
            .messages
            .iter()
            .map(|row| (row.message.no, row))
            .collect();
        let batch = Batch { state, messages };
        let mut bodies = MessageBodies::new();
        let mut encoded: BTreeMap<(MessageNo, EventKind), EncodedEvent> = BTreeMap::new();
        for row in &state.changes.log {
            if !logs.contains_key(&row.participant) && !hub.is_followed(row.participant) {
                continue;
            }
            let told = logs.entry(row.participant).or_insert_with(|| Told {
                events: Vec::new(),
                rows: 0,
                head: 0,
            });
            told.rows += 1;
            told.head = row.seq;
            told.events
                .extend(encode(row, &batch, &mut bodies, &mut encoded));
        }
        Self { logs }
    }

    /// Puts the events into the ring, and wakes who follows the logs of these changes: the batch is durable.
    ///
    /// Who began to follow after the events were put together may have read the store before the batch was in it: so it
    /// is woken too, and reads again.
    pub(crate) fn publish(mut self, changes: &Changes, hub: &Hub) {
        if hub.is_idle() {
            return;
        }
        for row in &changes.log {
            if !self.logs.contains_key(&row.participant) && hub.is_followed(row.participant) {
                hub.publish(row.participant, Vec::new(), row.seq);
            }
        }
        for (participant, told) in std::mem::take(&mut self.logs) {
            // One that could not be put together leaves a gap, wherever it stands: then the store is asked.
            let whole = told.events.len() == told.rows;
            let events = if whole { told.events } else { Vec::new() };
            hub.publish(participant, events, told.head);
        }
    }
}

/// What a batch appended to a log.
struct Told {
    /// Those of its events that could be put together.
    events: Vec<EncodedEvent>,
    /// How many there are.
    rows: usize,
    /// The last one.
    head: Seq,
}

fn encode(
    row: &LogRow,
    batch: &Batch<'_>,
    bodies: &mut MessageBodies,
    encoded: &mut BTreeMap<(MessageNo, EventKind), EncodedEvent>,
) -> Option<EncodedEvent> {
    let shared = matches!(
        row.kind,
        EventKind::MessageReceived | EventKind::MessageSent
    );
    let key = row
        .message
        .filter(|_| shared)
        .map(|message| (message, row.kind));
    if let Some(known) = key.and_then(|key| encoded.get(&key)) {
        return Some(known.with_seq(row.seq));
    }
    let event = EncodedEvent::new(assemble(row, batch, bodies)?);
    if let Some(key) = key {
        encoded.insert(key, event.clone());
    }
    Some(event)
}
