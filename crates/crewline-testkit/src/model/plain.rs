//! The rules of messages and receipts once more, as plainly as they can be said: whole messages in a list, whole logs in
//! lists, everything looked for from the beginning. It shares no line with `crewline-core`'s decisions, so that a rule
//! that is wrong there, on every store alike, still shows.
//!
//! The directory is that of the store in memory, but for who may do what, which is judged here too
//! ([`super::plain_directory`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crewline_api::{
    ApiError, ChatId, CursorName, ErrorCode, Event, EventData, FieldCode, IdempotencyKey,
    MessageEvent, MessageId, ParticipantId, Payload, Priority, ReceiptEvent, ReceiptState,
    ReminderView, SelfEvent, SentMessage, SentRecipient, Seq, Timestamp,
};
use crewline_core::{
    Actor, Answer, BatchId, Changes, Command, CursorRow, GroupRecipient, MemoryStore,
    ParticipantNo, ParticipantRow, Reader as _, Recipient, Settings, Standing, UnknownRecipients,
    Writer,
};

use super::core::START;
use super::plain_directory::Book;

/// A message, with everything that is known of it.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) chat: usize,
    pub(super) position: u64,
    pub(super) from: ParticipantId,
    pub(super) from_name: String,
    pub(super) text: String,
    pub(super) priority: Priority,
    pub(super) sent_at: Timestamp,
    pub(super) reply_to: Option<MessageId>,
    pub(super) payloads: BTreeMap<(ParticipantId, ReceiptState), Payload>,
    /// When each recipient reached each state.
    pub(super) reached: BTreeMap<(ParticipantId, ReceiptState), Timestamp>,
    /// Who reminded whom of it.
    pub(super) reminders: Vec<ReminderView>,
}

/// A chat: who is in it, and when something last happened.
#[derive(Clone)]
pub(super) struct Chat {
    pub(super) id: ChatId,
    pub(super) members: BTreeSet<ParticipantId>,
    pub(super) last_activity: Timestamp,
}

/// See the module.
pub struct Plain {
    pub(super) directory: MemoryStore,
    pub(super) writer: Box<dyn Writer>,
    pub(super) now: Timestamp,
    settings: Settings,
    pub(super) chats: Vec<Chat>,
    pub(super) messages: Vec<Message>,
    keys: BTreeMap<(ParticipantId, IdempotencyKey), (Command, SentMessage)>,
    pub(super) logs: BTreeMap<ParticipantId, Vec<Event>>,
    pub(super) cursors: BTreeMap<(ParticipantId, CursorName), CursorRow>,
    pub(super) book: Book,
    backup: Option<Box<Plain>>,
    restores: u32,
}

const STEPS: [ReceiptState; 3] = [
    ReceiptState::Delivered,
    ReceiptState::Read,
    ReceiptState::Acknowledged,
];

fn not_allowed() -> ApiError {
    ApiError::new(ErrorCode::NotAllowed, "")
}

impl Plain {
    /// With nothing in it.
    pub fn new(settings: Settings) -> Self {
        let directory = MemoryStore::new("plain");
        Self {
            writer: directory.open().writer,
            directory,
            now: START,
            settings,
            chats: Vec::new(),
            messages: Vec::new(),
            keys: BTreeMap::new(),
            logs: BTreeMap::new(),
            cursors: BTreeMap::new(),
            book: Book::default(),
            backup: None,
            restores: 0,
        }
    }

    /// All of it once more, under another epoch, without the backup.
    fn copy(&self, epoch: &str) -> Self {
        let directory = self.directory.copy(epoch);
        Self {
            writer: directory.open().writer,
            directory,
            now: self.now,
            settings: self.settings,
            chats: self.chats.clone(),
            messages: self.messages.clone(),
            keys: self.keys.clone(),
            logs: self.logs.clone(),
            cursors: self.cursors.clone(),
            book: self.book.clone(),
            backup: None,
            restores: self.restores,
        }
    }

    pub(super) fn make_backup(&mut self) {
        self.backup = Some(Box::new(self.copy("backup")));
    }

    /// Everything is as it was when the backup was made, but the time and the epoch.
    pub(super) fn restore_backup(&mut self) {
        if let Some(backup) = self.backup.take() {
            let restores = self.restores + 1;
            *self = Self {
                now: self.now,
                restores,
                ..backup.copy(&format!("plain, restore {restores}"))
            };
            self.backup = Some(backup);
        }
    }

