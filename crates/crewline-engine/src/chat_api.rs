//! The API of the origin, served by the engine in this process. Who embeds the engine is trusted with every external.

use std::collections::VecDeque;

use crewline_api::{
    ApiError, BoxFuture, BoxStream, Chat, ChatApi, CursorName, ErrorCode, Event, EventKind,
    EventKinds, NewMessage, ParticipantId, PayloadFired, ReceivedMessage, SentMessage, Seq,
};
use crewline_core::{Actor, Answer, ChatCommand, Command, CursorCommand, DeviceNo, SendCommand};
use futures_util::stream;

use crate::{Engine, Follower};

/// Events that a stream takes from the log at once, and confirms together.
const PAGE: usize = 100;

impl ChatApi for Engine {
    fn send_message(&self, message: NewMessage) -> BoxFuture<'_, Result<SentMessage, ApiError>> {
        Box::pin(async move {
            match self
                .submit(Command::Send(SendCommand::new(message, DeviceNo(0))?))
                .await?
            {
                Answer::Sent { sent, .. } => Ok(sent),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn create_chat(
        &self,
        from: ParticipantId,
        to: Vec<ParticipantId>,
    ) -> BoxFuture<'_, Result<Chat, ApiError>> {
        Box::pin(async move {
            match self
                .submit(Command::Chat(ChatCommand::new(external(from), to)?))
                .await?
            {
                Answer::Chat { chat, .. } => Ok(chat),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn receive_messages(
        &self,
        to: ParticipantId,
    ) -> BoxStream<'_, Result<ReceivedMessage, ApiError>> {
        let kinds = EventKinds::from_iter([EventKind::MessageReceived]);
        self.consume(to, "messages:default", kinds, ReceivedMessage::from_event)
    }

    fn receive_payloads(
        &self,
        from: ParticipantId,
    ) -> BoxStream<'_, Result<PayloadFired, ApiError>> {
        let kinds = EventKinds::from_iter([EventKind::MessageDelivered, EventKind::MessageRead]);
        self.consume(from, "payloads:default", kinds, PayloadFired::from_event)
    }
}

fn external(id: ParticipantId) -> Actor {
    Actor {
        id,
        external: true,
        device: DeviceNo(0),
    }
}

/// The writer answers each command with its own kind of answer.
fn unexpected(answer: &Answer) -> ApiError {
    tracing::error!(?answer, "a command was answered with the answer of another");
    ApiError::new(ErrorCode::Internal, "Something went wrong in the server.")
}

/// A consumer without a memory of its own: a named cursor remembers its place.
struct Consumer<'a> {
    engine: &'a Engine,
    actor: Actor,
    cursor: CursorName,
    kinds: EventKinds,
    follower: Option<Follower>,
    page: VecDeque<Event>,
    confirmed: Seq,
    /// Whether what the cursor stands before was removed.
    truncated: bool,
}

impl Consumer<'_> {
    /// The next event. Asking for it confirms the page before, so that it is not given out again.
    async fn next(&mut self) -> Result<Event, ApiError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(event);
            }
            let position = self.begin().await?.position();
            if position > self.confirmed {
                self.confirm(position).await?;
            }
            let page = match self.begin().await?.next(PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    // Told once. When it is asked again, it goes on with the oldest event that is kept.
                    if error.code == ErrorCode::LogTruncated {
                        self.truncated = true;
                        self.follower = None;
                    }
                    return Err(error);
                }
            };
            self.page = page
                .events
                .iter()
                .map(|event| event.event().clone())
                .collect();
        }
    }

    /// The follower, from the place that the cursor remembers.
    async fn begin(&mut self) -> Result<&mut Follower, ApiError> {
        if self.follower.is_none() {
            let participant = match self
                .engine
                .submit(Command::Appear(self.actor.clone()))
                .await?
            {
                Answer::Appeared(no) => no,
                other => return Err(unexpected(&other)),
            };
            let name = self.cursor.clone();
            let kept = self
                .engine
                .read(move |reader| reader.cursor(participant, &name))
                .await?;
            let begin = if let Some(row) = kept.filter(|_| !self.truncated) {
                row.seq
            } else {
                // From the start means from the oldest event that is kept.
                let oldest = self.engine.page(participant, None, self.kinds, 0).await?;
                oldest.next
            };
            self.truncated = false;
            self.confirmed = begin;
            self.follower = Some(self.engine.follow(participant, begin, self.kinds));
        }
        self.follower.as_mut().ok_or_else(crate::engine::stopped)
    }

    async fn confirm(&mut self, seq: Seq) -> Result<(), ApiError> {
        let command = CursorCommand {
            actor: self.actor.clone(),
            name: self.cursor.clone(),
            seq,
            kinds: self.kinds,
            rewind: false,
        };
        self.engine.submit(Command::Cursor(command)).await?;
        self.confirmed = seq;
        Ok(())
    }
}

impl Engine {
    fn consume<T: Send + 'static>(
        &self,
        id: ParticipantId,
        cursor: &'static str,
        kinds: EventKinds,
        read: fn(&Event) -> Option<T>,
    ) -> BoxStream<'_, Result<T, ApiError>> {
        let consumer = CursorName::new(cursor).map(|cursor| Consumer {
            engine: self,
            actor: external(id),
            cursor,
            kinds,
            follower: None,
            page: VecDeque::new(),
            confirmed: 0,
            truncated: false,
        });
        let consumer = match consumer {
            Ok(consumer) => consumer,
            Err(error) => {
                let error =
                    ApiError::new(ErrorCode::Internal, format!("the cursor {cursor} {error}"));
                return Box::pin(stream::iter([Err(error)]));
            }
        };
        Box::pin(stream::unfold(consumer, move |mut consumer| async move {
            loop {
                match consumer.next().await {
                    Ok(event) => {
                        if let Some(item) = read(&event) {
                            return Some((Ok(item), consumer));
                        }
                    }
                    // The stream goes on where it was when it is asked again.
                    Err(error) => return Some((Err(error), consumer)),
                }
            }
        }))
    }
}
