//! Commands of a session: each becomes a command of the engine, in the order in which they came; answers come as they
//! are ready.

use crewline_api::{ApiError, ReceiptsDone};
use crewline_core::{Answer, Command};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::acks::Confirmed;
use super::frame::{self, What};
use crate::acting::Owner;
use crate::app::Edge;
use crate::auth::Caller;
use crate::chat::chat_command;
use crate::message::{Key, reply_command, send_command};
use crate::problem::{document, internal};
use crate::receipt::receipts_command;
use crate::reminder::remind_command;

/// Most commands of one session under way.
const COMMANDS_MAX: usize = 256;
/// Most bytes of one session's commands under way, about. One that is larger goes alone.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What became ready.
pub(super) enum Ready {
    /// A command was answered.
    Done {
        /// The frame that says so.
        frame: Vec<u8>,
        /// The bytes that the command took.
        bytes: usize,
    },
    /// An act of confirming ended.
    Confirmed(Confirmed),
    /// It is time to try again to confirm.
    ConfirmAgain,
    /// It is time to read the log again.
    Rested,
}

/// What a session waits for.
#[derive(Default)]
pub(super) struct UnderWay {
    futures: FuturesUnordered<BoxFuture<'static, Ready>>,
    commands: usize,
    bytes: usize,
}

impl UnderWay {
    /// Whether another command may begin. Until then the session does not read: the client's own buffers fill.
    pub(super) fn has_room(&self) -> bool {
        self.commands < COMMANDS_MAX && self.bytes < BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.futures.is_empty()
    }

    pub(super) fn push(&mut self, future: BoxFuture<'static, Ready>) {
        self.futures.push(future);
    }

    /// What is ready next; waits for it. `None` where nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Ready> {
        let ready = self.futures.next().await;
        if let Some(Ready::Done { bytes, .. }) = &ready {
            self.commands -= 1;
            self.bytes -= bytes;
        }
        ready
    }

    fn begin(&mut self, bytes: usize, future: BoxFuture<'static, Ready>) {
        self.commands += 1;
        self.bytes += bytes;
        self.futures.push(future);
    }
}

/// Who asks.
pub(super) struct Asking<'a> {
    pub(super) edge: &'a Edge,
    pub(super) caller: &'a Caller,
    pub(super) owner: &'a Owner,
    pub(super) request_id: &'a str,
}

impl Asking<'_> {
    /// Begins a command; returns its answer where it is refused at once.
    pub(super) async fn begin(
        &self,
        id: u64,
        what: What<'_>,
        under_way: &mut UnderWay,
    ) -> Option<Vec<u8>> {
        let command = match self.read(what).await {
            Ok(command) => command,
            Err(error) => return Some(self.refuse(id, &error)),
        };
        let bytes = command.bytes();
        match self.edge.engine.enqueue(command) {
            Ok(answer) => {
                let request_id = self.request_id.to_owned();
                under_way.begin(
                    bytes,
                    Box::pin(async move {
                        let frame = match answer.await {
                            Ok(answer) => done(id, answer),
                            Err(error) => refuse(id, &error, &request_id),
                        };
                        Ready::Done { frame, bytes }
                    }),
                );
                None
            }
            Err(error) => Some(self.refuse(id, &error)),
        }
    }

    async fn read(&self, what: What<'_>) -> Result<Command, ApiError> {
        match what {
            What::Send(body) => send_command(self.edge, self.caller, body, Key::Inside).await,
            What::Reply(body) => reply_command(self.caller, body),
            What::CreateChat(body) => chat_command(self.edge, self.caller, body).await,
            What::Remind(body) => remind_command(self.edge, self.caller, body).await,
            What::Receipts(list) => receipts_command(self.owner.receipts_actor()?.clone(), list),
            What::Unclear(error) => Err(error),
        }
    }

    fn refuse(&self, id: u64, error: &ApiError) -> Vec<u8> {
        refuse(id, error, self.request_id)
    }
}

fn done(id: u64, answer: Answer) -> Vec<u8> {
    match answer {
        Answer::Sent { sent, .. } => frame::done(id, &sent),
        Answer::Chat { chat, .. } => frame::done(id, &chat),
        Answer::Reminded { reminded, .. } => frame::done(id, &reminded),
        Answer::Receipts(results) => frame::done(id, &ReceiptsDone { results }),
        // The engine answers each command with its own kind of answer.
        Answer::Cursor(_) | Answer::Confirmed(_) | Answer::Appeared(_) => {
            frame::refused(id, &document(&internal(), ""))
        }
    }
}

fn refuse(id: u64, error: &ApiError, request_id: &str) -> Vec<u8> {
    frame::refused(id, &document(error, request_id))
}
