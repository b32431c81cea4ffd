//! Readers: a few connections that only read, each call on one state of the store.

mod audit;
mod chat;
mod credential;
mod event;
pub(crate) mod group;
mod message;
mod people;
mod push;
mod search;
mod story;
mod watcher;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crewline_api::{
    ChatId, ChatsPage, CursorName, EventKinds, GroupId, GroupsPage, MessageId, MessageStory,
    MessageView, MessagesPage, ParticipantId, PeoplePage, Seq, Timestamp, WebhookFailure,
};
use crewline_core::search::{Search, SearchFound};
use crewline_core::{
    AuditFound, AuditQuery, ChatRow, ChatsBefore, Contact, Credential, CursorBehind, CursorRow,
    GroupMember, LeaseRow, LogPage, MeRows, MessageNo, OrganisationPart, OrganisationRow,
    ParticipantNo, ParticipantRow, PasswordRow, PushKey, PushNo, PushState, PushSubscriptionRow,
    Reader, SecretHash, SessionNo, Standing, StoreError, StoreInfo, TokenRow, UserRow, WatcherRow,
    WebhookNo, WebhookRow,
};

use crate::error::Fault;
use crate::options::NodeClock;
use crate::pool::Pool;
use crate::sql::{Sql, get};
use crate::{load, meta, node, row};

use chat::ChatCache;
pub(crate) use push::key as push_key;

/// The readers of a store.
pub(crate) struct PostgresReader {
    pool: Pool,
    chats: ChatCache,
    /// Grows when texts are removed: then bodies that were put together before are forgotten.
    forgotten: Arc<AtomicU64>,
    /// How often texts were removed, by any node, when that was last looked at.
    removed: AtomicU64,
    node_clock: NodeClock,
}

impl PostgresReader {
    pub(crate) fn new(pool: Pool, node_clock: NodeClock) -> Self {
        Self {
            pool,
            chats: ChatCache::default(),
            forgotten: Arc::default(),
            removed: AtomicU64::new(0),
            node_clock,
        }
    }

    /// To be counted up by who removes texts.
    pub(crate) fn forgotten(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.forgotten)
    }

    /// Reads one state of the store.
    fn read<T>(
        &self,
        doing: &str,
        mut read: impl FnMut(&Sql) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        // Before the reading begins: what it sees is then at least as new.
        let forgotten = self.forgotten.load(Ordering::Acquire);
        self.pool
            .read(doing, forgotten, |reading| read(&reading.sql))
    }
}

impl Reader for PostgresReader {
    fn log(
        &self,
        participant: ParticipantNo,
        after: Seq,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        let forgotten = self.forgotten.load(Ordering::Acquire);
        self.pool.read("reading a log", forgotten, |reading| {
            event::page(reading, &self.chats, participant, after, kinds, limit)
        })
    }

    fn heads(&self, of: &[ParticipantNo]) -> Result<Vec<Seq>, StoreError> {
        self.read("reading the ends of logs", |sql| event::heads(sql, of))
    }

    fn participant(&self, id: &ParticipantId) -> Result<Option<ParticipantRow>, StoreError> {
        self.read("reading a participant", |sql| {
            people::participant_by_id(sql, id)
        })
    }

    fn message(
        &self,
        viewers: &[ParticipantNo],
        id: MessageId,
    ) -> Result<Option<MessageView>, StoreError> {
        self.read("reading a message", |sql| {
            message::view(sql, &self.chats, viewers, id)
        })
    }

    fn members_of_chat(&self, chat: ChatId) -> Result<Option<ChatRow>, StoreError> {
        self.read("reading a chat", |sql| self.chats.of_id(sql, chat))
    }

    fn members_of_message(&self, message: MessageId) -> Result<Option<ChatRow>, StoreError> {
        self.read("reading a message", |sql| {
            let no = MessageNo(row::as_integer(message.no()));
            let row = row::load_message(sql, no)?;
            let row = row.filter(|row| row.salt == message.salt());
            row.map(|row| self.chats.of_row(sql, row.chat)).transpose()
        })
    }

