//! What a client has confirmed, and what is still to be said of it.
//!
//! An ack says that everything up to an event is stored. Of each message among it the session says `delivered`, by
//! receipts of this device; what came before the session, and what was forgotten here, is found in the log by a
//! [`ConfirmCommand`]. One such act is under way at a time; acks that come meanwhile are said together after it.

use std::collections::VecDeque;

use crewline_api::{
    ApiError, CursorName, EventData, EventKind, EventKinds, MessageId, ReceiptState, Seq, limits,
};
use crewline_core::{
    Actor, Answer, Command, ConfirmCommand, CursorCommand, ParticipantNo, ReceiptCommand,
    ReceiptsCommand,
};
use crewline_engine::{EncodedEvent, Engine};
use futures_util::future::BoxFuture;

use crate::cursor;
use crate::problem::internal;

/// Most messages that a session remembers until they are confirmed. What it forgets is looked for in the log.
const REMEMBERED_MAX: usize = 1_024;

/// See the module.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts; each pair of them occurs"
)]
pub(super) struct Acks {
    /// Who confirms; `None` where somebody only watches, and confirms nothing.
    actor: Option<(ParticipantNo, Actor)>,
    cursor: Option<CursorName>,
    kinds: EventKinds,
    /// Messages that were sent and not confirmed.
    unsaid: VecDeque<(Seq, MessageId)>,
    /// Of every message after this one `unsaid` knows, or receipts have said it.
    known_after: Seq,
    /// Whether the log is still to be looked at up to `known_after`.
    look: bool,
    wanted: Seq,
    done: Seq,
    /// Whether the client confirmed something that nobody was told of yet.
    asked: bool,
    /// Whether anything was said by receipts since the store last heard how far.
    moved: bool,
    under_way: bool,
}

/// An act of confirming, and how it ended.
pub(super) struct Confirmed {
    up_to: Seq,
    looked: bool,
    result: Result<(), ApiError>,
}

impl Acks {
    /// A session that begins behind `start`.
    pub(super) fn new(
        actor: Option<(ParticipantNo, Actor)>,
        cursor: Option<CursorName>,
        kinds: EventKinds,
        start: Seq,
    ) -> Self {
        Self {
            actor,
            cursor,
            kinds,
            unsaid: VecDeque::new(),
            known_after: start,
            look: true,
            // Where a session begins is no ack: events may wait in the client that it has not stored yet.
            wanted: 0,
            done: start,
            asked: false,
            moved: false,
            under_way: false,
        }
    }

    /// Whether acks deliver messages by receipts: a cursor of an external does it by itself.
    fn says(&self) -> bool {
        let by_cursor = self.cursor.is_some() && self.actor.as_ref().is_some_and(|a| a.1.external);
        self.actor.is_some() && self.kinds.contains(EventKind::MessageReceived) && !by_cursor
    }

    /// An event is on its way to the client.
    pub(super) fn sent(&mut self, event: &EncodedEvent) {
        let EventData::MessageReceived(data) = &event.event().data else {
            return;
        };
        if !self.says() {
            return;
        }
        self.unsaid.push_back((event.seq(), data.message_id));
        if self.unsaid.len() > REMEMBERED_MAX
            && let Some((seq, _)) = self.unsaid.pop_front()
        {
            self.known_after = seq;
            self.look = true;
        }
    }

    /// The client has stored everything up to here.
    pub(super) fn acked(&mut self, seq: Seq) {
        // The first ack may repeat one that was lost with the connection before.
        self.asked |= seq > self.wanted || self.look;
        self.wanted = self.wanted.max(seq);
    }

