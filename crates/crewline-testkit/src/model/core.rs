//! What the edge of the specification stands on: the rules and a store, driven by a desk or by an engine.

use std::any::Any;
use std::sync::Arc;

use crewline_api::{
    ApiError, ChatId, ChatsPage, CursorName, ErrorCode, EventKinds, GroupsPage, MessageId,
    MessageView, MessagesPage, ParticipantId, Seq, Timestamp,
};
use crewline_core::{
    Answer, ChatRow, ChatsBefore, Command, Credential, CursorRow, DirectoryError, LogPage, MeRows,
    MemoryStore, ParticipantNo, Reader, Retention, SecretHash, Settings, WatcherRow,
};
use serde_json::Value;

use super::directory::Act;
use crate::Desk;

/// 2026-11-23T04:00:00Z, when every play begins.
pub const START: Timestamp = Timestamp::from_millis(1_795_406_400_000);

/// Rules and a store, and the clock they are told the time by.
#[expect(
    async_fn_in_trait,
    reason = "who drives a play waits for each call where it makes it"
)]
pub trait Core {
    /// What it is, for messages.
    fn name(&self) -> &'static str;
    /// The time.
    fn now(&self) -> Timestamp;
    /// Sets the time.
    fn set_time(&mut self, now: Timestamp);
    /// Reads the store.
    fn reader(&self) -> Arc<dyn Reader>;
    /// Carries a command out.
    async fn submit(&mut self, command: Command) -> Result<Answer, ApiError>;
    /// A page of a log; a place outside of the log is refused.
    async fn page(
        &mut self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, ApiError>;
    /// Acts on the directory.
    async fn directory(&mut self, act: Act) -> Result<Value, DirectoryError>;
    /// Follows a log for as long as what is returned lives: it may be kept at hand then.
    fn follow(&mut self, participant: ParticipantNo) -> Box<dyn Any>;
    /// What the directory keeps of the password of all users.
    fn password(&self) -> String;
    /// Stops and starts on the same store; `crash` does so without a word.
    async fn restart(&mut self, crash: bool);

    /// Stops and starts on the same store, and removes what is old.
    async fn keep(&mut self, retention: Retention);

    /// Makes a backup, in the place of the one before.
    async fn backup(&mut self);

    /// Stops, puts the backup in the place of the store, and starts; without a backup on the same store.
    async fn restore(&mut self, by_hand: bool);

    /// A message as somebody may see it.
    fn message(&self, viewer: ParticipantNo, id: MessageId) -> Option<MessageView> {
        self.reader().message(&[viewer], id).expect(READS)
    }

    /// A page of a chat as somebody may see it.
    fn history(
        &self,
        viewer: ParticipantNo,
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Option<MessagesPage> {
        let page = self.reader().history(&[viewer], chat, before, limit);
        page.expect(READS)
    }

    /// Who is in a chat.
    fn members_of_chat(&self, chat: ChatId) -> Option<ChatRow> {
        self.reader().members_of_chat(chat).expect(READS)
    }

    /// Who is in the chat of a message.
    fn members_of_message(&self, message: MessageId) -> Option<ChatRow> {
        self.reader().members_of_message(message).expect(READS)
    }

    /// A page of a participant's chats.
    fn chats(&self, no: ParticipantNo, before: Option<ChatsBefore>, limit: usize) -> ChatsPage {
        self.reader().chats(no, before, limit).expect(READS)
    }

    /// Whose secret it is.
    fn credential(&self, hash: &SecretHash) -> Option<Credential> {
        self.reader().credential(hash, self.now()).expect(READS)
    }

    /// A user, as the user is shown.
    fn me(&self, user: ParticipantNo) -> Option<MeRows> {
        self.reader().me(user, self.now()).expect(READS)
    }

    /// Who watches a participant; nothing where there is no such participant.
    fn watchers(&self, whose: &ParticipantId) -> Option<Vec<WatcherRow>> {
        // Fewer than a page of them are ever drawn.
        self.reader().watchers(whose, None, 100).expect(READS)
    }

    /// A page of the groups.
    fn groups(&self, after: Option<&str>, limit: usize) -> GroupsPage {
        self.reader().groups(after, limit).expect(READS)
    }

    /// Whether a user watches a participant.
    fn watches(&self, user: &ParticipantId, whose: &ParticipantId) -> bool {
        let reader = self.reader();
        let no = |id| reader.participant(id).expect(READS).map(|row| row.no);
        let both = no(user).zip(no(whose));
        both.is_some_and(|(user, whose)| reader.watches(user, whose).expect(READS))
    }

    /// A named cursor.
    fn cursor(&self, participant: ParticipantNo, name: &CursorName) -> Option<CursorRow> {
        self.reader().cursor(participant, name).expect(READS)
    }
}

const READS: &str = "the store reads";

/// The specification: the rules on the store in memory.
pub struct Memory {
    store: MemoryStore,
    desk: Desk,
    now: Timestamp,
    settings: Settings,
    backup: Option<MemoryStore>,
    restores: u32,
}

fn desk(store: &MemoryStore, settings: Settings) -> Desk {
    let mut desk = Desk::new(store.open());
    desk.settings = settings;
    desk
}

impl Memory {
    /// An empty store.
    pub fn new(settings: Settings) -> Self {
        let store = MemoryStore::new("memory");
        let desk = desk(&store, settings);
        Self {
            store,
            desk,
            now: START,
            settings,
            backup: None,
            restores: 0,
        }
    }
}

impl Core for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.desk.reader)
    }

    async fn submit(&mut self, command: Command) -> Result<Answer, ApiError> {
        // The desk moves its clock on with each batch.
        self.desk.now = self.now.plus_millis(-1);
        self.desk.run(command)
    }

    async fn page(
        &mut self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, ApiError> {
        let read = |after| self.desk.reader.log(participant, after, kinds, limit);
        let page = read(after.unwrap_or(0)).expect(READS);
        match after {
            // From the start means from the oldest event that is kept.
            None => Ok(read(page.oldest - 1).expect(READS)),
            Some(after) if after > page.head => Err(ApiError::new(ErrorCode::AheadOfLog, "")),
            Some(after) if after + 1 < page.oldest => {
                Err(ApiError::new(ErrorCode::LogTruncated, ""))
            }
            Some(_) => Ok(page),
        }
    }

    async fn directory(&mut self, act: Act) -> Result<Value, DirectoryError> {
        let now = self.now;
        self.desk
            .directory(|directory| act.carry_out(directory, now))
    }

    fn follow(&mut self, _: ParticipantNo) -> Box<dyn Any> {
        Box::new(())
    }

    fn password(&self) -> String {
        "kept".to_owned()
    }

    async fn restart(&mut self, _: bool) {
        self.desk = desk(&self.store, self.settings);
    }

    async fn keep(&mut self, retention: Retention) {
        self.restart(false).await;
        self.desk.prune(retention.cut(self.now), 250);
    }

    async fn backup(&mut self) {
        self.backup = Some(self.store.copy("backup"));
    }

    async fn restore(&mut self, _: bool) {
        if let Some(backup) = &self.backup {
            self.restores += 1;
            self.store = backup.copy(format!("memory, restore {}", self.restores));
        }
        self.restart(false).await;
    }
}
