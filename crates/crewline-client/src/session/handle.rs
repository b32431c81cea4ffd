//! What a program holds of a session to act by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crewline_api::limits::REQUEST_BYTES_MAX;
use crewline_api::{
    Chat, ChatId, ClientFrame, Do, ErrorCode, IdempotencyKey, MessageId, NewChat, NewMessage,
    NewReminder, NewReply, ReceiptSaid, ReceiptsDone, Reminded, SentMessage, SocketRemind,
    SocketReply, SocketSend, What,
};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::buffer::Buffer;
use super::pending::{Asked, Command};
use crate::Error;
use crate::key::random_key;
use crate::retry::keep_trying;

/// A handle on a session, to act by it from anywhere; clones are cheap and act by the same connection.
///
/// The session lives until it and all its handles are dropped, or it is closed.
///
/// Commands survive a lost connection: those without an answer are written again on the next one, the same as before, so
/// that each is carried out once. What may succeed later is tried again while the client's patience lasts
/// ([`crate::ClientBuilder::patience`]). At most 256 commands (or 4 MiB of them) are under way at once; more of them
/// wait their turn.
///
/// # Cancellation
/// A command whose future is dropped may be carried out or not; it is not repeated on another connection.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    buffer: Arc<Buffer>,
    next_id: Arc<AtomicU64>,
    patience: Duration,
}

impl Handle {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        buffer: Arc<Buffer>,
        patience: Duration,
    ) -> Self {
        Self {
            commands,
            buffer,
            next_id: Arc::new(AtomicU64::new(1)),
            patience,
        }
    }

    /// Sends a message of an external. Without an idempotency key it gets one by chance, before the first try.
    ///
    /// # Errors
    /// What the server has against it; or why the session has ended.
    pub async fn send(&self, message: NewMessage) -> Result<SentMessage, Error> {
        message.check()?;
        let mut send = SocketSend::from(message);
        if send.idempotency_key.is_none() {
            send.idempotency_key = Some(random_key()?);
        }
        self.act(What::Send(send)).await
    }

    /// Sends a message of a user into a chat. Without a key, it gets one by chance, before the first try.
    ///
    /// # Errors
    /// As [`Handle::send`].
    pub async fn reply(
        &self,
        chat_id: ChatId,
        reply: impl Into<NewReply>,
        key: Option<IdempotencyKey>,
    ) -> Result<SentMessage, Error> {
        let reply = reply.into();
        reply.check()?;
        let key = match key {
            Some(key) => key,
            None => random_key()?,
        };
        let reply = SocketReply {
            chat_id,
            reply,
            idempotency_key: Some(key),
        };
        self.act(What::Reply(reply)).await
    }

    /// Says receipts of the session's participant.
    ///
    /// # Errors
    /// As [`Handle::send`].
    pub async fn receipts(&self, receipts: Vec<ReceiptSaid>) -> Result<ReceiptsDone, Error> {
        self.act(What::Receipts(receipts)).await
    }

    /// Makes the chat of a set of people, or finds it.
    ///
    /// # Errors
    /// As [`Handle::send`].
    pub async fn create_chat(&self, chat: NewChat) -> Result<Chat, Error> {
        self.act(What::CreateChat(chat)).await
    }

    /// Reminds those who have not come far enough with a message. A retry is the same reminder.
    ///
    /// # Errors
    /// As [`Handle::send`]; [`ErrorCode::RemindedJustNow`] where another one was given a moment ago.
    pub async fn remind(
        &self,
        message_id: MessageId,
        reminder: NewReminder,
    ) -> Result<Reminded, Error> {
        reminder.check()?;
        self.act(What::Remind(SocketRemind {
            message_id,
            reminder,
        }))
        .await
    }

    /// Has a command done. Each try has a number of its own, and means the same.
    async fn act<T: DeserializeOwned>(&self, what: What) -> Result<T, Error> {
        let what = &what;
        let answer = keep_trying(self.patience, || async move {
            // The number is a part of the frame, and so a frame is made for each try.
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            let frame = encode(&ClientFrame::Do(Do {
                id,
                what: what.clone(),
            }))?;
            match self.ask(id, frame).await {
                Ok(answer) => Ok(Ok(answer)),
                // A session that has ended answers nothing any more: there is nothing to try.
                Err(error) if self.buffer.ended().is_some() => Ok(Err(error)),
                Err(error) => Err(error),
            }
        })
        .await??;
        serde_json::from_str(answer.get()).map_err(|error| {
            Error::wrong_server(format!(
                "the answer is not what a Crewline server says: {error}"
            ))
        })
    }

    async fn ask(
        &self,
        id: u64,
        frame: Utf8Bytes,
    ) -> Result<Box<serde_json::value::RawValue>, Error> {
        let (answer, answered) = oneshot::channel();
        let asked = Command::Do(Asked { id, frame, answer });
        if self.commands.send(asked).await.is_err() {
            return Err(self.over());
        }
        answered.await.unwrap_or_else(|_| Err(self.over()))
    }

    /// Asks for an end in good order, and waits for it.
    pub(super) async fn close(&self) {
        let (told, end) = oneshot::channel();
        if self.commands.send(Command::Close(told)).await.is_ok() {
            // Where the task has ended by itself, there is nothing to wait for.
            let _ = end.await;
        }
    }

    fn over(&self) -> Error {
        self.buffer.ended().unwrap_or_else(super::closed_here)
    }
}

/// A frame as text.
///
/// # Errors
/// [`ErrorCode::TooLarge`] for what the server would end the session for.
pub(super) fn encode(frame: &ClientFrame) -> Result<Utf8Bytes, Error> {
    let text = serde_json::to_string(frame)
        .map_err(|error| Error::new(ErrorCode::Internal, format!("cannot write JSON: {error}")))?;
    if text.len() > REQUEST_BYTES_MAX {
        let detail = format!(
            "the request has {} bytes; at most {REQUEST_BYTES_MAX} are allowed: send to fewer recipients at once, or smaller payloads",
            text.len()
        );
        return Err(Error::new(ErrorCode::TooLarge, detail));
    }
    Ok(text.into())
}
