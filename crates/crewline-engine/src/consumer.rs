//! Consumers in this process without a memory of their own: a named cursor of the store remembers their place.

use crewline_api::{ApiError, CursorName, ErrorCode, Event, EventKinds, ParticipantId, Seq};
use crewline_core::{Actor, Answer, Command, CursorCommand, DeviceNo};

use crate::chat_api::unexpected;
use crate::{Engine, Follower};

/// A consumer of an external's log. What it confirms is not given out again, not after a restart either; what it does not
/// confirm comes again then, with the same seq.
pub struct Consumer {
    engine: Engine,
    actor: Actor,
    cursor: CursorName,
    kinds: EventKinds,
    follower: Option<Follower>,
    confirmed: Seq,
    /// Whether what the cursor stands before was removed.
    truncated: bool,
}

impl Engine {
    /// A consumer of the log of an external, under this name: it begins behind what was confirmed under it.
    pub fn consumer(&self, id: ParticipantId, cursor: CursorName, kinds: EventKinds) -> Consumer {
        Consumer {
            engine: self.clone(),
            actor: external(id),
            cursor,
            kinds,
            follower: None,
            confirmed: 0,
            truncated: false,
        }
    }
}

pub(crate) fn external(id: ParticipantId) -> Actor {
    Actor {
        id,
        external: true,
        device: DeviceNo(0),
    }
}

impl Consumer {
    /// The next events, at most `limit`; waits until there is at least one.
    ///
    /// # Errors
    /// Those of the store; it goes on where it was when it is asked again. [`ErrorCode::LogTruncated`] comes once; then
    /// it goes on with the oldest event that is kept.
    ///
    /// # Cancellation
    /// A wait that is dropped has passed over no event.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<Event>, ApiError> {
        let page = match self.begin().await?.next(limit).await {
            Ok(page) => page,
            Err(error) => {
                if error.code == ErrorCode::LogTruncated {
                    self.truncated = true;
                    self.follower = None;
                }
                return Err(error);
            }
        };
        Ok(page
            .events
            .iter()
            .map(|event| event.event().clone())
            .collect())
    }

    /// Everything up to this event was given out, or is of other kinds.
    pub fn position(&self) -> Seq {
        self.follower.as_ref().map_or(0, Follower::position)
    }

    /// Says that everything up to `seq` is done. It makes the messages among it `delivered`.
    ///
    /// # Errors
    /// Those of the store; it may be said again.
    pub async fn confirm(&mut self, seq: Seq) -> Result<(), ApiError> {
        if seq <= self.confirmed {
            return Ok(());
        }
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

    /// The follower, from the place that the cursor remembers.
    pub(crate) async fn begin(&mut self) -> Result<&mut Follower, ApiError> {
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
}
