//! The store in memory: the executable specification, and the model in tests. It is simple before it is fast.
//!
//! Nothing in it is durable. Everything is under one lock; a batch is written when it is committed, so that a batch
//! that was aborted has left no trace.

mod audit;
mod directory;
mod group;
mod keep;
mod node;
mod people;
mod push;
mod reader;
mod story;
mod view;
mod watcher;
mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use crewline_api::{
    CursorName, GroupId, IdempotencyKey, ParticipantId, Payload, ReceiptState, Role, Seq, Timestamp,
};

use crate::audit::NewAudit;
use crate::changes::{Changes, CursorRow, LogRow, NewMessageRow, ReceiptFact, ReminderRow};
use crate::credential::SecretHash;
use crate::directory::{Directory, NewSessionRow, TokenRow};
use crate::event::MessageWords;
use crate::group::DutyRow;
use crate::keep::Pass;
use crate::needs::Wanted;
use crate::node::{Fence, LeaseRow, Nodes};
use crate::organisation::{OrganisationPart, OrganisationRow};
use crate::port::{BatchId, Flush, Opened, StoreError, StoreErrorKind, Writer};
use crate::push::{PushKey, PushSubscriptionRow};
use crate::state::{
    ChatHead, ChatRow, KeyRow, LogHead, MemberRow, MembersKey, Numbers, ParticipantRow, Payloads,
    RecipientRow, Reminders, State, Window, WindowRow,
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
        let writer = MemoryWriter {
            store: self.clone(),
            saved: None,
            seen: None,
        };
        Opened {
            writer: Box::new(writer),
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

struct MemoryWriter {
    store: MemoryStore,
    /// The changes of the batch, until it is written.
    saved: Option<Changes>,
    /// How many writes there were when the batch was begun.
    seen: Option<u64>,
}

impl Writer for MemoryWriter {
    fn begin(&mut self) -> Result<bool, StoreError> {
        self.saved = None;
        let writes = self.store.lock().writes;
        Ok(self.seen.replace(writes) == Some(writes))
    }

    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        let data = self.store.lock();
        load_constant(&data, wanted, state);
        load_changing(&data, wanted, state);
        Ok(())
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        check_unique(&self.store.lock(), changes)?;
        self.saved = Some(changes.clone());
        Ok(())
    }

    fn write(&mut self, _batch: BatchId, _more: bool) -> Result<Option<Flush>, StoreError> {
        if let Some(changes) = self.saved.take() {
            let mut data = self.store.change();
            let before = self.seen.replace(data.writes);
            if before.is_some_and(|before| before + 1 != data.writes) {
                let detail = "another one wrote since the batch was begun";
                return Err(StoreError::new(StoreErrorKind::Conflict, detail));
            }
            write(&mut data, &changes);
        }
        Ok(None)
    }

    fn abort(&mut self) {
        self.saved = None;
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn prune(&mut self, pass: &mut Pass, _rows: usize) -> Result<(), StoreError> {
        keep::prune(&mut *self.store.fenced()?, pass)
    }

    fn nodes(&mut self) -> &mut dyn Nodes {
        self
    }

    fn directory(&mut self) -> &mut dyn Directory {
        &mut self.store
    }
}

fn load_constant(data: &Data, wanted: &Wanted, state: &mut State) {
    if wanted.numbers {
        let after = |last: Option<i64>| last.unwrap_or(0) + 1;
        state.numbers = Some(Numbers {
            participant: ParticipantNo(after(data.participants.keys().next_back().map(|no| no.0))),
            chat: ChatNo(after(data.chats.keys().next_back().map(|no| no.0))),
            message: MessageNo(after(data.messages.keys().next_back().map(|no| no.0))),
        });
    }
    for id in &wanted.ids {
        let no = data.ids.get(id).copied();
        state.ids.insert(id.clone(), no);
        if let Some(row) = no.and_then(|no| data.participants.get(&no)) {
            state.participants.insert(row.no, row.clone());
        }
    }
    for row in wanted
        .participants
        .iter()
        .filter_map(|no| data.participants.get(no))
    {
        state.ids.insert(row.id.clone(), Some(row.no));
        state.participants.insert(row.no, row.clone());
    }
    for no in &wanted.messages {
        state
            .messages
            .insert(*no, data.messages.get(no).map(|row| row.message));
    }
    for no in &wanted.chats {
        state.chats.insert(*no, data.chats.get(no).cloned());
    }
    for id in &wanted.groups {
        let members = data.group_members(id);
        for row in members
            .iter()
            .flat_map(|members| members.iter())
            .filter_map(|member| data.participants.get(&member.no))
        {
            state.ids.insert(row.id.clone(), Some(row.no));
            state.participants.insert(row.no, row.clone());
        }
        state.groups.insert(id.clone(), members);
    }
    for key in &wanted.sets {
        state.sets.insert(*key, data.sets.get(key).copied());
    }
    for key in &wanted.keys {
        state.keys.insert(key.clone(), data.keys.get(key).copied());
    }
}

fn load_changing(data: &Data, wanted: &Wanted, state: &mut State) {
    for no in &wanted.heads {
        let confirmed = data.confirmed.get(no).copied().unwrap_or(0);
        state.heads.entry(*no).or_insert(LogHead {
            head: data.head(*no),
            confirmed,
        });
    }
    for (no, head) in wanted
        .chat_heads
        .iter()
        .filter_map(|no| data.chat_heads.get_key_value(no))
    {
        state.chat_heads.entry(*no).or_insert(*head);
    }
    for key in &wanted.members {
        state
            .members
            .entry(*key)
            .or_insert(data.members.get(key).copied().unwrap_or_default());
    }
    for key in &wanted.recipients {
        state
            .recipients
            .entry(*key)
            .or_insert(data.recipient(key.0, key.1));
    }
    for key in &wanted.payloads {
        state
            .payloads
            .entry(*key)
            .or_insert_with(|| data.payloads(key.0, key.1));
    }
    for ((chat, member), (after, up_to)) in &wanted.windows {
        let range = data.positions.range((*chat, after + 1)..=(*chat, *up_to));
        let messages = range
            .filter_map(|(_, no)| data.messages.get(no))
            .map(|row| row.message);
        let others = messages.filter(|message| message.sender != *member);
        let rows = others.map(|message| WindowRow {
            message,
            recipient: data.recipient(message.no, *member),
        });
        let window = Window {
            up_to: *up_to,
            rows: rows.collect(),
        };
        state.windows.insert((*chat, *member), window);
    }
    for (no, after, up_to) in &wanted.received {
        let range = data.log.range((*no, after + 1)..=(*no, *up_to));
        let received =
            range.filter(|(_, row)| row.kind == crewline_api::EventKind::MessageReceived);
        let messages =
            received.filter_map(|((_, seq), row)| row.message.map(|message| (*seq, message)));
        state
            .received
            .insert((*no, *after, *up_to), messages.collect());
    }
    for no in &wanted.reminders {
        let mut given = data.reminders.range((*no, 0)..=(*no, u32::MAX));
        let last = given.next_back();
        let reminders = Reminders {
            count: last.map_or(0, |((_, number), _)| *number),
            last: last.map(|(_, row)| row.clone()),
        };
        state.reminders.entry(*no).or_insert(reminders);
    }
    for key in &wanted.cursors {
        state
            .cursors
            .insert(key.clone(), data.cursors.get(key).copied());
    }
}

/// What every store checks by unique indexes.
fn check_unique(data: &Data, changes: &Changes) -> Result<(), StoreError> {
    let conflict = |what: &str| {
        Err(StoreError::new(
            StoreErrorKind::Conflict,
            format!("{what} was written by someone else"),
        ))
    };
    if changes
        .chats
        .iter()
        .any(|row| data.sets.contains_key(&row.key) || data.chats.contains_key(&row.chat.no))
    {
        return conflict("the chat");
    }
    if changes
        .participants
        .values()
        .any(|row| data.ids.get(&row.id).is_some_and(|no| *no != row.no))
    {
        return conflict("the participant");
    }
    for row in &changes.messages {
        let place = (row.message.chat, row.message.position);
        let key = row
            .key
            .as_ref()
            .map(|(key, _)| (row.message.sender, key.clone()));
        if data.messages.contains_key(&row.message.no)
            || data.positions.contains_key(&place)
            || key.is_some_and(|key| data.keys.contains_key(&key))
        {
            return conflict("the message");
        }
    }
    if changes
        .reminders
        .keys()
        .any(|key| data.reminders.contains_key(key))
    {
        return conflict("the reminder");
    }
    if changes
        .log
        .iter()
        .any(|row| data.log.contains_key(&(row.participant, row.seq)))
    {
        return conflict("the event");
    }
    Ok(())
}

fn write(data: &mut Data, changes: &Changes) {
    for row in changes.participants.values() {
        data.ids.insert(row.id.clone(), row.no);
        data.participants.insert(row.no, row.clone());
    }
    for row in &changes.chats {
        data.sets.insert(row.key, row.chat.no);
        for member in row.chat.members.iter() {
            data.members
                .insert((row.chat.no, *member), MemberRow::default());
        }
        data.chats.insert(row.chat.no, row.chat.clone());
    }
    for row in &changes.messages {
        let message = row.message;
        if let Some((key, fingerprint)) = &row.key {
            let used = KeyRow {
                message: message.no,
                fingerprint: *fingerprint,
            };
            data.keys.insert((message.sender, key.clone()), used);
        }
        data.positions
            .insert((message.chat, message.position), message.no);
        data.messages.insert(message.no, row.clone());
    }
    for row in &changes.payloads {
        data.payloads
            .insert((row.message, row.recipient, row.state), row.payload.clone());
    }
    data.chat_heads
        .extend(changes.chat_heads.iter().map(|(no, head)| (*no, *head)));
    data.members
        .extend(changes.members.iter().map(|(key, row)| (*key, *row)));
    for fact in &changes.facts {
        data.facts
            .entry((fact.message, fact.recipient, fact.device, fact.state))
            .or_insert(*fact);
    }
    data.recipients
        .extend(changes.recipients.iter().map(|(key, row)| (*key, *row)));
    data.log.extend(
        changes
            .log
            .iter()
            .map(|row| ((row.participant, row.seq), row.clone())),
    );
    data.reminders.extend(
        changes
            .reminders
            .iter()
            .map(|(key, row)| (*key, row.clone())),
    );
    data.confirmed.extend(
        changes
            .confirmed
            .iter()
            .map(|(no, head)| (*no, head.confirmed)),
    );
    data.cursors
        .extend(changes.cursors.iter().map(|(key, row)| (key.clone(), *row)));
}
