//! A desk: drives a store as the engine does, batch by batch, without threads, on a clock that the test moves.

use std::sync::Arc;

use crewline_api::{
    ApiError, ChatId, CursorName, Event, EventKinds, IdempotencyKey, MessageId, NewMessage,
    NewMessageUser, NewReminder, NewReply, ParticipantId, ReceiptResult, ReceiptSaid, ReceiptState,
    Role, SentMessage, Seq, Timestamp,
};
use crewline_core::decide::{Context, decide};
use crewline_core::needs::{Locks, Wanted, to_lock, to_read, to_resolve};
use crewline_core::{
    Actor, Answer, BatchId, Changes, ChatCommand, Command, CursorCommand, Cut, DeviceNo,
    DirectoryError, NewUser, Opened, ParticipantNo, Pass, Reader, ReceiptsCommand, RemindCommand,
    Removed, ReplyCommand, SendCommand, Settings, State, StoreError, Writer,
};

/// See the module.
pub struct Desk {
    /// The store's writer.
    pub writer: Box<dyn Writer>,
    /// The store's readers.
    pub reader: Arc<dyn Reader>,
    /// What decisions depend on.
    pub settings: Settings,
    /// The time; each batch moves it on by a millisecond.
    pub now: Timestamp,
    /// Whether the store is told with each batch that another one follows.
    pub more: bool,
    /// How much the last batch asked the store for: things wanted, and rows of windows, over all rounds.
    pub wanted: usize,
    /// What the last batch changed.
    pub changes: Changes,
    state: State,
    salts: u64,
    batches: u128,
}

/// An id that a test wrote down.
fn id(text: &str) -> ParticipantId {
    ParticipantId::new(text).expect("a test gives good ids")
}

impl Desk {
    /// A desk at a store.
    pub fn new(opened: Opened) -> Self {
        Self {
            writer: opened.writer,
            reader: opened.reader,
            settings: Settings::default(),
            now: Timestamp::from_millis(1_800_000_000_000),
            more: false,
            wanted: 0,
            changes: Changes::default(),
            state: State::default(),
            salts: 0,
            batches: 0,
        }
    }

    /// Runs one batch.
    ///
    /// # Errors
    /// Those of the store; then nothing was written.
    pub fn try_batch(
        &mut self,
        commands: &[Command],
    ) -> Result<Vec<Result<Answer, ApiError>>, StoreError> {
        let commands: Vec<&Command> = commands.iter().collect();
        let result = self.try_commands(&commands);
        if result.is_err() {
            self.state = State::default();
        }
        result
    }

    fn try_commands(
        &mut self,
        commands: &[&Command],
    ) -> Result<Vec<Result<Answer, ApiError>>, StoreError> {
        self.now = self.now.plus_millis(1);
        self.batches += 1;
        self.wanted = 0;
        if !self.writer.begin()? {
            self.state = State::default();
        }
        self.load(commands, to_resolve)?;
        let locks = to_lock(commands, &self.state);
        self.writer.lock(&mut || locks.clone())?;
        self.load(commands, to_read)?;
        let salts = &mut self.salts;
        let mut salt = || {
            *salts += 1;
            *salts * 0x1234_5671
        };
        let mut context = Context {
            settings: self.settings,
            now: self.now,
            salt: &mut salt,
        };
        let results = commands
            .iter()
            .map(|command| decide(&mut self.state, command, &mut context))
            .collect();
        self.writer.save(&self.state.changes)?;
        let flush = self.writer.write(BatchId(self.batches), self.more)?;
        flush.map_or(Ok(()), |flush| flush())?;
        self.changes = self.state.end_batch();
        check_locks(&locks, &self.changes, commands);
        Ok(results)
    }

    fn load(
        &mut self,
        commands: &[&Command],
        needs: fn(&[&Command], &State) -> Wanted,
    ) -> Result<(), StoreError> {
        loop {
            let wanted = needs(commands, &self.state);
            if wanted.is_empty() {
                return Ok(());
            }
            self.wanted += count(&wanted);
            self.writer.load(&wanted, &mut self.state)?;
            let rows = wanted
                .windows
                .keys()
                .filter_map(|key| self.state.windows.get(key));
            self.wanted += rows.map(|window| window.rows.len()).sum::<usize>();
        }
    }

    /// Runs one batch on a store that works.
    ///
    /// # Panics
    /// When the store fails.
    pub fn batch(&mut self, commands: &[Command]) -> Vec<Result<Answer, ApiError>> {
        self.try_batch(commands).expect("the store works")
    }

