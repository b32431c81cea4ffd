//! The API of the origin, served by the engine in this process. Who embeds the engine is trusted with every external.

use std::collections::VecDeque;

use crewline_api::{
    ApiError, BoxFuture, BoxStream, Chat, ChatApi, CursorName, ErrorCode, Event, EventKind,
    EventKinds, NewMessage, ParticipantId, PayloadFired, ReceivedMessage, SentMessage,
};
use crewline_core::{Answer, ChatCommand, Command, DeviceNo, SendCommand};
use futures_util::stream;

use crate::consumer::external;
use crate::{Consumer, Engine};

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
                .submit(Command::Chat(ChatCommand::new(
                    external(from),
                    to,
                    Vec::new(),
                )?))
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

/// The writer answers each command with its own kind of answer.
pub(crate) fn unexpected(answer: &Answer) -> ApiError {
    tracing::error!(?answer, "a command was answered with the answer of another");
    ApiError::new(ErrorCode::Internal, "Something went wrong in the server.")
}

/// What a stream takes from its consumer: a page at a time, which is confirmed when the next one is asked for.
struct Taken {
    consumer: Consumer,
    page: VecDeque<Event>,
}

impl Taken {
    /// The next event. Asking for it confirms the page before, so that it is not given out again.
    async fn next(&mut self) -> Result<Event, ApiError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(event);
            }
            let position = self.consumer.begin().await?.position();
            self.consumer.confirm(position).await?;
            self.page = self.consumer.next(PAGE).await?.into();
        }
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
        let consumer = CursorName::new(cursor).map(|cursor| Taken {
            consumer: self.consumer(id, cursor, kinds),
            page: VecDeque::new(),
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
