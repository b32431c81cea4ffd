//! An import: rows of the source go in, in the order of their times, and a report comes out.

use std::collections::BTreeSet;

use crewline_api::{
    CursorName, ErrorCode, MessageId, Outcome, ParticipantId, Priority, ReceiptState, Role,
    Timestamp,
};

use super::batches::{Answers, Batches, Timed};
use super::message::{self, Post};
use super::plan::{Mark, Plan, STEP, plan};
use super::report::{Kind, Report};
use super::{SourceChat, SourceMember, SourceMessage};
use crate::DeviceNo;
use crate::command::{
    Actor, Answer, ChatCommand, Command, ReceiptCommand, ReceiptsCommand, Recipient,
};
use crate::directory::{DirectoryError, ImportRow, NewUser};
use crate::port::{Reader, StoreError, Writer};
use crate::state::{Payloads, Standing};

/// Most rows and bytes of a batch, about.
const BATCH_ROWS_MAX: usize = 16_384;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Users and externals made at once.
const PEOPLE_MAX: usize = 500;
/// Most emergencies that one command reads.
const EMERGENCIES_MAX: usize = 500;
/// Rows that reading one message writes: the fact, the recipient, two events.
const ROWS_OF_A_READ: usize = 4;

/// Why an import stopped. What it had written stays, and the next run goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory refused somebody.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store holds a message of another source under the same number.
    #[error(
        "the store holds another message as number {0} of its source: it was filled from another one"
    )]
    OtherSource(i64),
    /// The store holds messages, and none that is in the source.
    #[error("the store holds messages already, and none of them is of this source")]
    NotOurs,
    /// A fault of the house.
    #[error("a fault of this program: {0}")]
    Internal(String),
}

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Named cursors of each external that go along with its log where nothing waited for them: their consumers begin
    /// with what comes after the import.
    pub cursors: Vec<CursorName>,
    /// Take a store that holds messages, none of which is of this source.
    pub add: bool,
}

/// Where to.
pub struct Target<'s> {
    /// The writer of the store.
    pub writer: &'s mut dyn Writer,
    /// A reader of it.
    pub reader: &'s dyn Reader,
    /// Gives the salt of the next id.
    pub salt: &'s mut dyn FnMut() -> u64,
}

/// See the module.
pub struct Import<'s> {
    batches: Option<Batches<'s>>,
    plan: Plan,
    report: Report,
    now: Timestamp,
    /// Messages to be written, and marks between them: each with how many messages are before it.
    waiting: Vec<Waiting>,
    marks: Vec<(usize, Mark)>,
    rows: usize,
    bytes: usize,
}

/// What is read of the source before messages come one by one.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The chats.
    pub chats: Vec<SourceChat>,
    /// Those who are in them.
    pub members: Vec<SourceMember>,
    /// The ids and senders of some of its first messages: a store that holds messages must know one of them.
    pub first: Vec<(i64, String)>,
}

struct Waiting {
    source: i64,
    post: Post,
    command: Option<Timed>,
}

/// A mark, with what it reads.
struct Reading {
    mark: Mark,
    up_to: Vec<MessageId>,
    emergencies: Vec<MessageId>,
}

impl<'s> Import<'s> {
    /// Takes people and chats. Without a target nothing is written, and the report says what would be.
    ///
    /// # Errors
    /// Those of the store.
    pub fn begin(
        source: Source,
        target: Option<Target<'s>>,
        options: Options,
        now: Timestamp,
    ) -> Result<Self, ImportError> {
        let mut report = Report::default();
        let mut find = |id: &ParticipantId| match &target {
            Some(target) => target.reader.participant(id),
            None => Ok(None),
        };
        let mut plan = plan(source.chats, source.members, &mut find, &mut report)?;
        plan.has_store = target.is_some();
        let batches =
            target.map(|target| Batches::new(target.writer, target.salt, options.cursors, now));
        let mut import = Self {
            batches,
            plan,
            report,
            now,
            waiting: Vec::new(),
            marks: Vec::new(),
            rows: 0,
            bytes: 0,
        };
        if let Some(batches) = &mut import.batches
            && !options.add
            && batches.has_messages()?
            && !batches.any_known(&source.first)?
        {
            return Err(ImportError::NotOurs);
        }
        import.take_people()?;
        import.take_chats()?;
        Ok(import)
    }

