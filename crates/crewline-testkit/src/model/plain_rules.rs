//! What commands come to on the plain rules, and what is seen of it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{
    ApiError, ChatEvent, ChatId, ChatSummary, ChatsPage, CursorName, ErrorCode, EventData,
    EventKind, EventKinds, FieldCode, GroupsPage, MessageId, MessageView, MessagesPage, Outcome,
    ParticipantId, ReceiptResult, ReceiptState, RecipientView, Seq, Timestamp,
};
use crewline_core::{
    Answer, ChatCommand, ChatRow, ChatsBefore, Command, ConfirmCommand, Credential, CursorCommand,
    CursorRow, DirectoryError, LogPage, MeRows, ParticipantNo, Reader, ReceiptCommand,
    ReceiptsCommand, ReplyCommand, Retention, SecretHash, SendCommand, Standing, WatcherRow,
};
use serde_json::Value;

use super::core::Core;
use super::directory::Act;
use super::plain::{Message, Plain};

impl Plain {
    fn send(&mut self, command: &Command, send: &SendCommand) -> Result<Answer, ApiError> {
        self.check_actor(&send.actor)?;
        if let Some(again) = self.again(&send.actor, command)? {
            return Ok(again);
        }
        let everyone = self.everyone(&send.actor.id, &send.recipients, &send.groups)?;
        self.check_recipients(&everyone)?;
        self.know_all(&send.actor, Some(&send.from_name), &everyone);
        let (chat, _) = self.chat_of(&send.actor, &everyone);
        let mut payloads = BTreeMap::new();
        for recipient in &everyone {
            for (state, payload) in [
                (ReceiptState::Delivered, &recipient.payloads.on_delivered),
                (ReceiptState::Read, &recipient.payloads.on_read),
            ] {
                if let Some(payload) = payload {
                    payloads.insert((recipient.id.clone(), state), payload.clone());
                }
            }
        }
        let message = Message {
            payloads,
            ..self.draft(
                chat,
                &send.actor.id,
                &send.from_name,
                &send.text,
                send.priority,
            )
        };
        let sent = self.store(message, false);
        self.remember(&send.actor, command, &sent);
        Ok(Answer::Sent { sent, again: false })
    }

    fn reply(&mut self, command: &Command, reply: &ReplyCommand) -> Result<Answer, ApiError> {
        self.check_actor(&reply.actor)?;
        let who = &reply.actor.id;
        if let Some(again) = self.again(&reply.actor, command)? {
            return Ok(again);
        }
        let chat = self
            .own_chat(reply.chat, who)
            .ok_or_else(ApiError::not_found)?;
        for (field, id) in [("replyTo", reply.reply_to), ("readUpTo", reply.read_up_to)] {
            if id.is_some_and(|id| self.position(chat, id).is_none()) {
                return Err(ApiError::field(field, FieldCode::UnknownMessage, ""));
            }
        }
        let up_to = reply.read_up_to.and_then(|id| self.position(chat, id));
        let read = self.read_up_to(chat, up_to.unwrap_or(u64::MAX), who, None);
        self.tell_self(who, chat, &read, true);
        let name = self.row(who).map(|row| row.shown_name().to_owned());
        let message = Message {
            reply_to: reply.reply_to,
            ..self.draft(
                chat,
                who,
                &name.unwrap_or_default(),
                &reply.text,
                reply.priority,
            )
        };
        let sent = self.store(message, true);
        self.remember(&reply.actor, command, &sent);
        Ok(Answer::Sent { sent, again: false })
    }

    fn create(&mut self, create: &ChatCommand) -> Result<Answer, ApiError> {
        self.check_actor(&create.actor)?;
        let others = self.everyone(&create.actor.id, &create.others, &create.groups)?;
        self.check_recipients(&others)?;
        self.know_all(&create.actor, None, &others);
        let (at, new) = self.chat_of(&create.actor, &others);
        let (chat_id, members) = (self.chats[at].id, self.chats[at].members.clone());
        let user_ids: Vec<ParticipantId> = members.iter().cloned().collect();
        if new {
            let event = Arc::new(ChatEvent {
                chat_id,
                user_ids: user_ids.clone().into(),
            });
            for member in &members {
                self.tell(member, EventData::ChatCreated(Arc::clone(&event)));
            }
        }
        let chat = crewline_api::Chat { chat_id, user_ids };
        Ok(Answer::Chat { chat, new })
    }

