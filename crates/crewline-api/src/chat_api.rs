//! The API of the origin, in Rust: what a system in the control room calls.

use std::future::Future;
use std::pin::Pin;

use futures_core::Stream;

use crate::{
    ApiError, Chat, ChatId, MessageId, NewMessage, ParticipantId, Payload, Priority, SentMessage,
    Seq, Timestamp,
};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A stream that a trait object can return.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// Sends messages for external systems, and gives back what people answer and what became of the messages.
///
/// The same trait is served by the engine in this process and by a client of a server (the crate `crewline-client`).
pub trait ChatApi: Send + Sync {
    /// Sends a message to users, and returns once it is durable.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Invalid`] and [`crate::ErrorCode::UnknownRecipient`] name the fields; errors that are
    /// [`crate::ErrorCode::retryable`] may be tried again. After an error nothing was sent; only after
    /// [`crate::ErrorCode::Unreachable`], which a client of a server says when no answer came, is that not known.
    ///
    /// # Cancellation
    /// A message whose future was dropped may have been sent or not. Give it an idempotency key
    /// ([`NewMessage::idempotency_key`]) and send it again to find out.
    fn send_message(&self, message: NewMessage) -> BoxFuture<'_, Result<SentMessage, ApiError>>;

    /// Makes the chat of an external and these users without a message, or finds it. Nobody is alerted.
    ///
    /// # Errors
    /// As for [`ChatApi::send_message`].
    fn create_chat(
        &self,
        from: ParticipantId,
        to: Vec<ParticipantId>,
    ) -> BoxFuture<'_, Result<Chat, ApiError>>;

    /// Messages that people send to the external `to`.
    ///
    /// The server remembers how far this stream was taken: what came while nobody listened comes first. Asking for the
    /// next item confirms the ones before it; what was not confirmed comes again, with the same seq (at least once).
    /// Two streams of one external share their place.
    fn receive_messages(
        &self,
        to: ParticipantId,
    ) -> BoxStream<'_, Result<ReceivedMessage, ApiError>>;

    /// Payloads of messages that the external `from` sent, each once, when its recipient's device has the message or
    /// the person has read it. It remembers its place as [`ChatApi::receive_messages`] does.
    fn receive_payloads(
        &self,
        from: ParticipantId,
    ) -> BoxStream<'_, Result<PayloadFired, ApiError>>;
}

/// A message from a person (or another external) to an external.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// Who sent it.
    pub from_user_id: ParticipantId,
    /// The sender's name when it was sent.
    pub from_user_name: String,
    /// Everyone in the chat, the sender too.
    pub all_user_ids: Vec<ParticipantId>,
    /// The text.
    pub message: String,
    /// Its priority.
    pub priority: Priority,
    /// Its id.
    pub message_id: MessageId,
    /// Its chat.
    pub chat_id: ChatId,
    /// When the server stored it.
    pub sent_at: Timestamp,
    /// Its place in the external's log; the same if it comes again.
    pub seq: Seq,
}

/// Which payload fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadKind {
    /// A device of the recipient has the message.
    Delivered,
    /// The recipient has read the message.
    Read,
}

/// A payload that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadFired {
    /// Which one.
    pub kind: PayloadKind,
    /// The recipient.
    pub user_id: ParticipantId,
    /// The message it was attached to.
    pub message_id: MessageId,
    /// Its chat.
    pub chat_id: ChatId,
    /// The bytes, as they were given.
    pub payload: Payload,
    /// When it was delivered or read.
    pub at: Timestamp,
    /// Its place in the external's log; the same if it comes again.
    pub seq: Seq,
}

impl ReceivedMessage {
    /// From an event, where it is of that kind.
    pub fn from_event(event: &crate::Event) -> Option<Self> {
        let crate::EventData::MessageReceived(data) = &event.data else {
            return None;
        };
        Some(Self {
            from_user_id: data.from_user_id.clone(),
            from_user_name: data.from_user_name.clone(),
            all_user_ids: data.all_user_ids.to_vec(),
            message: data.message.to_string(),
            priority: data.priority,
            message_id: data.message_id,
            chat_id: data.chat_id,
            sent_at: data.sent_at,
            seq: event.seq,
        })
    }
}

impl PayloadFired {
    /// From an event, where it is of that kind and has a payload.
    pub fn from_event(event: &crate::Event) -> Option<Self> {
        let (kind, data) = match &event.data {
            crate::EventData::MessageDelivered(data) => (PayloadKind::Delivered, data),
            crate::EventData::MessageRead(data) => (PayloadKind::Read, data),
            _ => return None,
        };
        Some(Self {
            kind,
            user_id: data.user_id.clone(),
            message_id: data.message_id,
            chat_id: data.chat_id,
            payload: data.payload.clone()?,
            at: data.at,
            seq: event.seq,
        })
    }
}
