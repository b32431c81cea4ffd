//! An import: rows of the source go in, in the order of their times, and a report comes out.

use std::collections::BTreeSet;

use crewline_api::{ApiError, CursorName, ErrorCode, ParticipantId, Priority, Timestamp};

use super::batches::{Answers, Batches, Timed};
use super::message::{self, Post};
use super::people::{chat_command, make_known};
use super::plan::{Mark, Plan, plan};
use super::reading::{Reading, newly_read};
use super::report::{Kind, Report};
use super::{SourceChat, SourceMember, SourceMessage};
use crate::command::Answer;
use crate::directory::DirectoryError;
use crate::load::{BATCH_BYTES_MAX, BATCH_ROWS_MAX};
use crate::port::{Reader, StoreError, Writer};
use crate::state::Standing;

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

    fn count(&mut self, waiting: Waiting, answer: Option<Result<Answer, ApiError>>) {
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
        let reading = Reading::new(mark, set);
        if reading.is_none() {
            // It is older than every message that is left: there is nothing to read.
            self.report.read_marks.known += 1;
        }
        reading
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
            for (command, weight) in reading.commands(set.chat) {
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

/// A key that was used for something else is of another source.
fn judge(answers: &Answers, of: &[&Waiting]) -> Result<(), ImportError> {
    let other = answers.iter().zip(of).find(
        |(answer, _)| matches!(answer, Err(error) if error.code == ErrorCode::IdempotencyMismatch),
    );
    other.map_or(Ok(()), |(_, waiting)| {
        Err(ImportError::OtherSource(waiting.source))
    })
}

fn externals_of(set: &super::plan::Set) -> impl Iterator<Item = ParticipantId> + '_ {
    let externals = set.members.iter().filter(|(_, external)| **external);
    externals.map(|(id, _)| id.clone())
}