    /// Makes users and externals known who are not.
    fn take_people(&mut self) -> Result<(), ImportError> {
        let (mut users, mut externals) = (Vec::new(), Vec::new());
        for (id, external) in &self.plan.people {
            let row = self.plan.known.get(id);
            let known = row.is_some_and(|row| row.standing != Standing::Expected);
            let (counts, list) = if *external {
                (&mut self.report.externals, &mut externals)
            } else {
                (&mut self.report.users, &mut users)
            };
            if known {
                counts.known += 1;
            } else {
                counts.new += 1;
                list.push(id.clone());
            }
        }
        let Some(batches) = &mut self.batches else {
            return Ok(());
        };
        make_known(batches, &users, &externals, self.now, &mut self.report)
    }

    fn take_chats(&mut self) -> Result<(), ImportError> {
        let Some(batches) = &mut self.batches else {
            self.report.chats.new = self.plan.sets.len() as u64;
            return Ok(());
        };
        let mut from = 0;
        while from < self.plan.sets.len() {
            let mut commands: Vec<Timed> = Vec::new();
            let (mut externals, mut rows) = (BTreeSet::new(), 0);
            for set in &self.plan.sets[from..] {
                let command = chat_command(&set.members);
                rows += command.rows();
                if rows > BATCH_ROWS_MAX && !commands.is_empty() {
                    break;
                }
                externals.extend(externals_of(set));
                commands.push((command, set.at.min(self.now)));
            }
            let answers = batches.run(&commands, &externals, &mut |_| Ok(()))?;
            for (set, answer) in self.plan.sets[from..].iter_mut().zip(answers) {
                match answer {
                    Ok(Answer::Chat { chat, new }) => {
                        set.chat = Some(chat.chat_id);
                        if new {
                            self.report.chats.new += 1;
                        } else {
                            self.report.chats.known += 1;
                        }
                    }
                    Ok(_) => {}
                    Err(error) => self.report.leave(Kind::Chat, set.source, error.detail),
                }
            }
            from += commands.len();
        }
        Ok(())
    }

