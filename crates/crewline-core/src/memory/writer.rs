//! Writing into the store in memory: batches, loaded and written as whole ones.

use crewline_api::EventKind;

use super::{Data, MemoryStore, keep};
use crate::changes::Changes;
use crate::directory::Directory;
use crate::keep::Pass;
use crate::needs::Wanted;
use crate::node::Nodes;
use crate::port::{BatchId, Flush, StoreError, StoreErrorKind, Writer};
use crate::state::{KeyRow, LogHead, MemberRow, Numbers, Reminders, State, Window, WindowRow};
use crate::{ChatNo, MessageNo, ParticipantNo};

/// The writer of one engine; a store in memory may have several.
pub(super) struct MemoryWriter {
    pub(super) store: MemoryStore,
    /// The changes of the batch, until it is written.
    saved: Option<Changes>,
    /// How many writes there were when the batch was begun.
    seen: Option<u64>,
}

impl MemoryWriter {
    pub(super) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            saved: None,
            seen: None,
        }
    }
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
        let received = range.filter(|(_, row)| row.kind == EventKind::MessageReceived);
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