    /// Runs one command alone.
    ///
    /// # Errors
    /// The refusal.
    pub fn run(&mut self, command: Command) -> Result<Answer, ApiError> {
        self.batch(&[command])
            .pop()
            .expect("one answer for one command")
    }

    /// Adds a user to the directory.
    pub fn add_user(&mut self, name: &str) {
        let user = NewUser {
            id: id(name),
            name: None,
            role: Role::Crew,
            password: None,
        };
        let now = self.now;
        self.directory(|directory| directory.add_user(&user, now))
            .expect("the user is new");
    }

    /// Acts on the directory.
    ///
    /// # Errors
    /// Those of the act.
    pub fn directory<T>(
        &mut self,
        act: impl FnOnce(&mut dyn crewline_core::Directory) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        act(self.writer.directory())
    }

    /// Sends from an external to users.
    ///
    /// # Errors
    /// The refusal.
    pub fn send(&mut self, from: &str, to: &[&str], text: &str) -> Result<SentMessage, ApiError> {
        self.send_message(
            NewMessage::builder(from, from, text)
                .to_all(to.iter().copied().map(NewMessageUser::new))
                .build()?,
        )
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The refusal.
    pub fn send_message(&mut self, message: NewMessage) -> Result<SentMessage, ApiError> {
        sent(self.run(Command::Send(SendCommand::new(message, DeviceNo(0))?)))
    }

    /// A user replies.
    ///
    /// # Errors
    /// The refusal.
    pub fn reply(
        &mut self,
        from: &str,
        chat: ChatId,
        reply: NewReply,
        key: Option<&str>,
    ) -> Result<SentMessage, ApiError> {
        let key = key.map(|key| IdempotencyKey::new(key).expect("a test gives good keys"));
        sent(self.run(Command::Reply(ReplyCommand::new(
            person(from, 1),
            chat,
            reply,
            key,
        )?)))
    }

    /// Makes a chat.
    ///
    /// # Errors
    /// The refusal.
    pub fn chat(&mut self, actor: Actor, others: &[&str]) -> Result<Answer, ApiError> {
        self.run(Command::Chat(ChatCommand::new(
            actor,
            others.iter().map(|other| id(other)).collect(),
            Vec::new(),
        )?))
    }

    /// Says receipts.
    ///
    /// # Errors
    /// The refusal.
    pub fn receipts(
        &mut self,
        actor: Actor,
        receipts: Vec<ReceiptSaid>,
    ) -> Result<Vec<ReceiptResult>, ApiError> {
        match self.run(Command::Receipts(ReceiptsCommand::new(actor, receipts)?))? {
            Answer::Receipts(results) => Ok(results),
            other => panic!("receipts were answered with {other:?}"),
        }
    }

    /// Says one receipt of one message, as a user's first device.
    ///
    /// # Errors
    /// The refusal.
    pub fn say(
        &mut self,
        who: &str,
        message: MessageId,
        state: ReceiptState,
    ) -> Result<ReceiptResult, ApiError> {
        let mut results = self.receipts(person(who, 1), vec![said(message, state)])?;
        Ok(results.pop().expect("one result for one receipt"))
    }

    /// The command of a reminder.
    pub fn reminder(
        actor: Actor,
        watched: Option<ParticipantId>,
        message: MessageId,
        until: Option<ReceiptState>,
    ) -> Command {
        Command::Remind(RemindCommand {
            actor,
            watched,
            message: Some(message),
            reminder: NewReminder { until },
        })
    }

    /// Reminds of a message.
    ///
    /// # Errors
    /// The refusal.
    pub fn remind(
        &mut self,
        actor: Actor,
        watched: Option<ParticipantId>,
        message: MessageId,
        until: Option<ReceiptState>,
    ) -> Result<Answer, ApiError> {
        self.run(Self::reminder(actor, watched, message, until))
    }

    /// Puts a cursor.
    ///
    /// # Errors
    /// The refusal.
    pub fn put_cursor(
        &mut self,
        actor: Actor,
        name: &str,
        seq: Seq,
        kinds: EventKinds,
        rewind: bool,
    ) -> Result<Seq, ApiError> {
        let name = CursorName::new(name).expect("a test gives good names");
        match self.run(Command::Cursor(CursorCommand {
            actor,
            name,
            seq,
            kinds,
            rewind,
        }))? {
            Answer::Cursor(cursor) => Ok(cursor.seq),
            other => panic!("a cursor was answered with {other:?}"),
        }
    }

    /// The number of a participant.
    pub fn no(&self, who: &str) -> Option<ParticipantNo> {
        self.reader
            .participant(&id(who))
            .expect("the store reads")
            .map(|row| row.no)
    }

    /// Removes what is old, in steps of about `rows` rows; returns what that was, and how many steps it took.
    ///
    /// # Panics
    /// When the store fails, or does not come to an end.
    pub fn prune(&mut self, cut: Cut, rows: usize) -> (Removed, usize) {
        let mut pass = Pass::new(cut);
        for step in 1..=100_000 {
            self.writer.prune(&mut pass, rows).expect("the store works");
            if pass.is_done() {
                return (pass.removed, step);
            }
        }
        panic!("the pass does not end: {pass:?}");
    }

    /// What a participant's log still holds; checks that it has no gap.
    pub fn log(&self, who: &str) -> Vec<Event> {
        let Some(no) = self.no(who) else {
            return Vec::new();
        };
        let first = self
            .reader
            .log(no, 0, EventKinds::ALL, 1)
            .expect("the store reads")
            .oldest;
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page = self
                .reader
                .log(no, after, EventKinds::ALL, 1_000)
                .expect("the store reads");
            after = page.next;
            events.extend(page.events);
            if after == page.head {
                break;
            }
        }
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event.seq, first + at as u64, "the log of {who} has a gap");
        }
        events
    }

    /// The log of a participant in short: `message.read(bob)` and the like.
    pub fn story(&self, who: &str) -> Vec<String> {
        self.log(who).iter().map(short).collect()
    }
}

