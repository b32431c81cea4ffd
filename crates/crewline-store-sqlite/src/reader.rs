//! Readers: a few connections that only read, each call on one state of the store.

mod audit;
mod chat;
mod credential;
mod event;
pub(crate) mod group;
mod message;
mod people;
#[cfg(test)]
mod plans;
mod push;
mod search;
mod story;
mod watcher;
mod webhook;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crewline_api::{
    ChatId, ChatsPage, CursorName, EventKinds, GroupId, GroupsPage, MessageId, MessageStory,
    MessageView, MessagesPage, ParticipantId, PeoplePage, Seq, Timestamp, WebhookFailure,
};
use crewline_core::search::{Search, SearchFound};
use crewline_core::{
    AuditFound, AuditQuery, ChatRow, ChatsBefore, Contact, Credential, CursorBehind, CursorRow,
    GroupMember, LeaseRow, LogPage, MeRows, MessageBodies, MessageNo, OrganisationPart,
    OrganisationRow, ParticipantNo, ParticipantRow, PasswordRow, PushKey, PushNo, PushState,
    PushSubscriptionRow, Reader, SecretHash, SessionNo, Standing, StoreError, StoreInfo, TokenRow,
    UserRow, WatcherRow, WebhookNo, WebhookRow,
};
use rusqlite::Connection;

use crate::connection::{connect_reader, leave_wal};
use crate::error::{Fault, Place};
use crate::file::beside;
use crate::options::Options;
use crate::wal::Wal;
use crate::{load, meta, node};

use chat::ChatCache;
pub(crate) use push::{all as push_subscriptions, key as push_key};
pub(crate) use webhook::all as webhooks;

/// A number of the contract as SQLite has it. What is beyond its range is beyond everything stored, too.
pub(crate) fn as_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What one connection has.
struct Reading {
    sql: Connection,
    /// Bodies of messages that were put together on it before.
    bodies: MessageBodies,
    /// What [`SqliteReader::forgotten`] was then.
    forgotten: u64,
}

/// The readers of a store.
pub(crate) struct SqliteReader {
    free: Mutex<Vec<Reading>>,
    /// Told when a connection is free again. Readings are short: who finds none waits.
    returned: Condvar,
    chats: ChatCache,
    wal: Option<Arc<Wal>>,
    /// Grows when texts are removed: then bodies that were put together before are forgotten.
    forgotten: Arc<AtomicU64>,
    /// Dropped after the connections.
    place: Place,
}

/// A connection in use; dropping it gives it back, whatever happened.
struct Borrowed<'a> {
    from: &'a SqliteReader,
    reading: Option<Reading>,
}

impl Deref for Borrowed<'_> {
    type Target = Reading;
    #[expect(clippy::expect_used, reason = "only `drop` takes it")]
    fn deref(&self) -> &Reading {
        self.reading
            .as_ref()
            .expect("it is there until it is dropped")
    }
}

impl DerefMut for Borrowed<'_> {
    #[expect(clippy::expect_used, reason = "only `drop` takes it")]
    fn deref_mut(&mut self) -> &mut Reading {
        self.reading
            .as_mut()
            .expect("it is there until it is dropped")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            if !reading.sql.is_autocommit() {
                let _ = end(&reading.sql);
            }
            self.from.free().push(reading);
            self.from.returned.notify_one();
        }
    }
}

fn end(sql: &Connection) -> rusqlite::Result<usize> {
    // Nothing was written; ROLLBACK ends a reading and cannot fail for want of anything.
    sql.prepare_cached("ROLLBACK")?.execute([])
}

impl SqliteReader {
    pub(crate) fn open(
        place: &Place,
        options: &Options,
        connections: usize,
        wal: Option<Arc<Wal>>,
        forgotten: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        let connect = |_| {
            let sql = connect_reader(place, options)?;
            Ok(Reading {
                sql,
                bodies: MessageBodies::new(),
                forgotten: 0,
            })
        };
        let free: Result<Vec<Reading>, Fault> = (0..connections.max(1)).map(connect).collect();
        let free = free.map_err(|fault| place.error("opening the store for reading", fault))?;
        Ok(Self {
            place: place.clone(),
            free: Mutex::new(free),
            returned: Condvar::new(),
            chats: ChatCache::default(),
            wal,
            forgotten,
        })
    }

    fn free(&self) -> MutexGuard<'_, Vec<Reading>> {
        // A list of connections: whole at any time.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn borrow(&self) -> Borrowed<'_> {
        let mut free = self.free();
        loop {
            if let Some(reading) = free.pop() {
                return Borrowed {
                    from: self,
                    reading: Some(reading),
                };
            }
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads one state of the store.
    fn read<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&mut Reading) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut reading = self.borrow();
        // Before the reading begins: what it sees is then at least as new.
        let forgotten = self.forgotten.load(Ordering::Acquire);
        if reading.forgotten != forgotten {
            reading.forgotten = forgotten;
            reading.bodies.clear();
        }
        let in_transaction = || {
            reading.sql.prepare_cached("BEGIN")?.execute([])?;
            read(&mut reading)
        };
        in_transaction().map_err(|fault| self.place.error(doing, fault))
    }
}

