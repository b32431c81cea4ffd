//! What is seen of the plain rules: commands go in as into every other core, and pages, chats and messages come out.

use std::any::Any;
use std::sync::Arc;

use crewline_api::{
    ApiError, ChatId, ChatSummary, ChatsPage, CursorName, ErrorCode, EventKinds, GroupsPage,
    MessageId, MessageView, MessagesPage, ParticipantId, ReceiptState, RecipientView, Seq,
    Timestamp,
};
use crewline_core::{
    Answer, ChatRow, ChatsBefore, Command, Credential, CursorRow, DirectoryError, LogPage, MeRows,
    ParticipantNo, Reader, Retention, SecretHash, Standing, WatcherRow,
};
use serde_json::Value;

use super::core::Core;
use super::directory::Act;
use super::plain::Plain;

impl Plain {
    fn view(&self, at: usize, viewer: &ParticipantId) -> MessageView {
        let message = &self.messages[at];
        let recipients = self.chats[message.chat]
            .members
            .iter()
            .filter(|who| **who != message.from && (message.from == *viewer || *who == viewer));
        let view = |who: &ParticipantId| {
            let reached = |state| message.reached.get(&(who.clone(), state)).copied();
            RecipientView {
                user_id: who.clone(),
                state: self.state(at, who),
                delivered_at: reached(ReceiptState::Delivered),
                read_at: reached(ReceiptState::Read),
                acknowledged_at: reached(ReceiptState::Acknowledged),
            }
        };
        MessageView {
            message_id: message.id,
            chat_id: self.chats[message.chat].id,
            position: message.position,
            from_user_id: message.from.clone(),
            from_user_name: message.from_name.clone(),
            message: message.text.clone(),
            priority: message.priority,
            sent_at: message.sent_at,
            reply_to: message.reply_to,
            recipients: recipients.map(view).collect(),
            reminders: Vec::new(),
        }
    }

    /// The messages of a chat, newest first.
    fn newest_first(&self, chat: usize) -> impl Iterator<Item = usize> + '_ {
        let all = (0..self.messages.len()).rev();
        all.filter(move |at| self.messages[*at].chat == chat)
    }

    fn row_of(&self, chat: usize) -> ChatRow {
        let chat = &self.chats[chat];
        let no = |id: &ParticipantId| self.row(id).map_or(ParticipantNo(0), |row| row.no);
        ChatRow {
            no: crewline_core::ChatNo(chat.id.no() as i64),
            salt: chat.id.salt(),
            members: chat.members.iter().map(no).collect(),
            member_ids: chat.members.iter().cloned().collect(),
        }
    }
}

impl Core for Plain {
    fn name(&self) -> &'static str {
        "the plain rules"
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    fn groups(&self, after: Option<&str>, limit: usize) -> GroupsPage {
        self.groups_page(after, limit)
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(self.directory.clone())
    }

    async fn submit(&mut self, command: Command) -> Result<Answer, ApiError> {
        match &command {
            Command::Send(send) => self.send(&command, send),
            Command::Reply(reply) => self.reply(&command, reply),
            Command::Chat(create) => self.create(create),
            Command::Receipts(receipts) => self.receipts(receipts),
            Command::Cursor(cursor) => self.put(cursor),
            Command::Confirm(confirm) => self.confirm(confirm),
            Command::Remind(remind) => self.remind(remind),
            Command::Appear(actor) => {
                self.check_actor(actor)?;
                self.know(&actor.id, Standing::External, None);
                let row = self.row(&actor.id).expect("it is known now");
                Ok(Answer::Appeared(row.no))
            }
        }
    }