/// Whatever a batch changed of what was stored before was locked (but the senders of what cursors confirm).
fn check_locks(locks: &Locks, changes: &Changes, commands: &[&Command]) {
    let made: Vec<_> = changes.chats.iter().map(|row| row.chat.no).collect();
    for chat in changes
        .chat_heads
        .keys()
        .chain(changes.members.keys().map(|(chat, _)| chat))
    {
        assert!(
            locks.chats.contains(chat) || made.contains(chat),
            "{chat:?} was changed and not locked"
        );
    }
    if commands
        .iter()
        .any(|command| matches!(command, Command::Cursor(_) | Command::Confirm(_)))
    {
        return;
    }
    for no in changes.touched() {
        let new = changes.participants.contains_key(&no);
        assert!(
            locks.participants.contains(&no) || new,
            "the log of {no:?} was written and not locked"
        );
    }
}

fn short(event: &Event) -> String {
    use crewline_api::EventData as D;
    let kind = event.data.kind();
    match &event.data {
        D::MessageReceived(data) | D::MessageSent(data) => format!("{kind}({})", data.message),
        D::MessageDelivered(data) | D::MessageRead(data) | D::MessageAcknowledged(data) => {
            let implied = if data.implied { ", implied" } else { "" };
            format!("{kind}({}{implied})", data.user_id)
        }
        D::MessageReminded(data) => format!("{kind}({}, {})", data.by_user_id, data.until),
        D::SelfRead(data) | D::SelfAcknowledged(data) => {
            format!("{kind}({}, unread {})", data.message_ids.len(), data.unread)
        }
        _ => kind.to_string(),
    }
}

fn sent(answer: Result<Answer, ApiError>) -> Result<SentMessage, ApiError> {
    match answer? {
        Answer::Sent { sent, .. } => Ok(sent),
        other => panic!("a send was answered with {other:?}"),
    }
}

fn count(wanted: &Wanted) -> usize {
    wanted.ids.len()
        + wanted.participants.len()
        + wanted.messages.len()
        + wanted.chats.len()
        + wanted.sets.len()
        + wanted.keys.len()
        + wanted.heads.len()
        + wanted.chat_heads.len()
        + wanted.members.len()
        + wanted.recipients.len()
        + wanted.payloads.len()
        + wanted.windows.len()
        + wanted.received.len()
        + wanted.cursors.len()
        + wanted.reminders.len()
        + wanted.groups.len()
}

/// A user on one of its devices.
pub fn person(who: &str, device: i64) -> Actor {
    Actor {
        id: id(who),
        external: false,
        device: DeviceNo(device),
    }
}

/// An external.
pub fn external(who: &str) -> Actor {
    Actor {
        id: id(who),
        external: true,
        device: DeviceNo(100),
    }
}

/// A receipt of one message.
pub fn said(message: MessageId, state: ReceiptState) -> ReceiptSaid {
    ReceiptSaid::Message {
        message_id: message.to_string(),
        state,
        at: None,
    }
}

/// A receipt up to a message.
pub fn up_to(chat: ChatId, message: MessageId) -> ReceiptSaid {
    ReceiptSaid::UpTo {
        chat_id: chat.to_string(),
        read_up_to: message.to_string(),
        at: None,
    }
}
