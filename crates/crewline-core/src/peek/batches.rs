//! Batches at their own time: loads, decides and commits as the engine does, but each command at the time it was meant.

use std::collections::BTreeSet;

use crewline_api::{
    ApiError, CursorName, ErrorCode, EventKind, EventKinds, IdempotencyKey, ParticipantId, Seq,
    Timestamp,
};

use super::import::ImportError;
use super::message::key_of;
use crate::command::{Actor, Answer, Command, CursorCommand};
use crate::decide::{Context, decide};
use crate::load::load_batch;
use crate::needs::Wanted;
use crate::port::{BatchId, StoreError, Writer};
use crate::state::{Settings, State};
use crate::{DeviceNo, MessageNo};

/// A command, and when it was meant.
pub(super) type Timed = (Command, Timestamp);
/// What came of the commands of a batch, in their order.
pub(super) type Answers = Vec<Result<Answer, ApiError>>;

/// The writer of a store, batch after batch.
pub(super) struct Batches<'s> {
    writer: &'s mut dyn Writer,
    salt: &'s mut dyn FnMut() -> u64,
    state: State,
    /// The cursors that go along with the logs of externals.
    cursors: Vec<CursorName>,
    now: Timestamp,
}

impl<'s> Batches<'s> {
    pub(super) fn new(
        writer: &'s mut dyn Writer,
        salt: &'s mut dyn FnMut() -> u64,
        cursors: Vec<CursorName>,
        now: Timestamp,
    ) -> Self {
        Self {
            writer,
            salt,
            state: State::default(),
            cursors,
            now,
        }
    }

    /// Whether the store holds messages.
    pub(super) fn has_messages(&mut self) -> Result<bool, StoreError> {
        self.writer.begin()?;
        let wanted = Wanted {
            numbers: true,
            ..Wanted::default()
        };
        let mut state = State::default();
        self.writer.load(&wanted, &mut state)?;
        self.writer.abort();
        self.state = State::default();
        Ok(state
            .numbers
            .is_some_and(|numbers| numbers.message > MessageNo(1)))
    }

    /// Whether one of these messages of the source, each with its sender, is in the store.
    pub(super) fn any_known(&mut self, messages: &[(i64, String)]) -> Result<bool, StoreError> {
        let asked: Vec<(ParticipantId, IdempotencyKey)> = messages
            .iter()
            .filter_map(|(id, from)| Some((ParticipantId::new(from).ok()?, key_of(*id)?)))
            .collect();
        self.writer.begin()?;
        let mut state = State::default();
        let mut wanted = Wanted {
            ids: asked.iter().map(|(id, _)| id.clone()).collect(),
            ..Wanted::default()
        };
        self.writer.load(&wanted, &mut state)?;
        let keys = asked
            .into_iter()
            .filter_map(|(id, key)| Some((state.no(&id)?, key)));
        wanted = Wanted {
            keys: keys.collect(),
            ..Wanted::default()
        };
        self.writer.load(&wanted, &mut state)?;
        self.writer.abort();
        self.state = State::default();
        Ok(state.keys.values().any(Option::is_some))
    }

    /// The directory: what was loaded before does not hold after it.
    pub(super) fn directory(&mut self) -> &mut dyn crate::directory::Directory {
        self.state = State::default();
        self.writer.directory()
    }

    /// Runs one batch, and returns when it is durable. `check` may stop it before anything is written. The cursors of
    /// `externals` that had nothing waiting have nothing waiting afterwards.
    pub(super) fn run(
        &mut self,
        commands: &[Timed],
        externals: &BTreeSet<ParticipantId>,
        check: &mut dyn FnMut(&Answers) -> Result<(), ImportError>,
    ) -> Result<Answers, ImportError> {
        let done = self.try_run(commands, externals, check);
        if done.is_err() {
            self.writer.abort();
            self.state = State::default();
        }
        done
    }

    fn try_run(
        &mut self,
        commands: &[Timed],
        externals: &BTreeSet<ParticipantId>,
        check: &mut dyn FnMut(&Answers) -> Result<(), ImportError>,
    ) -> Result<Answers, ImportError> {
        if !self.writer.begin()? {
            self.state = State::default();
        }
        let pairs: Vec<(&ParticipantId, CursorName)> = externals
            .iter()
            .flat_map(|id| self.cursors.iter().map(move |name| (id, name.clone())))
            .collect();
        let moves: Vec<Command> = pairs
            .iter()
            .map(|(id, name)| put_cursor(id, name, 0))
            .collect();
        let all: Vec<&Command> = commands
            .iter()
            .map(|(command, _)| command)
            .chain(&moves)
            .collect();
        load_batch(self.writer, &all, &mut self.state)?;
        let idle: Vec<&(&ParticipantId, CursorName)> = pairs
            .iter()
            .filter(|(id, name)| self.is_idle(id, name))
            .collect();
        let answers: Answers = commands
            .iter()
            .map(|(command, at)| self.decide(command, *at))
            .collect();
        for (id, name) in idle {
            self.move_cursor(id, name)?;
        }
        check_internal(&answers)?;
        check(&answers)?;
        if self.state.changes.is_empty() {
            self.writer.abort();
        } else {
            let batch = u128::from((self.salt)()) << 64 | u128::from((self.salt)());
            self.writer.commit(&self.state.changes, BatchId(batch))?;
        }
        self.state.end_batch();
        Ok(answers)
    }

    fn decide(&mut self, command: &Command, now: Timestamp) -> Result<Answer, ApiError> {
        let mut context = Context {
            settings: Settings::default(),
            now,
            salt: self.salt,
        };
        decide(&mut self.state, command, &mut context)
    }

    /// Whether nothing waits for a cursor of an external.
    fn is_idle(&self, id: &ParticipantId, name: &CursorName) -> bool {
        self.head_and_place(id, name)
            .is_some_and(|(head, place)| head == place)
    }

    /// Where the log of an external ends, and where its cursor stands; at the start, where it was never put.
    fn head_and_place(&self, id: &ParticipantId, name: &CursorName) -> Option<(Seq, Seq)> {
        let no = self.state.no(id)?;
        let head = self.state.heads.get(&no)?.head;
        let cursor = self.state.cursors.get(&(no, name.clone())).copied()?;
        Some((head, cursor.map_or(0, |cursor| cursor.seq)))
    }

    fn move_cursor(&mut self, id: &ParticipantId, name: &CursorName) -> Result<(), ImportError> {
        if let Some((head, place)) = self.head_and_place(id, name)
            && head != place
        {
            self.decide(&put_cursor(id, name, head), self.now)
                .map_err(|error| ImportError::Internal(error.detail))?;
        }
        Ok(())
    }
}

fn put_cursor(id: &ParticipantId, name: &CursorName, seq: Seq) -> Command {
    Command::Cursor(CursorCommand {
        actor: Actor {
            id: id.clone(),
            external: true,
            device: DeviceNo(0),
        },
        name: name.clone(),
        seq,
        // Without messages received: nobody has said that they were delivered.
        kinds: EventKinds::from_iter([EventKind::ChatCreated]),
        rewind: false,
    })
}

fn check_internal(answers: &Answers) -> Result<(), ImportError> {
    let fault = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .find(|error| error.code == ErrorCode::Internal);
    fault.map_or(Ok(()), |error| {
        Err(ImportError::Internal(error.detail.clone()))
    })
}
