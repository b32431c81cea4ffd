//! What commands come to on the plain rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{
    ApiError, ChatEvent, ChatId, ErrorCode, EventData, EventKind, FieldCode, MessageId, Outcome,
    ParticipantId, ReceiptResult, ReceiptState, Seq,
};
use crewline_core::{
    Answer, ChatCommand, Command, ConfirmCommand, CursorCommand, CursorRow, ReceiptCommand,
    ReceiptsCommand, ReplyCommand, SendCommand, Standing,
};

use super::plain::{Message, Plain};

impl Plain {
    pub(super) fn send(
        &mut self,
        command: &Command,
        send: &SendCommand,
    ) -> Result<Answer, ApiError> {
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

    pub(super) fn reply(
        &mut self,
        command: &Command,
        reply: &ReplyCommand,
    ) -> Result<Answer, ApiError> {
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

    pub(super) fn create(&mut self, create: &ChatCommand) -> Result<Answer, ApiError> {
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

    pub(super) fn receipts(&mut self, command: &ReceiptsCommand) -> Result<Answer, ApiError> {
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

    pub(super) fn put(&mut self, command: &CursorCommand) -> Result<Answer, ApiError> {
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

    pub(super) fn confirm(&mut self, command: &ConfirmCommand) -> Result<Answer, ApiError> {
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

    pub(super) fn own_chat(&self, id: ChatId, who: &ParticipantId) -> Option<usize> {
        self.chats
            .iter()
            .position(|chat| chat.id == id && chat.members.contains(who))
    }

    fn position(&self, chat: usize, id: MessageId) -> Option<u64> {
        let message = self.messages.iter().find(|message| message.id == id)?;
        (message.chat == chat).then_some(message.position)
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