    fn history(
        &self,
        viewers: &[ParticipantNo],
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<MessagesPage>, StoreError> {
        self.read("reading a chat", |sql| {
            message::history(sql, &self.chats, viewers, chat, before, limit)
        })
    }

    fn chats(
        &self,
        viewer: ParticipantNo,
        before: Option<ChatsBefore>,
        limit: usize,
    ) -> Result<ChatsPage, StoreError> {
        self.read("reading a list of chats", |sql| {
            chat::page(sql, &self.chats, viewer, before, limit)
        })
    }

    fn people(&self, q: &str, after: Option<&str>, limit: usize) -> Result<PeoplePage, StoreError> {
        self.read("reading people", |sql| people::people(sql, q, after, limit))
    }

    fn groups(&self, after: Option<&str>, limit: usize) -> Result<GroupsPage, StoreError> {
        self.read("reading groups", |sql| {
            group::page(sql, after.unwrap_or_default(), limit)
        })
    }

    fn group_members(
        &self,
        group: &GroupId,
    ) -> Result<Option<Vec<(ParticipantRow, bool)>>, StoreError> {
        self.read("reading a group", |sql| {
            let mut rows = Vec::new();
            let members = group::members(sql, group, |row| rows.push(row))?;
            let with_duty = |members: Arc<[GroupMember]>| {
                let on_duty = members.iter().map(|member| member.on_duty);
                rows.into_iter().zip(on_duty).collect()
            };
            Ok(members.map(with_duty))
        })
    }

    fn last_contacts(&self, who: &[ParticipantNo]) -> Result<Vec<Option<Contact>>, StoreError> {
        self.read("reading when somebody was last heard of", |sql| {
            group::last_contacts(sql, who)
        })
    }

    fn organisation(&self) -> Result<BTreeMap<OrganisationPart, OrganisationRow>, StoreError> {
        self.read("reading what the organisation keeps", group::organisation)
    }

    fn cursor(
        &self,
        participant: ParticipantNo,
        name: &CursorName,
    ) -> Result<Option<CursorRow>, StoreError> {
        self.read("reading a cursor", |sql| {
            load::cursor(sql, participant, name.as_str())
        })
    }

    fn cursors_behind(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<(Vec<CursorBehind>, u64), StoreError> {
        self.read("reading cursors", |sql| {
            let mut found = crate::keep::cursors_behind(sql, before)?;
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
        self.read("reading a credential", |sql| credential::of(sql, hash, now))
    }

    fn password(&self, user: &ParticipantId) -> Result<Option<PasswordRow>, StoreError> {
        self.read("reading a user", |sql| credential::password(sql, user))
    }

    fn me(&self, user: ParticipantNo, now: Timestamp) -> Result<Option<MeRows>, StoreError> {
        self.read("reading a user", |sql| people::me(sql, user, now))
    }

    fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        self.read("reading the users", people::users)
    }

    fn story(&self, message: MessageId) -> Result<Option<MessageStory>, StoreError> {
        self.read("reading the story of a message", |sql| {
            story::of(sql, &self.chats, message)
        })
    }

    fn search(
        &self,
        user: ParticipantNo,
        search: &Search,
        limit: usize,
    ) -> Result<SearchFound, StoreError> {
        self.read("searching", |sql| {
            search::find(sql, &self.chats, user, search, limit)
        })
    }

    fn participant_of(&self, no: ParticipantNo) -> Result<Option<ParticipantRow>, StoreError> {
        self.read("reading a participant", |sql| people::participant(sql, no))
    }

    fn user(&self, no: ParticipantNo) -> Result<Option<UserRow>, StoreError> {
        self.read("reading a user", |sql| people::user(sql, no))
    }

    fn users_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserRow>, StoreError> {
        self.read("reading the users", |sql| {
            people::users_found(sql, q, after, limit)
        })
    }

    fn externals_found(
        &self,
        q: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ParticipantRow>, StoreError> {
        self.read("reading the externals", |sql| {
            people::found(sql, Standing::External, q, after, limit)
        })
    }

    fn session_count(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.read("counting sessions", |sql| people::session_count(sql, now))
    }

    fn audit(&self, query: &AuditQuery, limit: usize) -> Result<AuditFound, StoreError> {
        self.read("reading the audit", |sql| {
            audit::find(sql, &self.chats, query, limit)
        })
    }

    fn watchers(
        &self,
        participant: &ParticipantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<WatcherRow>>, StoreError> {
        self.read("reading who watches a participant", |sql| {
            watcher::of(sql, participant, after, limit)
        })
    }

    fn watched_among(
        &self,
        user: ParticipantNo,
        participants: &[ParticipantNo],
    ) -> Result<Vec<ParticipantNo>, StoreError> {
        self.read("reading whom a user watches", |sql| {
            watcher::among(sql, user, participants)
        })
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.read("reading the tokens", credential::tokens)
    }

    fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        self.read("reading the webhooks", webhook::all)
    }

    fn webhook_failures(
        &self,
        no: WebhookNo,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<WebhookFailure>, StoreError> {
        self.read("reading what a webhook failed at", |sql| {
            webhook::failures(sql, no, after, limit)
        })
    }

    fn push_key(&self) -> Result<Option<PushKey>, StoreError> {
        self.read("reading the key of push", push::key)
    }

    fn push_subscriptions(&self, now: Timestamp) -> Result<Vec<PushSubscriptionRow>, StoreError> {
        self.read("reading the push subscriptions", |sql| push::all(sql, now))
    }

    fn push_subscription(
        &self,
        session: SessionNo,
        now: Timestamp,
    ) -> Result<Option<PushSubscriptionRow>, StoreError> {
        self.read("reading a push subscription", |sql| {
            push::of(sql, session, now)
        })
    }

    fn push_state(
        &self,
        no: PushNo,
        message: MessageId,
        now: Timestamp,
    ) -> Result<Option<PushState>, StoreError> {
        self.read("reading what is known of a message", |sql| {
            push::state(sql, no, message, now)
        })
    }

    fn directory_version(&self) -> Result<u64, StoreError> {
        let read = |sql: &Sql| Ok((meta::directory_version(sql)?, meta::texts_removed(sql)?));
        let (version, removed) = self.read("reading the directory's version", read)?;
        // What another node has removed is forgotten here, too: whoever serves asks for this several times a second.
        if self.removed.fetch_max(removed, Ordering::AcqRel) < removed {
            self.forgotten.fetch_add(1, Ordering::AcqRel);
        }
        Ok(version)
    }

    fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        self.read("reading the leases", node::leases)
    }

    fn present_elsewhere(&self, no: u64, now: Timestamp) -> Result<Vec<ParticipantNo>, StoreError> {
        self.read("reading who is present", |sql| {
            let now = node::time(sql, self.node_clock, now)?;
            node::present_elsewhere(sql, no, now)
        })
    }

    fn epoch(&self) -> Result<String, StoreError> {
        self.read("reading the epoch", meta::epoch)
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        let place = self.pool.connector().place().shown();
        self.read("reading what the database says of itself", |sql| {
            let row = sql.first(
                "SELECT current_setting('server_version'), pg_database_size(current_database())",
                &[],
            )?;
            let row = row.ok_or_else(|| Fault::damaged("the database says nothing of itself"))?;
            Ok(StoreInfo {
                name: format!("PostgreSQL {}, {place}", get::<&str>(&row, 0)?),
                bytes: row::count(&row, 1)?,
                wal_bytes: 0,
            })
        })
    }
}
