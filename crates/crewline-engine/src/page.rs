//! Pages of a log, and those who follow one.

use std::io::Write as _;

use bytes::Bytes;
use crewline_api::{ApiError, Event, EventKind, EventKinds, Seq};
use crewline_core::ParticipantNo;

use crate::Engine;

/// An event as JSON. All but the number is shared among the logs that hold the same event.
#[derive(Debug, Clone)]
pub struct EncodedEvent {
    /// Its number in the log.
    pub seq: Seq,
    /// Its kind.
    pub kind: EventKind,
    /// What follows `{"seq":N`: a comma, the other fields, and the closing brace.
    pub(crate) rest: Bytes,
}

impl EncodedEvent {
    /// Encodes an event.
    pub fn new(event: &Event) -> Self {
        let text = serde_json::to_vec(event).unwrap_or_default();
        let comma = text.iter().position(|byte| *byte == b',').unwrap_or(0);
        Self { seq: event.seq, kind: event.data.kind(), rest: Bytes::from(text).slice(comma..) }
    }

    /// Appends the event's JSON: one line, without a line break.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{{\"seq\":{}", self.seq);
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
}

/// Someone who follows a log from a place on. It holds no events; it is woken, and pulls.
pub struct Follower {
    pub(crate) engine: Engine,
    pub(crate) participant: ParticipantNo,
    pub(crate) after: Seq,
    pub(crate) kinds: EventKinds,
}

impl Follower {
    /// Everything up to this seq was given out or skipped.
    pub fn position(&self) -> Seq {
        self.after
    }

    /// The next events, at most `limit`; waits until there is at least one of the kinds followed.
    ///
    /// # Cancellation
    /// Nothing is lost: a call that was dropped has not moved the position.
    pub async fn next(&mut self, limit: usize) -> Result<Page, ApiError> {
        let _ = (limit, &self.engine, self.participant, self.kinds);
        unimplemented!()
    }
}
