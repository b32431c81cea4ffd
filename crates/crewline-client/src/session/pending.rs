//! Commands of a session: waiting to be written, or written and not answered yet.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::Error;

/// Commands that may be under way at once. Those beyond it wait in their callers.
pub(super) const COMMANDS_MAX: usize = 256;
/// Bytes of their frames, as many as a server takes of one session. One may come on top of it.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a handle asks of the task.
#[derive(Debug)]
pub(super) enum Command {
    /// A command for the server.
    Do(Asked),
    /// An end in good order; told when it is there.
    Close(oneshot::Sender<()>),
}

/// A command for the server.
#[derive(Debug)]
pub(super) struct Asked {
    /// The number by which its answer is told apart: one for the life of the session, so that a frame is written again as
    /// it is.
    pub(super) id: u64,
    /// The frame.
    pub(super) frame: Utf8Bytes,
    /// Whom to answer. Gone when the caller has dropped the call.
    pub(super) answer: oneshot::Sender<Result<Box<RawValue>, Error>>,
}

/// Commands without an answer.
#[derive(Debug, Default)]
pub(super) struct Pending {
    asked: BTreeMap<u64, Asked>,
    bytes: usize,
}

impl Pending {
    /// Whether another command may be taken.
    pub(super) fn has_room(&mut self) -> bool {
        if self.is_full() {
            self.forget_dropped();
        }
        !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.asked.len() >= COMMANDS_MAX || self.bytes >= BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Keeps a command until it is answered.
    pub(super) fn keep(&mut self, asked: Asked) {
        self.bytes += asked.frame.len();
        self.asked.insert(asked.id, asked);
    }

    /// Answers a command. An answer to none was to one whose caller has gone.
    pub(super) fn answer(&mut self, id: u64, outcome: Result<Box<RawValue>, Error>) {
        if let Some(asked) = self.asked.remove(&id) {
            self.bytes -= asked.frame.len();
            // Nobody may wait for it any more.
            let _ = asked.answer.send(outcome);
        }
    }

    /// Forgets commands whose callers have gone.
    pub(super) fn forget_dropped(&mut self) {
        self.asked.retain(|_, asked| !asked.answer.is_closed());
        self.bytes = self.asked.values().map(|asked| asked.frame.len()).sum();
    }

    /// The frames of all that were not answered, the oldest first: to be written on a new connection.
    pub(super) fn frames(&self) -> impl Iterator<Item = Utf8Bytes> {
        self.asked.values().map(|asked| asked.frame.clone())
    }

    /// Fails all.
    pub(super) fn fail(&mut self, error: &Error) {
        for (_, asked) in std::mem::take(&mut self.asked) {
            let _ = asked.answer.send(Err(error.clone()));
        }
        self.bytes = 0;
    }
}
