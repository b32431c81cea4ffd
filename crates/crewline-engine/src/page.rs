//! Pages of a log, and those who follow one.

use std::io::Write as _;

use bytes::Bytes;
use crewline_api::{ApiError, BoxFuture, ErrorCode, Event, EventKind, EventKinds, Seq};
use crewline_core::ParticipantNo;

use crate::Engine;
use crate::engine::stopped;
use crate::hub::Subscription;
use crate::page_room::{HeldPage, PageRoom};

/// An event, and its JSON. All of the JSON but the number is shared among the logs that hold the same event.
#[derive(Debug, Clone)]
pub struct EncodedEvent {
    event: Event,
    /// What follows `{"seq":N`: a comma, the other fields, and the closing brace.
    rest: Bytes,
}

impl EncodedEvent {
    /// Encodes an event.
    pub fn new(event: Event) -> Self {
        // An event is made of texts and numbers: there is nothing that JSON cannot say.
        let text = serde_json::to_vec(&event).unwrap_or_default();
        let comma = text.iter().position(|byte| *byte == b',').unwrap_or(0);
        Self {
            event,
            rest: Bytes::from(text).slice(comma..),
        }
    }

    /// The same event in another log: only the number differs.
    pub(crate) fn with_seq(&self, seq: Seq) -> Self {
        Self {
            event: Event {
                seq,
                ..self.event.clone()
            },
            rest: self.rest.clone(),
        }
    }

    /// Its number in the log.
    pub fn seq(&self) -> Seq {
        self.event.seq
    }

    /// Its kind.
    pub fn kind(&self) -> EventKind {
        self.event.data.kind()
    }

    /// The event itself.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Bytes that it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.rest.len() + 256
    }

    /// Appends the event's JSON: one line, without a line break.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{{\"seq\":{}", self.event.seq);
        out.extend_from_slice(&self.rest);
    }
}

/// A page of a log.
#[derive(Debug, Clone)]
pub struct Page {
    /// The events of the kinds asked for.
    pub events: Vec<EncodedEvent>,
    /// Everything up to here was looked at.
    pub next: Seq,
    /// The last seq of the log in the same reading.
    pub head: Seq,
    /// The room that it takes, where it was read within one: to be kept as long as the events are.
    pub held: Option<HeldPage>,
}

impl Page {
    /// Bytes that its events take in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().map(EncodedEvent::bytes).sum()
    }
}

