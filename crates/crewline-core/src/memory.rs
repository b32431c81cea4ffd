//! The store in memory: the executable specification, and the model in tests. It is simple before it is fast.
//!
//! Nothing in it is durable. Everything is under one lock; a batch is written when it is committed, so that a batch
//! that was aborted has left no trace.

mod audit;
mod chat;
mod credential;
mod directory;
mod group;
mod keep;
mod node;
mod people;
mod push;
mod reader;
mod session;
mod story;
mod token;
mod user;
mod view;
mod watcher;
mod webhook;
mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use crewline_api::{
    CursorName, GroupId, IdempotencyKey, ParticipantId, Payload, ReceiptState, Role, Seq, Timestamp,
};

use crate::audit::NewAudit;
use crate::changes::{CursorRow, LogRow, NewMessageRow, ReceiptFact, ReminderRow};
use crate::credential::SecretHash;
use crate::directory::{NewSessionRow, TokenRow};
use crate::event::MessageWords;
use crate::group::DutyRow;
use crate::node::{Fence, LeaseRow};
use crate::organisation::{OrganisationPart, OrganisationRow};
use crate::port::{Opened, StoreError};
use crate::push::{PushKey, PushSubscriptionRow};
use crate::state::{
    ChatHead, ChatRow, KeyRow, MemberRow, MembersKey, ParticipantRow, Payloads, RecipientRow,
};
use crate::{ChatNo, DeviceNo, MessageNo, ParticipantNo, PushNo, SessionNo, TokenNo, WebhookNo};

/// What the directory knows of a user.
#[derive(Debug, Clone)]
struct UserData {
    role: Role,
    password: Option<String>,
    created_at: Timestamp,
}

#[derive(Debug, Clone)]
struct DeviceData {
    participant: Option<ParticipantNo>,
    id: String,
    name: Option<String>,
    last_seen_at: Timestamp,
}

#[derive(Debug, Clone)]
struct SessionData {
    row: NewSessionRow,
    device: DeviceNo,
    created_at: Timestamp,
}

#[derive(Debug, Clone)]
struct TokenData {
    row: TokenRow,
    hash: SecretHash,
    device: DeviceNo,
}

#[derive(Debug, Clone, Default)]
struct Data {
    ids: BTreeMap<ParticipantId, ParticipantNo>,
    participants: BTreeMap<ParticipantNo, ParticipantRow>,
    confirmed: BTreeMap<ParticipantNo, Seq>,
    chats: BTreeMap<ChatNo, ChatRow>,
    chat_heads: BTreeMap<ChatNo, ChatHead>,
    sets: BTreeMap<MembersKey, ChatNo>,
    members: BTreeMap<(ChatNo, ParticipantNo), MemberRow>,
    messages: BTreeMap<MessageNo, NewMessageRow>,
    positions: BTreeMap<(ChatNo, u64), MessageNo>,
    keys: BTreeMap<(ParticipantNo, IdempotencyKey), KeyRow>,
    payloads: BTreeMap<(MessageNo, ParticipantNo, ReceiptState), Payload>,
    facts: BTreeMap<(MessageNo, ParticipantNo, DeviceNo, ReceiptState), ReceiptFact>,
    recipients: BTreeMap<(MessageNo, ParticipantNo), RecipientRow>,
    log: BTreeMap<(ParticipantNo, Seq), LogRow>,
    cursors: BTreeMap<(ParticipantNo, CursorName), CursorRow>,
    reminders: BTreeMap<(MessageNo, u32), ReminderRow>,

    users: BTreeMap<ParticipantNo, UserData>,
    devices: BTreeMap<DeviceNo, DeviceData>,
    sessions: BTreeMap<SessionNo, SessionData>,
    tokens: BTreeMap<TokenNo, TokenData>,
    /// Since when a user watches a participant.
    watchers: BTreeMap<(ParticipantNo, ParticipantNo), Timestamp>,
    groups: BTreeMap<GroupId, group::GroupData>,
    duty: BTreeMap<ParticipantNo, DutyRow>,
    organisation: BTreeMap<OrganisationPart, OrganisationRow>,
    webhooks: BTreeMap<WebhookNo, webhook::WebhookData>,
    push_key: Option<PushKey>,
    pushes: BTreeMap<PushNo, PushSubscriptionRow>,
    last_push: PushNo,
    /// Numbered from 1, also where the first ones have gone.
    audit: BTreeMap<i64, (Timestamp, NewAudit)>,
    last_audit: i64,
    last_session: SessionNo,
    last_token: TokenNo,
    last_webhook: WebhookNo,
    directory_version: u64,
    epoch: String,
    leases: BTreeMap<String, LeaseRow>,
    nodes: BTreeMap<u64, node::NodeData>,