impl Drop for SqliteReader {
    /// The last connection to be closed moves the rest of the WAL into the file, unless that must not be.
    fn drop(&mut self) {
        if self.wal.as_ref().is_some_and(|wal| wal.is_lost()) {
            self.free()
                .iter()
                .for_each(|reading| leave_wal(&reading.sql));
        }
    }
}

impl Reader for SqliteReader {
    fn log(
        &self,
        participant: ParticipantNo,
        after: Seq,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        self.read("reading a log", |reading| {
            event::page(reading, &self.chats, participant, after, kinds, limit)
        })
    }

    fn heads(&self, of: &[ParticipantNo]) -> Result<Vec<Seq>, StoreError> {
        self.read("reading where logs end", |reading| {
            event::heads(&reading.sql, of)
        })
    }

    fn participant(&self, id: &ParticipantId) -> Result<Option<ParticipantRow>, StoreError> {
        self.read("reading a participant", |reading| {
            load::participant(&reading.sql, id.as_str())
        })
    }

    fn message(
        &self,
        viewers: &[ParticipantNo],
        id: MessageId,
    ) -> Result<Option<MessageView>, StoreError> {
        self.read("reading a message", |reading| {
            message::view(&reading.sql, &self.chats, viewers, id)
        })
    }

    fn members_of_chat(&self, chat: ChatId) -> Result<Option<ChatRow>, StoreError> {
        self.read("reading a chat", |reading| {
            self.chats.of_id(&reading.sql, chat)
        })
    }

    fn members_of_message(&self, message: MessageId) -> Result<Option<ChatRow>, StoreError> {
        self.read("reading a message", |reading| {
            let no = MessageNo(as_integer(message.no()));
            let row = crate::row::load_message(&reading.sql, no)?;
            let row = row.filter(|row| row.salt == message.salt());
            row.map(|row| self.chats.of_row(&reading.sql, row.chat))
                .transpose()
        })
    }