    pub(super) fn row(&self, id: &ParticipantId) -> Option<ParticipantRow> {
        self.directory.participant(id).expect("the store reads")
    }

    /// The participant of a number.
    pub(super) fn id_of(&self, no: ParticipantNo) -> ParticipantId {
        let users = self.directory.users().expect("the store reads");
        let users = users.into_iter().map(|user| user.id);
        let mut known = users.chain(self.logs.keys().cloned());
        known
            .find(|id| self.row(id).is_some_and(|row| row.no == no))
            // Of whom nothing is known, nothing can be found.
            .unwrap_or_else(|| super::acts::id("nobody at all"))
    }

    /// Writes into the directory who acts or is expected.
    pub(super) fn know(&mut self, id: &ParticipantId, standing: Standing, name: Option<&str>) {
        let known = self.row(id);
        let no = known.as_ref().map(|row| row.no);
        let row = ParticipantRow {
            no: no.unwrap_or_else(|| self.next_no()),
            id: id.clone(),
            standing,
            name: name
                .map(Into::into)
                .or_else(|| known.as_ref().and_then(|row| row.name.clone())),
            disabled: known.as_ref().is_some_and(|row| row.disabled),
        };
        self.logs.entry(id.clone()).or_default();
        if known.as_ref() == Some(&row) {
            return;
        }
        let mut changes = Changes::default();
        changes.participants.insert(row.no, row);
        self.writer.begin().expect("the store writes");
        self.writer
            .commit(&changes, BatchId(0))
            .expect("the store writes");
    }

    fn next_no(&mut self) -> ParticipantNo {
        let wanted = crewline_core::needs::Wanted {
            numbers: true,
            ..crewline_core::needs::Wanted::default()
        };
        let mut state = crewline_core::State::default();
        self.writer.begin().expect("the store reads");
        self.writer
            .load(&wanted, &mut state)
            .expect("the store reads");
        self.writer.abort();
        state.numbers.expect("numbers were asked for").participant
    }