    async fn page(
        &mut self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<LogPage, ApiError> {
        let who = self.id_of(participant);
        let (log, head) = (self.log(&who), self.head(&who));
        let oldest = log.first().map_or(head + 1, |event| event.seq);
        // The start is wherever the log begins now.
        let after = after.unwrap_or(oldest - 1);
        if after > head {
            return Err(ApiError::new(ErrorCode::AheadOfLog, ""));
        }
        if after + 1 < oldest {
            return Err(ApiError::new(ErrorCode::LogTruncated, ""));
        }
        let (mut events, mut next) = (Vec::new(), after);
        for event in log.iter().filter(|event| event.seq > after) {
            if events.len() == limit {
                break;
            }
            next = event.seq;
            if kinds.contains(event.data.kind()) {
                events.push(self.shown_now(event));
            }
        }
        Ok(LogPage {
            events,
            next,
            head,
            oldest,
        })
    }

    async fn directory(&mut self, act: Act) -> Result<Value, DirectoryError> {
        self.act(&act)
    }

    fn follow(&mut self, _: ParticipantNo) -> Box<dyn Any> {
        Box::new(())
    }

    fn password(&self) -> String {
        "kept".to_owned()
    }

    async fn restart(&mut self, _: bool) {}

    async fn keep(&mut self, retention: Retention) {
        self.remove_what_is_old(&retention);
    }

    async fn backup(&mut self) {
        self.make_backup();
    }

    async fn restore(&mut self, _: bool) {
        self.restore_backup();
    }

    fn message(&self, viewer: ParticipantNo, id: MessageId) -> Option<MessageView> {
        let viewer = self.id_of(viewer);
        let at = self.messages.iter().position(|message| message.id == id)?;
        let seen = self.chats[self.messages[at].chat].members.contains(&viewer);
        seen.then(|| {
            let mut view = self.view(at, &viewer);
            if view.from_user_id == viewer {
                view.reminders.clone_from(&self.messages[at].reminders);
            }
            view
        })
    }

    fn history(
        &self,
        viewer: ParticipantNo,
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Option<MessagesPage> {
        let viewer = self.id_of(viewer);
        let chat = self.own_chat(chat, &viewer)?;
        let all = self.newest_first(chat);
        let older: Vec<MessageView> = all
            .map(|at| self.view(at, &viewer))
            .filter(|view| before.is_none_or(|before| view.position < before))
            .collect();
        let more = older.len() > limit;
        let messages: Vec<MessageView> = older.into_iter().take(limit).collect();
        let last = messages.last().filter(|_| more);
        Some(MessagesPage {
            next: last.map(|message| message.position.to_string()),
            messages,
            as_of: self.head(&viewer),
        })
    }

    fn members_of_chat(&self, id: ChatId) -> Option<ChatRow> {
        let at = self.chats.iter().position(|chat| chat.id == id)?;
        Some(self.row_of(at))
    }

    fn members_of_message(&self, id: MessageId) -> Option<ChatRow> {
        let message = self.messages.iter().find(|message| message.id == id)?;
        Some(self.row_of(message.chat))
    }

    fn chats(&self, no: ParticipantNo, before: Option<ChatsBefore>, limit: usize) -> ChatsPage {
        let viewer = self.id_of(no);
        let mut own: Vec<usize> = (0..self.chats.len())
            .filter(|at| self.chats[*at].members.contains(&viewer))
            .collect();
        let place = |at: usize| (self.chats[at].last_activity, self.chats[at].id.no() as i64);
        own.sort_by_key(|at| std::cmp::Reverse(place(*at)));
        own.retain(|at| {
            before.is_none_or(|before| place(*at) < (before.last_activity, before.chat.0))
        });
        let last = own.get(limit - 1).filter(|_| own.len() > limit);
        let next = last.map(|at| {
            let (time, no) = place(*at);
            format!("{}.{no}", time.as_millis())
        });
        let chats = own.iter().take(limit).map(|at| ChatSummary {
            chat_id: self.chats[*at].id,
            user_ids: self.chats[*at].members.iter().cloned().collect(),
            last_activity_at: self.chats[*at].last_activity,
            last_message: self
                .newest_first(*at)
                .next()
                .map(|at| self.view(at, &viewer)),
            unread: self.unread(*at, &viewer),
        });
        ChatsPage {
            chats: chats.collect(),
            next,
            as_of: self.head(&viewer),
        }
    }

    fn credential(&self, hash: &SecretHash) -> Option<Credential> {
        self.known(hash)
    }

    fn me(&self, user: ParticipantNo) -> Option<MeRows> {
        self.shown(user)
    }

    fn watchers(&self, whose: &ParticipantId) -> Option<Vec<WatcherRow>> {
        self.watchers_of(whose)
    }

    fn watches(&self, user: &ParticipantId, whose: &ParticipantId) -> bool {
        self.book.watches(user, whose)
    }

    fn cursor(&self, participant: ParticipantNo, name: &CursorName) -> Option<CursorRow> {
        let key = (self.id_of(participant), name.clone());
        self.cursors.get(&key).copied()
    }
}
