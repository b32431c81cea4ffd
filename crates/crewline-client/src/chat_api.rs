//! The API of the origin, served by a server elsewhere.

use std::collections::VecDeque;
use std::time::Duration;

use crewline_api::{
    ApiError, BoxFuture, BoxStream, Chat, ChatApi, CursorName, ErrorCode, Event, EventKind,
    NewChat, NewMessage, ParticipantId, PayloadFired, ReceivedMessage, SentMessage, Seq,
};
use futures_util::stream;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::{Client, Error, RawEvent, Session};

/// While one page of events is worked through, what is done is confirmed no more often than this.
const CONFIRM_EVERY: Duration = Duration::from_millis(100);

impl ChatApi for Client {
    fn send_message(&self, message: NewMessage) -> BoxFuture<'_, Result<SentMessage, ApiError>> {
        Box::pin(async move { Ok(self.send(message).await?.message) })
    }

    fn create_chat(
        &self,
        from: ParticipantId,
        to: Vec<ParticipantId>,
    ) -> BoxFuture<'_, Result<Chat, ApiError>> {
        Box::pin(async move {
            let chat = NewChat {
                from_ext_user_id: Some(from),
                to_user_ids: to,
                to_groups: Vec::new(),
            };
            Ok(Client::create_chat(self, chat).await?)
        })
    }

    /// Messages to an external. An error that may pass comes when the server could not be reached for as long as the
    /// client's patience lasts; the stream goes on where it was when it is asked again.
    fn receive_messages(
        &self,
        to: ParticipantId,
    ) -> BoxStream<'_, Result<ReceivedMessage, ApiError>> {
        let kinds = &[EventKind::MessageReceived];
        consume(
            self,
            to,
            "messages:default",
            kinds,
            ReceivedMessage::from_event,
        )
    }

    /// Payloads that came back. Errors are as for [`ChatApi::receive_messages`].
    fn receive_payloads(
        &self,
        from: ParticipantId,
    ) -> BoxStream<'_, Result<PayloadFired, ApiError>> {
        let kinds = &[EventKind::MessageDelivered, EventKind::MessageRead];
        consume(
            self,
            from,
            "payloads:default",
            kinds,
            PayloadFired::from_event,
        )
    }
}

/// A consumer without a memory of its own: a cursor that the server keeps remembers its place.
struct Consumer {
    client: Client,
    participant: ParticipantId,
    cursor: &'static str,
    kinds: &'static [EventKind],
    session: Option<Session>,
    page: VecDeque<RawEvent>,
    /// The last event given out.
    given: Seq,
    /// Whether it was told that what follows the cursor was removed: then it goes on with the oldest event that is kept.
    truncated: bool,
    confirmed_at: Instant,
    backoff: Backoff,
}

impl Consumer {
    /// The next event of a kind that is known. Asking for it confirms those before.
    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            self.confirm()?;
            if let Some(raw) = self.page.pop_front() {
                self.given = raw.seq();
                match raw.parse()? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            match self.session().await?.next().await {
                Ok(events) => {
                    self.page = events.into();
                    self.backoff.reset();
                }
                Err(error) => {
                    // The next one who asks begins another session, behind the cursor.
                    self.session = None;
                    self.truncated = error.code == ErrorCode::LogTruncated;
                    return Err(error);
                }
            }
        }
    }

    /// Confirms what was given out: at the end of a page, and now and then within it.
    fn confirm(&mut self) -> Result<(), Error> {
        if let Some(session) = &self.session
            && self.given > 0
            && (self.page.is_empty() || self.confirmed_at.elapsed() >= CONFIRM_EVERY)
        {
            session.ack(self.given)?;
            self.confirmed_at = Instant::now();
        }
        Ok(())
    }

    async fn session(&mut self) -> Result<&mut Session, Error> {
        if self.session.is_none() {
            let name = CursorName::new(self.cursor).map_err(|error| {
                let detail = format!("the cursor {} {error}", self.cursor);
                Error::new(ErrorCode::Internal, detail)
            })?;
            self.given = 0;
            let session = self.client.session().participant(self.participant.clone());
            let mut session = session.cursor(name).types(self.kinds.iter().copied());
            if self.truncated {
                session = session.after(self.client.before_oldest(&self.participant).await?);
                self.truncated = false;
            }
            let patience = self.client.patience();
            self.session = Some(session.give_up_after(patience).start());
        }
        self.session
            .as_mut()
            .ok_or_else(|| Error::unreachable("there is no session"))
    }
}

fn consume<'a, T: Send + 'a>(
    client: &Client,
    participant: ParticipantId,
    cursor: &'static str,
    kinds: &'static [EventKind],
    read: fn(&Event) -> Option<T>,
) -> BoxStream<'a, Result<T, ApiError>> {
    let consumer = Consumer {
        client: client.clone(),
        participant,
        cursor,
        kinds,
        session: None,
        page: VecDeque::new(),
        given: 0,
        truncated: false,
        confirmed_at: Instant::now(),
        backoff: Backoff::default(),
    };
    Box::pin(stream::unfold(
        (consumer, None),
        move |(mut consumer, pause)| async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            loop {
                match consumer.next().await {
                    Ok(event) => {
                        if let Some(item) = read(&event) {
                            return Some((Ok(item), (consumer, None)));
                        }
                    }
                    // Whoever asks again at once, whatever the error, must not keep the server busy.
                    Err(error) => {
                        let pause = consumer.backoff.next(error.retry_after);
                        return Some((Err(error.into()), (consumer, Some(pause))));
                    }
                }
            }
        },
    ))
}