    /// Who acts must be what it acts as, and not shut out.
    pub(super) fn check_actor(&self, actor: &Actor) -> Result<(), ApiError> {
        match self.row(&actor.id) {
            None if actor.external => Ok(()),
            None => Err(ApiError::not_found()),
            Some(row) if (row.standing == Standing::User) == actor.external || row.disabled => {
                Err(not_allowed())
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn check_recipients(&self, recipients: &[Recipient]) -> Result<(), ApiError> {
        let accept = self.settings.unknown_recipients == UnknownRecipients::Accept;
        let refused = recipients
            .iter()
            .filter(|recipient| match self.row(&recipient.id) {
                Some(row) if row.disabled => true,
                Some(row) => row.standing == Standing::Expected && !accept,
                None => !accept,
            });
        let mut errors: Vec<_> = refused
            .map(|recipient| {
                let code = FieldCode::UnknownRecipient;
                crewline_api::FieldError::new(&recipient.field, code, "")
            })
            .collect();
        errors.sort_by_key(|error| (error.field.len(), error.field.clone()));
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::fields(ErrorCode::UnknownRecipient, errors))
        }
    }

    pub(super) fn know_all(&mut self, actor: &Actor, name: Option<&str>, others: &[Recipient]) {
        if actor.external {
            self.know(&actor.id, Standing::External, name);
        }
        for other in others {
            if self.row(&other.id).is_none() {
                self.know(&other.id, Standing::Expected, None);
            }
        }
    }

    /// The chat of these people, and whether it is new.
    pub(super) fn chat_of(&mut self, actor: &Actor, others: &[Recipient]) -> (usize, bool) {
        let mut members: BTreeSet<_> = others.iter().map(|other| other.id.clone()).collect();
        members.insert(actor.id.clone());
        if let Some(at) = self.chats.iter().position(|chat| chat.members == members) {
            return (at, false);
        }
        self.chats.push(Chat {
            id: ChatId::from_parts(self.chats.len() as u64 + 1, 1),
            members,
            last_activity: self.now,
        });
        (self.chats.len() - 1, true)
    }

    pub(super) fn tell(&mut self, who: &ParticipantId, data: EventData) {
        let seq = self.head(who) + 1;
        let log = self.logs.entry(who.clone()).or_default();
        log.push(Event {
            seq,
            timestamp: self.now,
            data,
        });
    }

    pub(super) fn state(&self, message: usize, who: &ParticipantId) -> ReceiptState {
        let reached = &self.messages[message].reached;
        let mut last = STEPS.into_iter().rev();
        last.find(|step| reached.contains_key(&(who.clone(), *step)))
            .unwrap_or_default()
    }

    /// Brings a recipient's state forward, and tells the sender of each state that is new. Returns the one before.
    pub(super) fn reach(
        &mut self,
        message: usize,
        who: &ParticipantId,
        said: ReceiptState,
        at: Option<Timestamp>,
    ) -> ReceiptState {
        let before = self.state(message, who);
        for step in STEPS
            .into_iter()
            .filter(|step| *step > before && *step <= said)
        {
            let (now, implied) = (self.now, step < said);
            let message = &mut self.messages[message];
            message.reached.insert((who.clone(), step), now);
            let event = ReceiptEvent {
                message_id: message.id,
                chat_id: self.chats[message.chat].id,
                user_id: who.clone(),
                at: if implied { now } else { at.unwrap_or(now) },
                payload: message.payloads.get(&(who.clone(), step)).cloned(),
                implied,
                late: false,
            };
            let sender = message.from.clone();
            let data = match step {
                ReceiptState::Delivered => EventData::MessageDelivered(event),
                ReceiptState::Read => EventData::MessageRead(event),
                _ => EventData::MessageAcknowledged(event),
            };
            self.tell(&sender, data);
        }
        before
    }

    /// Reads everything of a chat up to a position, but emergencies.
    pub(super) fn read_up_to(
        &mut self,
        chat: usize,
        position: u64,
        who: &ParticipantId,
        at: Option<Timestamp>,
    ) -> Vec<MessageId> {
        let open: Vec<usize> = (0..self.messages.len())
            .filter(|at| {
                let message = &self.messages[*at];
                message.chat == chat
                    && message.position <= position
                    && message.from != *who
                    && message.priority != Priority::Emergency
                    && self.state(*at, who) < ReceiptState::Read
            })
            .collect();
        for message in &open {
            self.reach(*message, who, ReceiptState::Read, at);
        }
        open.iter().map(|at| self.messages[*at].id).collect()
    }

    /// How many messages of others a user has not read.
    pub(super) fn unread(&self, chat: usize, who: &ParticipantId) -> u64 {
        let all = self.messages.iter().enumerate();
        let unread = all.filter(|(at, message)| {
            message.chat == chat
                && message.from != *who
                && self.state(*at, who) < ReceiptState::Read
        });
        unread.count() as u64
    }

    pub(super) fn tell_self(
        &mut self,
        who: &ParticipantId,
        chat: usize,
        ids: &[MessageId],
        read: bool,
    ) {
        let mut message_ids = ids.to_vec();
        message_ids.sort_unstable();
        if message_ids.is_empty() {
            return;
        }
        let event = SelfEvent {
            chat_id: self.chats[chat].id,
            message_ids,
            unread: self.unread(chat, who),
        };
        let data = if read {
            EventData::SelfRead(event)
        } else {
            EventData::SelfAcknowledged(event)
        };
        self.tell(who, data);
    }

    pub(super) fn again(
        &self,
        actor: &Actor,
        command: &Command,
    ) -> Result<Option<Answer>, ApiError> {
        let Some(key) = key_of(command) else {
            return Ok(None);
        };
        match self.keys.get(&(actor.id.clone(), key.clone())) {
            None => Ok(None),
            Some((first, sent)) if means_the_same(first, command) => Ok(Some(Answer::Sent {
                sent: sent.clone(),
                again: true,
            })),
            Some(_) => Err(ApiError::new(ErrorCode::IdempotencyMismatch, "")),
        }
    }

    /// What an idempotency key stands for from now on.
    pub(super) fn remember(&mut self, actor: &Actor, command: &Command, sent: &SentMessage) {
        if let Some(key) = key_of(command) {
            let key = (actor.id.clone(), key.clone());
            self.keys.insert(key, (command.clone(), sent.clone()));
        }
    }

    pub(super) fn log(&self, who: &ParticipantId) -> &[Event] {
        self.logs.get(who).map_or(&[], Vec::as_slice)
    }

    /// The number of the last event of a log. That one is always kept.
    pub(super) fn head(&self, who: &ParticipantId) -> Seq {
        self.log(who).last().map_or(0, |event| event.seq)
    }

    /// An event as it is shown now: a text that is gone is shown nowhere.
    pub(super) fn shown_now(&self, event: &Event) -> Event {
        let mut event = event.clone();
        if let EventData::MessageReceived(data) | EventData::MessageSent(data) = &mut event.data {
            let message = self.messages.iter().find(|one| one.id == data.message_id);
            let text = message.map_or("", |message| message.text.as_str());
            *data = Arc::new(MessageEvent {
                message: text.into(),
                ..MessageEvent::clone(data)
            });
        }
        event
    }

    /// A message that is not stored yet: it gets its id and its position then.
    pub(super) fn draft(
        &self,
        chat: usize,
        from: &ParticipantId,
        name: &str,
        text: &str,
        priority: Priority,
    ) -> Message {
        Message {
            id: MessageId::from_parts(0, 0),
            chat,
            position: 0,
            from: from.clone(),
            from_name: name.to_owned(),
            text: text.to_owned(),
            priority,
            sent_at: self.now,
            reply_to: None,
            payloads: BTreeMap::new(),
            reached: BTreeMap::new(),
            reminders: Vec::new(),
        }
    }

    pub(super) fn store(&mut self, mut message: Message, by_user: bool) -> SentMessage {
        let chat = &mut self.chats[message.chat];
        let others = self
            .messages
            .iter()
            .filter(|other| other.chat == message.chat);
        message.position = others.count() as u64 + 1;
        message.id = MessageId::from_parts(self.messages.len() as u64 + 1, 1);
        chat.last_activity = chat.last_activity.max(self.now);
        let members: Vec<ParticipantId> = chat.members.iter().cloned().collect();
        let event = Arc::new(MessageEvent {
            message_id: message.id,
            chat_id: chat.id,
            position: message.position,
            from_user_id: message.from.clone(),
            from_user_name: message.from_name.clone(),
            all_user_ids: members.clone().into(),
            message: message.text.as_str().into(),
            priority: message.priority,
            sent_at: message.sent_at,
            reply_to: message.reply_to,
        });
        let from = message.from.clone();
        self.messages.push(message);
        for member in &members {
            if *member != from {
                self.tell(member, EventData::MessageReceived(Arc::clone(&event)));
            } else if by_user {
                self.tell(member, EventData::MessageSent(Arc::clone(&event)));
            }
        }
        let recipients = members.into_iter().filter(|member| *member != from);
        SentMessage {
            message_id: event.message_id,
            chat_id: event.chat_id,
            position: event.position,
            sent_at: event.sent_at,
            recipients: recipients
                .map(|user_id| SentRecipient {
                    user_id,
                    state: ReceiptState::Accepted,
                })
                .collect(),
        }
    }
}

fn key_of(command: &Command) -> Option<&IdempotencyKey> {
    match command {
        Command::Send(send) => send.key.as_ref(),
        Command::Reply(reply) => reply.key.as_ref(),
        _ => None,
    }
    .map(|(key, _)| key)
}

fn means_the_same(first: &Command, second: &Command) -> bool {
    let people = |recipients: &[Recipient]| -> Vec<_> {
        let people = recipients.iter();
        people.map(|r| (r.id.clone(), r.payloads.clone())).collect()
    };
    // Groups count by their names: who was in them then is not asked again.
    let asked = |groups: &[GroupRecipient]| -> Vec<_> {
        let groups = groups.iter();
        groups
            .map(|g| (g.id.clone(), g.on_duty_only, g.payloads.clone()))
            .collect()
    };
    match (first, second) {
        (Command::Send(a), Command::Send(b)) => {
            (&a.from_name, &a.text, a.priority) == (&b.from_name, &b.text, b.priority)
                && people(&a.recipients) == people(&b.recipients)
                && asked(&a.groups) == asked(&b.groups)
        }
        (Command::Reply(a), Command::Reply(b)) => {
            (a.chat, &a.text, a.priority, a.reply_to, a.read_up_to)
                == (b.chat, &b.text, b.priority, b.reply_to, b.read_up_to)
        }
        _ => false,
    }
}