    /// What is to be done now, if anything, and nothing is under way.
    pub(super) fn next(&mut self, engine: &Engine) -> Option<BoxFuture<'static, Confirmed>> {
        if self.under_way || !self.asked {
            return None;
        }
        self.asked = false;
        let (no, actor) = self.actor.clone()?;
        self.under_way = true;
        let up_to = self.wanted;
        let looked = self.says() && self.look;
        let receipts = self.receipts(&actor, up_to);
        let confirm = looked.then(|| self.confirm(&actor, up_to));
        let cursor = self.put(&actor, up_to);
        let engine = engine.clone();
        // Into the queue at once, in the order in which acks came.
        let queued: Vec<_> = receipts
            .into_iter()
            .map(|command| engine.enqueue(command))
            .collect();
        Some(Box::pin(async move {
            let work = async {
                for receipts in queued {
                    receipts?.await?;
                }
                if let Some(confirm) = confirm {
                    carry(&engine, confirm).await?;
                }
                if let Some(put) = cursor {
                    let delivers = put.kinds.contains(EventKind::MessageReceived);
                    let kept = cursor::carry(&engine, no, put).await?;
                    // One that stands further stays as it is, and has perhaps delivered nothing of this.
                    if delivers && kept.seq > up_to {
                        let confirm = ConfirmCommand {
                            actor,
                            seq: up_to,
                            said_after: up_to,
                        };
                        carry(&engine, confirm).await?;
                    }
                }
                Ok(())
            };
            let result = work.await;
            Confirmed {
                up_to,
                looked,
                result,
            }
        }))
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// It may be tried again.
    pub(super) fn again(&mut self) {
        self.under_way = false;
        self.asked = true;
    }

    /// Takes note of how an act ended.
    ///
    /// # Errors
    /// One that may pass: all is left as it was, until it is tried [`Acks::again`].
    pub(super) fn ended(&mut self, confirmed: Confirmed) -> Result<(), ApiError> {
        match confirmed.result {
            Err(error) if error.code.retryable() => return Err(error),
            Err(error) => tracing::warn!(%error, "an ack was not taken"),
            Ok(()) => {}
        }
        self.under_way = false;
        self.done = self.done.max(confirmed.up_to);
        self.moved = !confirmed.looked;
        // More may have been forgotten meanwhile. Where a cursor delivers, it has looked by itself: an ack that says nothing
        // new must not put it again, behind the back of whoever moved it since.
        self.look &= self.says() && (!confirmed.looked || self.known_after > confirmed.up_to);
        while self
            .unsaid
            .front()
            .is_some_and(|(seq, _)| *seq <= confirmed.up_to)
        {
            self.unsaid.pop_front();
        }
        Ok(())
    }

    /// At the end of a session, what the store is to be told so that the next one need not look for it.
    pub(super) fn last(&self) -> Option<Command> {
        let (_, actor) = self.actor.as_ref()?;
        let worth = self.says() && self.moved && self.done > self.known_after;
        worth.then(|| {
            Command::Confirm(ConfirmCommand {
                actor: actor.clone(),
                seq: self.done,
                said_after: self.known_after,
            })
        })
    }

    fn receipts(&self, actor: &Actor, up_to: Seq) -> Vec<Command> {
        let stored: Vec<MessageId> = self
            .unsaid
            .iter()
            .take_while(|(seq, _)| *seq <= up_to)
            .map(|(_, message)| *message)
            .collect();
        let calls = stored.chunks(limits::RECEIPTS_MAX).map(|part| {
            let receipts = part.iter().map(|message| ReceiptCommand::Message {
                // Nobody is answered, so that nobody asks what was given.
                given: String::new(),
                message: Some(*message),
                state: ReceiptState::Delivered,
                at: None,
            });
            Command::Receipts(ReceiptsCommand {
                actor: actor.clone(),
                receipts: receipts.collect(),
            })
        });
        calls.collect()
    }

    fn confirm(&self, actor: &Actor, up_to: Seq) -> ConfirmCommand {
        ConfirmCommand {
            actor: actor.clone(),
            seq: up_to,
            said_after: self.known_after,
        }
    }

    fn put(&self, actor: &Actor, up_to: Seq) -> Option<CursorCommand> {
        Some(CursorCommand {
            actor: actor.clone(),
            name: self.cursor.clone()?,
            seq: up_to,
            kinds: self.kinds,
            rewind: false,
        })
    }
}

/// Confirms, a long way in steps.
async fn carry(engine: &Engine, confirm: ConfirmCommand) -> Result<(), ApiError> {
    loop {
        match engine.submit(Command::Confirm(confirm.clone())).await? {
            Answer::Confirmed(reached) if reached >= confirm.seq => return Ok(()),
            Answer::Confirmed(_) => {}
            _ => return Err(internal()),
        }
    }
}