    /// Takes a message: in the order of time, then id.
    ///
    /// # Errors
    /// Those of the store, and that it is not of this source.
    pub fn message(&mut self, row: SourceMessage) -> Result<(), ImportError> {
        let source = row.id;
        if let Some(at) = row.at {
            self.pass_marks(at);
        }
        let Some(post) = message::check(&self.plan, row, &mut self.report) else {
            return Ok(());
        };
        if post.at > self.now {
            let what = "is of the time of the import here; it was in the future";
            self.report.change(Kind::Message, source, what);
        }
        let command = match &self.batches {
            None => None,
            Some(_) => post.command(&self.plan.sets[post.set], &self.plan),
        };
        let command = command.map(|command| (command, post.at.min(self.now)));
        if let Some((command, _)) = &command {
            self.rows += command.rows() + self.plan.sets[post.set].members.len();
            self.bytes += command.bytes();
        }
        self.waiting.push(Waiting {
            source,
            post,
            command,
        });
        let full = self.rows >= BATCH_ROWS_MAX || self.bytes >= BATCH_BYTES_MAX;
        if full || self.waiting.len() >= BATCH_ROWS_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// A payload of the source whose message is not there.
    pub fn lost_payload(&mut self, id: i64, message: i64) {
        let why = format!("its message {message} is not there");
        self.report.leave(Kind::Payload, id, why);
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`Import::message`].
    pub fn finish(mut self) -> Result<Report, ImportError> {
        self.pass_marks(Timestamp::from_millis(i64::MAX));
        self.flush()?;
        Ok(self.report)
    }

    /// Marks that were set before a time read nothing that was sent at it.
    fn pass_marks(&mut self, at: Timestamp) {
        while self.plan.marks.front().is_some_and(|mark| mark.at < at) {
            if let Some(mark) = self.plan.marks.pop_front() {
                self.marks.push((self.waiting.len(), mark));
            }
        }
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        let waiting = std::mem::take(&mut self.waiting);
        let marks = std::mem::take(&mut self.marks);
        (self.rows, self.bytes) = (0, 0);
        let answers = self.write(&waiting)?;
        let mut answers = answers.into_iter();
        let mut readings = Vec::new();
        let mut marks = marks.into_iter().peekable();
        for (at, waiting) in waiting.into_iter().enumerate() {
            while let Some((_, mark)) = marks.next_if(|(before, _)| *before <= at) {
                readings.extend(self.reading(mark));
            }
            if waiting.command.is_some() || self.batches.is_none() {
                self.count(waiting, answers.next());
            }
        }
        for (_, mark) in marks {
            readings.extend(self.reading(mark));
        }
        self.read(&readings)
    }

    /// Writes messages; their answers stand in the order of those that have a command.
    fn write(&mut self, waiting: &[Waiting]) -> Result<Answers, ImportError> {
        let Some(batches) = &mut self.batches else {
            return Ok(Vec::new());
        };
        let with: Vec<&Waiting> = waiting.iter().filter(|w| w.command.is_some()).collect();
        if with.is_empty() {
            return Ok(Vec::new());
        }
        let commands: Vec<Timed> = with.iter().filter_map(|w| w.command.clone()).collect();
        let sets: BTreeSet<usize> = with.iter().map(|w| w.post.set).collect();
        let externals = sets
            .iter()
            .flat_map(|set| externals_of(&self.plan.sets[*set]))
            .collect();
        batches.run(&commands, &externals, &mut |answers| judge(answers, &with))
    }

    fn count(&mut self, waiting: Waiting, answer: Option<Result<Answer, crewline_api::ApiError>>) {
        let Waiting { source, post, .. } = waiting;
        let payloads = post.payloads.len() as u64;
        let (new, message) = match answer {
            None => (true, None),
            Some(Ok(Answer::Sent { sent, again })) => (!again, Some(sent.message_id)),
            Some(Ok(_)) => return,
            Some(Err(error)) => {
                let with = match payloads {
                    0 => String::new(),
                    _ => format!(" {payloads} payloads were left with it."),
                };
                let why = format!("{}{with}", error.detail);
                self.report.leave(Kind::Message, source, why);
                self.report.payloads.left += payloads;
                return;
            }
        };
        if new {
            self.report.messages.new += 1;
            self.report.payloads.new += payloads;
            self.report.payloads_fired += post.fired;
        } else {
            self.report.messages.known += 1;
            self.report.payloads.known += payloads;
        }
        if let Some(message) = message {
            let emergency = post.priority == Priority::Emergency;
            self.plan.sets[post.set].took(message, emergency.then_some(post.sender));
        }
    }

    /// What a mark reads of what is there by now.
    fn reading(&mut self, mark: Mark) -> Option<Reading> {
        let set = &self.plan.sets[mark.set];
        if self.batches.is_none() {
            self.report.read_marks.new += 1;
            return None;
        }
        let Some(last) = set.last else {
            // It is older than every message that is left: there is nothing to read.
            self.report.read_marks.known += 1;
            return None;
        };
        let own = |sender: &ParticipantId| *sender == mark.who;
        let emergencies = set.emergencies.iter().filter(|(_, sender)| !own(sender));
        let emergencies = emergencies.map(|(message, _)| *message).collect();
        let mut up_to = set.steps.clone();
        if up_to.last() != Some(&last) {
            up_to.push(last);
        }
        Some(Reading {
            mark,
            up_to,
            emergencies,
        })
    }

    fn read(&mut self, readings: &[Reading]) -> Result<(), ImportError> {
        let Some(batches) = &mut self.batches else {
            return Ok(());
        };
        let mut newly: BTreeSet<usize> = BTreeSet::new();
        let (mut commands, mut of, mut rows) = (Vec::new(), Vec::new(), 0);
        let mut externals = BTreeSet::new();
        for (at, reading) in readings.iter().enumerate() {
            let set = &self.plan.sets[reading.mark.set];
            for (command, weight) in reading.commands(set.chat, set.members.get(&reading.mark.who))
            {
                if rows + weight > BATCH_ROWS_MAX && !commands.is_empty() {
                    let answers = batches.run(&commands, &externals, &mut |_| Ok(()))?;
                    newly.extend(newly_read(&of, &answers));
                    commands.clear();
                    of.clear();
                    externals.clear();
                    rows = 0;
                }
                rows += weight;
                externals.extend(externals_of(set));
                commands.push((command, reading.mark.at.min(self.now)));
                of.push(at);
            }
        }
        if !commands.is_empty() {
            let answers = batches.run(&commands, &externals, &mut |_| Ok(()))?;
            newly.extend(newly_read(&of, &answers));
        }
        self.report.read_marks.new += newly.len() as u64;
        self.report.read_marks.known += (readings.len() - newly.len()) as u64;
        Ok(())
    }
}

impl Reading {
    /// As commands, each with about how many rows it writes.
    fn commands(
        &self,
        chat: Option<crewline_api::ChatId>,
        external: Option<&bool>,
    ) -> Vec<(Command, usize)> {
        let Some(chat) = chat else {
            return Vec::new();
        };
        let actor = Actor {
            id: self.mark.who.clone(),
            external: external.copied().unwrap_or_default(),
            device: DeviceNo(0),
        };
        let command = |receipts| {
            Command::Receipts(ReceiptsCommand {
                actor: actor.clone(),
                receipts,
            })
        };
        let steps = self.up_to.iter().map(|message| {
            let receipt = ReceiptCommand::UpTo {
                given: String::new(),
                place: Some((chat, *message)),
                at: None,
            };
            (command(vec![receipt]), ROWS_OF_A_READ * STEP)
        });
        let emergencies = self.emergencies.chunks(EMERGENCIES_MAX).map(|messages| {
            let receipts = messages.iter().map(|message| ReceiptCommand::Message {
                given: String::new(),
                message: Some(*message),
                state: ReceiptState::Read,
                at: None,
            });
            let rows = ROWS_OF_A_READ * messages.len();
            (command(receipts.collect()), rows)
        });
        steps.chain(emergencies).collect()
    }
}

/// A key that was used for something else is of another source.
fn judge(answers: &Answers, of: &[&Waiting]) -> Result<(), ImportError> {
    let other = answers.iter().zip(of).find(
        |(answer, _)| matches!(answer, Err(error) if error.code == ErrorCode::IdempotencyMismatch),
    );
    other.map_or(Ok(()), |(_, waiting)| {
        Err(ImportError::OtherSource(waiting.source))
    })
}

/// Which readings of these commands read something that was not read before.
fn newly_read<'a>(of: &'a [usize], answers: &'a Answers) -> impl Iterator<Item = usize> + 'a {
    let is_new = |answer: &Result<Answer, crewline_api::ApiError>| match answer {
        Ok(Answer::Receipts(results)) => results.iter().any(|r| r.outcome == Outcome::New),
        _ => false,
    };
    of.iter()
        .zip(answers)
        .filter(move |(_, answer)| is_new(answer))
        .map(|(at, _)| *at)
}

fn externals_of(set: &super::plan::Set) -> impl Iterator<Item = ParticipantId> + '_ {
    let externals = set.members.iter().filter(|(_, external)| **external);
    externals.map(|(id, _)| id.clone())
}