impl Engine {
    /// A page of a log: from the ring in memory where it is new, else from the store. `after` left out: from the start.
    ///
    /// # Errors
    /// `ahead_of_log` and `log_truncated`, where `after` was given and lies outside of the log.
    pub async fn page(
        &self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<Page, ApiError> {
        if let Some(page) = after.and_then(|after| self.newest(participant, after, kinds, limit)) {
            // Of what other nodes have written since the ring knows nothing.
            if self.inner.among.is_none() || page.next > after.unwrap_or(0) {
                return Ok(page);
            }
        }
        self.stored_page(participant, after, kinds, limit).await
    }

    /// A page of a log from the store.
    async fn stored_page(
        &self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<Page, ApiError> {
        let page = self
            .read(move |reader| {
                let page = reader.log(participant, after.unwrap_or(0), kinds, limit)?;
                match after {
                    // From the start means from the oldest event that is kept.
                    None if page.oldest > 1 => {
                        reader.log(participant, page.oldest - 1, kinds, limit)
                    }
                    _ => Ok(page),
                }
            })
            .await?;
        if self.inner.among.is_some() {
            self.inner.hub.found(participant, page.head);
        }
        match after {
            Some(after) if after > page.head => {
                let detail = format!(
                    "The log ends at {}; {after} lies beyond. Was the store restored? Begin again from a snapshot.",
                    page.head
                );
                Err(ApiError::new(ErrorCode::AheadOfLog, detail))
            }
            Some(after) if after + 1 < page.oldest => {
                let detail = format!(
                    "The log begins at {}; what followed {after} was removed. Begin again from a snapshot, or from the \
                     oldest that is kept with after={}.",
                    page.oldest,
                    page.oldest - 1
                );
                Err(ApiError::new(ErrorCode::LogTruncated, detail))
            }
            _ => Ok(Page {
                events: page.events.into_iter().map(EncodedEvent::new).collect(),
                next: page.next,
                head: page.head,
                held: None,
            }),
        }
    }

    /// A page of the newest events from the ring in memory, if the ring reaches back to `after`.
    fn newest(
        &self,
        participant: ParticipantNo,
        after: Seq,
        kinds: EventKinds,
        limit: usize,
    ) -> Option<Page> {
        self.inner.hub.page(participant, after, kinds, limit)
    }

    /// Follows a log. `after` is not judged here, but by the first page: call [`Engine::page`] to know before.
    pub fn follow(&self, participant: ParticipantNo, after: Seq, kinds: EventKinds) -> Follower {
        Follower::new(self.clone(), participant, after, kinds)
    }
}

/// Someone who follows a log from a place on. It holds no events; it is woken, and pulls.
pub struct Follower {
    engine: Engine,
    participant: ParticipantNo,
    after: Seq,
    kinds: EventKinds,
    subscription: Subscription,
    /// The head that the last page was read at; `None` before the first page.
    read_at: Option<Seq>,
    /// How many hints of other nodes were heeded: the store was read after they came.
    heeded: u64,
    /// A reading of the store that is under way, and how many hints had come before it. It is kept when a call is dropped:
    /// whoever waits for other things too would otherwise read the same page again and again.
    reading: Option<(u64, BoxFuture<'static, Result<Page, ApiError>>)>,
    /// Where its pages are held, if that has a bound.
    room: Option<PageRoom>,
}

impl Follower {
    fn new(engine: Engine, participant: ParticipantNo, after: Seq, kinds: EventKinds) -> Self {
        let subscription = engine.inner.hub.follow(participant);
        Self {
            engine,
            participant,
            after,
            kinds,
            subscription,
            read_at: None,
            heeded: 0,
            reading: None,
            room: None,
        }
    }

    /// Reads the store only while there is room for what it reads. What is new comes from memory, and waits for no room.
    #[must_use]
    pub fn within(mut self, room: &PageRoom) -> Self {
        self.room = Some(room.clone());
        self
    }

    /// Everything up to this seq was given out or skipped.
    pub fn position(&self) -> Seq {
        self.after
    }

    /// Goes back to a place: what was given out behind it was not taken, and is read again.
    pub fn go_back(&mut self, after: Seq) {
        self.after = after;
        self.reading = None;
    }

    /// The next events, at most `limit`; waits until there is at least one of the kinds followed.
    ///
    /// # Errors
    /// Those of [`Engine::page`]; the follower stays where it is, and may be asked again.
    ///
    /// # Cancellation
    /// Nothing is lost: a call that was dropped has not moved past an event that it was to give out.
    pub async fn next(&mut self, limit: usize) -> Result<Page, ApiError> {
        loop {
            if let Some((hints, reading)) = &mut self.reading {
                let (hints, page) = (*hints, reading.await);
                self.reading = None;
                let page = page?;
                self.heeded = hints;
                if let Some(page) = self.take(page) {
                    return Ok(page);
                }
                continue;
            }
            let raised = *self.subscription.head.borrow_and_update();
            let hinted = raised.hints != self.heeded;
            let behind = self
                .read_at
                .is_none_or(|head| self.after < head || raised.head > head);
            if behind || hinted {
                let (participant, after, kinds) = (self.participant, self.after, self.kinds);
                // What another node wrote is in no ring.
                let ring = if hinted {
                    None
                } else {
                    self.engine.newest(participant, after, kinds, limit)
                };
                if let Some(page) = ring {
                    if let Some(page) = self.take(page) {
                        return Ok(page);
                    }
                } else {
                    let (engine, room) = (self.engine.clone(), self.room.clone());
                    let reading = async move {
                        let reading = engine.stored_page(participant, Some(after), kinds, limit);
                        match room {
                            Some(room) => room.read(reading).await,
                            None => reading.await,
                        }
                    };
                    self.reading = Some((raised.hints, Box::pin(reading)));
                }
            } else if self.subscription.head.changed().await.is_err() {
                // The hub lives as long as the engine, and this follower holds the engine.
                return Err(stopped());
            }
        }
    }

    /// Moves behind a page; gives it out where anything is in it.
    fn take(&mut self, page: Page) -> Option<Page> {
        // The ring may know less than the store said before.
        self.read_at = self.read_at.max(Some(page.head));
        self.after = page.next;
        (!page.events.is_empty()).then_some(page)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crewline_api::{ChatId, EventData, SelfEvent, Timestamp};

    use super::*;

    /// A page with an event of about so many bytes.
    pub(crate) fn page_of(bytes: usize) -> Page {
        let event = Event {
            seq: 1,
            timestamp: Timestamp::from_millis(0),
            data: EventData::SelfRead(SelfEvent {
                chat_id: ChatId::from_parts(1, 1),
                message_ids: Vec::new(),
                unread: 0,
            }),
        };
        let mut event = EncodedEvent::new(event);
        event.rest = Bytes::from(vec![b' '; bytes]);
        Page {
            events: vec![event],
            next: 1,
            head: 1,
            held: None,
        }
    }
}