    /// Counts whatever was written: who loaded rows before does not rely on them any more.
    writes: u64,
    /// The thread that carries several acts out as one: nobody else writes meanwhile.
    held_by: Option<ThreadId>,
}

impl Data {
    fn head(&self, participant: ParticipantNo) -> Seq {
        self.log
            .range((participant, 0)..=(participant, Seq::MAX))
            .next_back()
            .map_or(0, |((_, seq), _)| *seq)
    }

    fn words(&self, no: MessageNo) -> Option<MessageWords> {
        let row = self.messages.get(&no)?;
        let reply_to = match row.reply_to {
            None => None,
            Some(no) => Some(self.messages.get(&no)?.message.id()),
        };
        Some(MessageWords {
            sender_name: Arc::clone(&row.sender_name),
            text: Arc::clone(&row.text),
            reply_to,
        })
    }

    fn payloads(&self, message: MessageNo, who: ParticipantNo) -> Payloads {
        let of = |state| self.payloads.get(&(message, who, state)).cloned();
        Payloads {
            on_delivered: of(ReceiptState::Delivered),
            on_read: of(ReceiptState::Read),
        }
    }

    fn recipient(&self, message: MessageNo, who: ParticipantNo) -> RecipientRow {
        self.recipients
            .get(&(message, who))
            .copied()
            .unwrap_or_default()
    }
}

/// A store in memory. Clones are handles on the same one.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    data: Arc<Mutex<Data>>,
    freed: Arc<Condvar>,
    /// Under which lease acts of this handle are written.
    fence: Option<Fence>,
}

impl MemoryStore {
    /// An empty store; `epoch` names its log.
    pub fn new(epoch: impl Into<String>) -> Self {
        let data = Data {
            epoch: epoch.into(),
            ..Data::default()
        };
        Self {
            data: Arc::new(Mutex::new(data)),
            freed: Arc::default(),
            fence: None,
        }
    }

    /// A store of its own that holds the same, as one that was restored from a backup: its logs have another epoch.
    #[must_use]
    pub fn copy(&self, epoch: impl Into<String>) -> Self {
        let data = Data {
            epoch: epoch.into(),
            ..self.lock().clone()
        };
        Self {
            data: Arc::new(Mutex::new(data)),
            freed: Arc::default(),
            fence: None,
        }
    }

    /// Opens it for an engine. Several may have it open: of two batches that were begun on the same rows, the second one to
    /// be written conflicts.
    pub fn open(&self) -> Opened {
        Opened {
            writer: Box::new(writer::MemoryWriter::new(self.clone())),
            reader: Arc::new(self.clone()),
        }
    }

    /// What devices said of a message, in the order of recipient, device and state.
    pub fn facts(&self, message: MessageNo) -> Vec<ReceiptFact> {
        self.lock()
            .facts
            .values()
            .filter(|fact| fact.message == message)
            .copied()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        // A test that panicked while it held the lock has left whole rows behind.
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To write: waits while another thread carries several acts out as one.
    fn unheld(&self) -> MutexGuard<'_, Data> {
        let own = std::thread::current().id();
        let mut data = self.lock();
        while data.held_by.is_some_and(|other| other != own) {
            data = self
                .freed
                .wait(data)
                .unwrap_or_else(PoisonError::into_inner);
        }
        data
    }

    /// To write something that batches rest on.
    fn change(&self) -> MutexGuard<'_, Data> {
        let mut data = self.unheld();
        data.writes += 1;
        data
    }

    /// To write under the lease that was said.
    fn fenced(&self) -> Result<MutexGuard<'_, Data>, StoreError> {
        let data = self.change();
        data.check_fence(self.fence)?;
        Ok(data)
    }

    /// Lets nobody else write until `held_by` is none again; returns what is there now.
    fn hold(&self) -> Result<Data, StoreError> {
        let mut data = self.fenced()?;
        let before = data.clone();
        data.held_by = Some(std::thread::current().id());
        Ok(before)
    }
}