/// Makes a chat: an external of it does, where there is one.
fn chat_command(members: &std::collections::BTreeMap<ParticipantId, bool>) -> Command {
    let maker = members.iter().find(|(_, external)| **external);
    let maker = maker.or_else(|| members.iter().next());
    // A set without people was left when the plan was made.
    let (id, external) = maker.expect("a chat that is taken has members");
    let others = members.keys().filter(|other| *other != id);
    Command::Chat(ChatCommand {
        actor: Actor {
            id: id.clone(),
            external: *external,
            device: DeviceNo(0),
        },
        others: others
            .map(|id| Recipient {
                id: id.clone(),
                field: String::new(),
                payloads: Payloads::default(),
            })
            .collect(),
    })
}

fn make_known(
    batches: &mut Batches<'_>,
    users: &[ParticipantId],
    externals: &[ParticipantId],
    now: Timestamp,
    report: &mut Report,
) -> Result<(), ImportError> {
    for ids in users.chunks(PEOPLE_MAX) {
        let row = |id: &ParticipantId| ImportRow {
            user: NewUser {
                id: id.clone(),
                name: None,
                role: Role::default(),
                password: None,
            },
            line: 0,
        };
        let rows: Vec<ImportRow> = ids.iter().map(row).collect();
        let done = batches.directory().import_users(&rows, false, now)?;
        let pairs = done.look_alikes.into_iter();
        report
            .look_alikes
            .extend(pairs.map(|(id, other)| (id.into(), other.into())));
    }
    for ids in externals.chunks(PEOPLE_MAX) {
        let appear = |id: &ParticipantId| {
            let actor = Actor {
                id: id.clone(),
                external: true,
                device: DeviceNo(0),
            };
            (Command::Appear(actor), now)
        };
        let commands: Vec<Timed> = ids.iter().map(appear).collect();
        for answer in batches.run(&commands, &BTreeSet::new(), &mut |_| Ok(()))? {
            answer.map_err(|error| ImportError::Internal(error.detail))?;
        }
    }
    Ok(())
}
