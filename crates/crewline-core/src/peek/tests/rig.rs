//! An original of a few rows, a store that fails when it is told to, and what everybody sees afterwards.

use std::cell::Cell;

use crewline_api::{EventData, EventKinds, ParticipantId, Timestamp};

use crate::changes::Changes;
use crate::directory::Directory;
use crate::keep::Pass;
use crate::memory::MemoryStore;
use crate::needs::Wanted;
use crate::node::Nodes;
use crate::peek::{
    Import, ImportError, Options, Report, Source, SourceChat, SourceMember, SourceMessage,
    SourcePayload, Target,
};
use crate::port::{BatchId, Flush, Reader, StoreError, StoreErrorKind, Writer};
use crate::state::State;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// An original, as its tables hold it.
#[derive(Debug, Clone, Default)]
pub(super) struct Peek {
    pub(super) chats: Vec<SourceChat>,
    pub(super) members: Vec<SourceMember>,
    pub(super) messages: Vec<SourceMessage>,
}

impl Peek {
    /// A chat of these people; those with a `*` are externals. A number behind a `@` is the read mark.
    pub(super) fn chat(mut self, id: i64, people: &[&str]) -> Self {
        self.chats.push(SourceChat {
            id,
            at: Some(Timestamp::from_millis(10)),
        });
        for (at, person) in people.iter().enumerate() {
            let (user, read) = match person.split_once('@') {
                Some((user, read)) => (user, read.parse().ok()),
                None => (*person, None),
            };
            self.members.push(SourceMember {
                id: id * 10 + at as i64,
                chat: id,
                user: user.trim_start_matches('*').to_owned(),
                external: user.starts_with('*'),
                last_read: read.map(Timestamp::from_millis),
            });
        }
        self
    }

    pub(super) fn message(mut self, id: i64, chat: i64, from: &str, at: i64, text: &str) -> Self {
        self.messages.push(SourceMessage {
            id,
            chat,
            from: from.to_owned(),
            text: text.to_owned(),
            priority: Some(2),
            at: Some(Timestamp::from_millis(at)),
            payloads: Vec::new(),
        });
        self
    }

    /// Changes the last message.
    pub(super) fn with(mut self, change: impl FnOnce(&mut SourceMessage)) -> Self {
        change(self.messages.last_mut().unwrap());
        self
    }

    /// A payload of the last message.
    pub(super) fn payload(self, id: i64, member: i64, bytes: &[u8]) -> Self {
        self.with(|message| {
            message.payloads.push(SourcePayload {
                id,
                member,
                size: bytes.len() as u64,
                bytes: bytes.to_vec(),
            });
        })
    }

    pub(super) fn run(&self, target: Option<Target<'_>>, add: bool) -> Result<Report, ImportError> {
        let source = Source {
            chats: self.chats.clone(),
            members: self.members.clone(),
            first: self
                .messages
                .iter()
                .map(|row| (row.id, row.from.clone()))
                .collect(),
        };
        let options = Options {
            cursors: vec!["default.messages".parse().unwrap()],
            add,
        };
        let mut import = Import::begin(source, target, options, NOW)?;
        for message in &self.messages {
            import.message(message.clone())?;
        }
        import.finish()
    }

    pub(super) fn bring(&self, store: &MemoryStore) -> Result<Report, ImportError> {
        self.bring_until(store, u32::MAX)
    }

    /// Into a store that fails when so many batches are written.
    pub(super) fn bring_until(
        &self,
        store: &MemoryStore,
        batches: u32,
    ) -> Result<Report, ImportError> {
        let opened = store.open();
        let mut writer = Failing {
            inner: opened.writer,
            left: batches,
        };
        let salts = Cell::new(0);
        let mut salt = || {
            salts.set(salts.get() + 1);
            salts.get()
        };
        let target = Target {
            writer: &mut writer,
            reader: opened.reader.as_ref(),
            salt: &mut salt,
        };
        self.run(Some(target), false)
    }
}

/// A writer that fails after some batches.
pub(super) struct Failing {
    inner: Box<dyn Writer>,
    left: u32,
}

impl Writer for Failing {
    fn begin(&mut self) -> Result<bool, StoreError> {
        self.inner.begin()
    }
    fn load(&mut self, wanted: &Wanted, state: &mut State) -> Result<(), StoreError> {
        self.inner.load(wanted, state)
    }
    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if self.left == 0 {
            self.inner.abort();
            return Err(StoreError::new(StoreErrorKind::Unavailable, "killed"));
        }
        self.left -= 1;
        self.inner.save(changes)
    }
    fn write(&mut self, batch: BatchId, more: bool) -> Result<Option<Flush>, StoreError> {
        self.inner.write(batch, more)
    }
    fn abort(&mut self) {
        self.inner.abort();
    }
    fn probe(&mut self) -> Result<(), StoreError> {
        self.inner.probe()
    }
    fn prune(&mut self, pass: &mut Pass, rows: usize) -> Result<(), StoreError> {
        self.inner.prune(pass, rows)
    }
    fn nodes(&mut self) -> &mut dyn Nodes {
        self.inner.nodes()
    }
    fn directory(&mut self) -> &mut dyn Directory {
        self.inner.directory()
    }
}

/// What everybody sees, without ids: chats with what is unread, and each log as text.
pub(super) fn seen(store: &MemoryStore, people: &[&str]) -> Vec<String> {
    let mut seen = Vec::new();
    for person in people {
        let id = ParticipantId::new(person).unwrap();
        let row = store.participant(&id).unwrap().unwrap();
        for chat in store.chats(row.no, None, 1_000).unwrap().chats {
            let (with, unread, last) = (chat.user_ids, chat.unread, chat.last_activity_at);
            seen.push(format!(
                "{person} has {with:?} with {unread} unread, {last}"
            ));
        }
        let mut after = 0;
        loop {
            let page = store.log(row.no, after, EventKinds::ALL, 1_000).unwrap();
            for event in page.events {
                seen.push(format!("{person} {} {}", event.seq, tell(&event.data)));
            }
            if page.next == page.head {
                break;
            }
            after = page.next;
        }
        let name = "default.messages".parse().unwrap();
        let cursor = store.cursor(row.no, &name).unwrap();
        seen.push(format!("{person} {:?}", cursor.map(|cursor| cursor.seq)));
    }
    seen
}

pub(super) fn tell(data: &EventData) -> String {
    match data {
        EventData::MessageReceived(m) | EventData::MessageSent(m) => {
            format!("{} {} {}", m.position, m.message, m.sent_at.as_millis())
        }
        EventData::MessageRead(r) => {
            format!("{} read at {} {:?}", r.user_id, r.at.as_millis(), r.payload)
        }
        EventData::SelfRead(r) => format!("{} read, {} unread", r.message_ids.len(), r.unread),
        other => format!("{:?}", other.kind()),
    }
}

pub(super) fn left(report: &Report) -> Vec<String> {
    let row = |row: &crate::peek::Named| format!("{} {}: {}", row.kind.as_str(), row.id, row.why);
    report.left.iter().map(row).collect()
}