    fn receipts(&mut self, command: &ReceiptsCommand) -> Result<Answer, ApiError> {
        self.check_actor(&command.actor)?;
        let who = &command.actor.id;
        // By chat, in the order in which it was first read or acknowledged in.
        let (mut read, mut acknowledged) = (Done::default(), Done::default());
        let mut results = Vec::new();
        for receipt in &command.receipts {
            results.push(match receipt {
                ReceiptCommand::Message {
                    given,
                    message,
                    state,
                    at,
                } => {
                    let found = message.and_then(|id| self.received(id, who));
                    let outcome = found.map(|found| {
                        let before = self.reach(found, who, *state, *at);
                        let message = &self.messages[found];
                        if before < ReceiptState::Read && *state >= ReceiptState::Read {
                            read.add(message);
                        }
                        if before < *state && *state == ReceiptState::Acknowledged {
                            acknowledged.add(message);
                        }
                        before < *state
                    });
                    result(Some(given), None, outcome)
                }
                ReceiptCommand::UpTo { given, place, at } => {
                    let found = place.and_then(|(chat, message)| {
                        let chat = self.own_chat(chat, who)?;
                        Some((chat, self.position(chat, message)?))
                    });
                    let outcome = found.map(|(chat, position)| {
                        let newly = self.read_up_to(chat, position, who, *at);
                        read.add_all(chat, &newly);
                        !newly.is_empty()
                    });
                    result(None, Some(given), outcome)
                }
            });
        }
        if !command.actor.external {
            let mut chats = read.0.iter().map(|(chat, _)| *chat).collect::<Vec<_>>();
            chats.extend(acknowledged.0.iter().map(|(chat, _)| *chat));
            let mut told = Vec::new();
            for chat in chats {
                if !told.contains(&chat) {
                    told.push(chat);
                    self.tell_self(who, chat, read.of(chat), true);
                    self.tell_self(who, chat, acknowledged.of(chat), false);
                }
            }
        }
        Ok(Answer::Receipts(results))
    }

    fn put(&mut self, command: &CursorCommand) -> Result<Answer, ApiError> {
        self.check_actor(&command.actor)?;
        let who = &command.actor.id;
        if command.seq > self.head(who) {
            return Err(ApiError::new(ErrorCode::AheadOfLog, ""));
        }
        if command.actor.external {
            self.know(who, Standing::External, None);
        }
        let key = (who.clone(), command.name.clone());
        let kept = self.cursors.get(&key).copied();
        let row = match kept {
            Some(kept) if command.seq < kept.seq && !command.rewind => kept,
            _ => {
                if command.actor.external && command.kinds.contains(EventKind::MessageReceived) {
                    self.deliver_up_to(who, command.seq);
                }
                let row = CursorRow {
                    seq: command.seq,
                    kinds: command.kinds,
                    put_at: self.now,
                    released: false,
                };
                self.cursors.insert(key, row);
                row
            }
        };
        Ok(Answer::Cursor(crewline_api::Cursor {
            seq: row.seq,
            types: row.kinds.to_list(),
        }))
    }

    fn confirm(&mut self, command: &ConfirmCommand) -> Result<Answer, ApiError> {
        self.check_actor(&command.actor)?;
        self.deliver_up_to(&command.actor.id, command.seq);
        Ok(Answer::Confirmed(command.seq))
    }

    /// Whatever was received up to an event is delivered.
    fn deliver_up_to(&mut self, who: &ParticipantId, seq: Seq) {
        let received: Vec<MessageId> = self
            .log(who)
            .iter()
            .filter(|event| event.seq <= seq)
            .filter_map(|event| match &event.data {
                EventData::MessageReceived(data) => Some(data.message_id),
                _ => None,
            })
            .collect();
        for id in received {
            if let Some(message) = self.received(id, who) {
                self.reach(message, who, ReceiptState::Delivered, None);
            }
        }
    }

    /// The message, if this is one of its recipients.
    fn received(&self, id: MessageId, who: &ParticipantId) -> Option<usize> {
        self.messages.iter().position(|message| {
            message.id == id
                && message.from != *who
                && self.chats[message.chat].members.contains(who)
        })
    }

    fn own_chat(&self, id: ChatId, who: &ParticipantId) -> Option<usize> {
        self.chats
            .iter()
            .position(|chat| chat.id == id && chat.members.contains(who))
    }

    fn position(&self, chat: usize, id: MessageId) -> Option<u64> {
        let message = self.messages.iter().find(|message| message.id == id)?;
        (message.chat == chat).then_some(message.position)
    }

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

/// Messages by chat.
#[derive(Default)]
struct Done(Vec<(usize, Vec<MessageId>)>);

impl Done {
    fn add(&mut self, message: &Message) {
        self.add_all(message.chat, &[message.id]);
    }

    fn add_all(&mut self, chat: usize, ids: &[MessageId]) {
        if ids.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == chat) {
            Some((_, known)) => known.extend(ids),
            None => self.0.push((chat, ids.to_vec())),
        }
    }

    fn of(&self, chat: usize) -> &[MessageId] {
        let found = self.0.iter().find(|(known, _)| *known == chat);
        found.map_or(&[], |(_, ids)| ids)
    }
}

/// `new` tells whether it was; nothing, that it was not found.
fn result(message: Option<&String>, chat: Option<&String>, new: Option<bool>) -> ReceiptResult {
    ReceiptResult {
        message_id: message.cloned(),
        chat_id: chat.cloned(),
        outcome: match new {
            None => Outcome::NotFound,
            Some(true) => Outcome::New,
            Some(false) => Outcome::Known,
        },
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