    fn history(
        &self,
        viewers: &[ParticipantNo],
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<MessagesPage>, StoreError> {
        self.read("reading a chat", |reading| {
            message::history(&reading.sql, &self.chats, viewers, chat, before, limit)
        })
    }

    fn chats(
        &self,
        viewer: ParticipantNo,
        before: Option<ChatsBefore>,
        limit: usize,
    ) -> Result<ChatsPage, StoreError> {
        self.read("reading a list of chats", |reading| {
            chat::page(&reading.sql, &self.chats, viewer, before, limit)
        })
    }

    fn people(&self, q: &str, after: Option<&str>, limit: usize) -> Result<PeoplePage, StoreError> {
        self.read("reading people", |reading| {
            people::people(&reading.sql, q, after, limit)
        })
    }

    fn groups(&self, after: Option<&str>, limit: usize) -> Result<GroupsPage, StoreError> {
        self.read("reading groups", |reading| {
            group::page(&reading.sql, after.unwrap_or_default(), limit)
        })
    }

    fn group_members(
        &self,
        group: &GroupId,
    ) -> Result<Option<Vec<(ParticipantRow, bool)>>, StoreError> {
        self.read("reading a group", |reading| {
            let mut rows = Vec::new();
            let members = group::members(&reading.sql, group, |row| rows.push(row))?;
            let with_duty = |members: Arc<[GroupMember]>| {
                let on_duty = members.iter().map(|member| member.on_duty);
                rows.into_iter().zip(on_duty).collect()
            };
            Ok(members.map(with_duty))
        })
    }

    fn last_contacts(&self, who: &[ParticipantNo]) -> Result<Vec<Option<Contact>>, StoreError> {
        self.read("reading when somebody was last heard of", |reading| {
            group::last_contacts(&reading.sql, who)
        })
    }

    fn organisation(&self) -> Result<BTreeMap<OrganisationPart, OrganisationRow>, StoreError> {
        self.read("reading what the organisation keeps", |reading| {
            group::organisation(&reading.sql)
        })
    }

    fn cursor(
        &self,
        participant: ParticipantNo,
        name: &CursorName,
    ) -> Result<Option<CursorRow>, StoreError> {
        self.read("reading a cursor", |reading| {
            load::cursor(&reading.sql, participant, name.as_str())
        })
    }

    fn cursors_behind(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<(Vec<CursorBehind>, u64), StoreError> {
        self.read("reading cursors", |reading| {
            let mut found = crate::keep::cursors_behind(&reading.sql, before)?;
            let count = found.len() as u64;
            found.truncate(limit);
            Ok((found, count))
        })
    }

    fn credential(
        &self,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<Credential>, StoreError> {
        self.read("reading a credential", |reading| {
            credential::of(&reading.sql, hash, now)
        })
    }

    fn password(&self, user: &ParticipantId) -> Result<Option<PasswordRow>, StoreError> {
        self.read("reading a user", |reading| {
            credential::password(&reading.sql, user)
        })
    }

    fn me(&self, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>, StoreError> {
        self.read("reading a user", |reading| {
            people::me(&reading.sql, user, now)
        })
    }

    fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        self.read("reading the users", |reading| people::users(&reading.sql))
    }

    fn story(&self, message: MessageId) -> Result<Option<MessageStory>, StoreError> {
        self.read("reading the story of a message", |reading| {
            story::of(&reading.sql, &self.chats, message)
        })
    }

    fn search(
        &self,
        user: ParticipantNo,
        search: &Search,
        limit: usize,
    ) -> Result<SearchFound, StoreError> {
        self.read("searching", |reading| {
            search::find(&reading.sql, &self.chats, user, search, limit)
        })
    }

    fn participant_of(&self, no: ParticipantNo) -> Result<Option<ParticipantRow>, StoreError> {
        self.read("reading a participant", |reading| {
            people::participant(&reading.sql, no)
        })
    }

    fn user(&self, no: ParticipantNo) -> Result<Option<UserRow>, StoreError> {
        self.read("reading a user", |reading| people::user(&reading.sql, no))
    }

    fn users_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserRow>, StoreError> {
        self.read("reading the users", |reading| {
            people::users_found(&reading.sql, q, after, limit)
        })
    }

    fn externals_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ParticipantRow>, StoreError> {
        self.read("reading the externals", |reading| {
            people::found(&reading.sql, Standing::External, q, after, limit)
        })
    }

    fn session_count(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.read("counting sessions", |reading| {
            people::session_count(&reading.sql, now)
        })
    }

    fn audit(&self, query: &AuditQuery, limit: usize) -> Result<AuditFound, StoreError> {
        self.read("reading the audit", |reading| {
            audit::find(&reading.sql, &self.chats, query, limit)
        })
    }

    fn watchers(
        &self,
        participant: &ParticipantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<WatcherRow>>, StoreError> {
        self.read("reading who watches a participant", |reading| {
            watcher::of(&reading.sql, participant, after, limit)
        })
    }

    fn watched_among(
        &self,
        user: ParticipantNo,
        participants: &[ParticipantNo],
    ) -> Result<Vec<ParticipantNo>, StoreError> {
        self.read("reading whom a user watches", |reading| {
            watcher::among(&reading.sql, user, participants)
        })
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.read("reading the tokens", |reading| {
            credential::tokens(&reading.sql)
        })
    }

    fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        self.read("reading the webhooks", |reading| webhook::all(&reading.sql))
    }

    fn webhook_failures(
        &self,
        no: WebhookNo,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<WebhookFailure>, StoreError> {
        self.read("reading what a webhook failed at", |reading| {
            webhook::failures(&reading.sql, no, after, limit)
        })
    }

    fn push_key(&self) -> Result<Option<PushKey>, StoreError> {
        self.read("reading the key of push", |reading| push::key(&reading.sql))
    }

    fn push_subscriptions(&self, now: Timestamp) -> Result<Vec<PushSubscriptionRow>, StoreError> {
        self.read("reading the push subscriptions", |reading| {
            push::all(&reading.sql, now)
        })
    }

    fn push_subscription(
        &self,
        session: SessionNo,
        now: Timestamp,
    ) -> Result<Option<PushSubscriptionRow>, StoreError> {
        self.read("reading a push subscription", |reading| {
            push::of(&reading.sql, session, now)
        })
    }

    fn push_state(
        &self,
        no: PushNo,
        message: MessageId,
        now: Timestamp,
    ) -> Result<Option<PushState>, StoreError> {
        self.read("reading what is known of a message", |reading| {
            push::state(&reading.sql, no, message, now)
        })
    }

    fn directory_version(&self) -> Result<u64, StoreError> {
        self.read("reading the directory's version", |reading| {
            meta::directory_version(&reading.sql)
        })
    }

    fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        self.read("reading leases", |reading| node::leases(&reading.sql))
    }

    fn present_elsewhere(
        &self,
        own: u64,
        now: Timestamp,
    ) -> Result<Vec<ParticipantNo>, StoreError> {
        self.read("reading who is present", |reading| {
            node::present_elsewhere(&reading.sql, own, now)
        })
    }

    fn epoch(&self) -> Result<String, StoreError> {
        self.read("reading the epoch", |reading| meta::epoch(&reading.sql))
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        let length = |path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let wal_bytes = match &self.wal {
            Some(wal) => wal.bytes(),
            // Beside a server only the file's length is known.
            None => length(beside(self.place.real(), "-wal")),
        };
        Ok(StoreInfo {
            name: format!(
                "SQLite {}, {}",
                rusqlite::version(),
                self.place.path().display()
            ),
            bytes: length(self.place.real().to_owned()),
            wal_bytes,
        })
    }
}
