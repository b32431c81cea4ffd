//! Retention: what becomes of messages and events when they are old. The rules, without a store.
//!
//! It removes texts, rows of logs and payloads that were told, and nothing else: messages, receipts and idempotency keys
//! stay, so that a receipt that comes late, a reply and a retry find what they name.
//!
//! - A *row of a log* goes when it is older than the setting, every cursor of its participant has passed it, and it is
//!   not the last one: that one stays, so that the numbers go on. What stays has no gap.
//! - A *text* goes when its message is older than the setting, no log holds the message back for a cursor, and it is no
//!   emergency that somebody still has to acknowledge. An empty text says that there was one.
//! - A *payload* goes with the row that told of it. One that was never told stays.
//! - A *cursor* that has been behind for too long is *released*: it stays where it is and holds nothing any more. Its
//!   consumer is told when it comes back, by `log_truncated`, and holds its place again from its next PUT on.
//!
//! A store removes in steps of a few rows each, so that nobody waits long for one. A [`Pass`] is where they stand, and
//! [`step()`] is one of them.

mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use crewline_api::{CursorName, EventKind, ParticipantId, ReceiptState, Seq, Timestamp};

use crate::changes::{CursorRow, LogRow};
use crate::event::EventSource;
use crate::state::{ParticipantRow, RecipientRow, Standing};
use crate::{MessageNo, ParticipantNo};

pub use step::{NamedCursor, OldRow, OldRows, OldText, cursors_behind, step};

/// A cursor that is behind is reported for this long before it is released.
const GRACE: Duration = Duration::from_hours(24);

/// How many rows behind a cursor are looked at for the first message in them. Where there is none so far, all texts
/// of the participant's chats stay.
pub const HOLD_LOOK_MAX: usize = 1_000;

/// The settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long texts and events are kept.
    pub messages: Duration,
    /// How long a cursor may be behind before it is reported; a day later it holds nothing any more.
    pub cursors: Duration,
    /// How often what is old is looked for.
    pub every: Duration,
}

impl Retention {
    /// What goes at a time.
    pub fn cut(&self, now: Timestamp) -> Cut {
        Cut {
            before: now.minus(self.messages),
            release: now.minus(self.cursors.saturating_add(GRACE)),
        }
    }

    /// Cursors that have been behind since before this are reported.
    pub fn report(&self, now: Timestamp) -> Timestamp {
        now.minus(self.cursors)
    }
}

/// What goes in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// What is older than this may go.
    pub before: Timestamp,
    /// A cursor that has been behind since before this holds nothing any more.
    pub release: Timestamp,
}

impl Cut {
    /// Whether something of this time is old.
    pub fn is_old(&self, at: Timestamp) -> bool {
        at < self.before
    }

    /// Whether a cursor is to be released. `next_at`: when the first event that it has not passed was told.
    ///
    /// Only where it keeps something old: a cursor that is in nobody's way may stand for ever.
    pub fn releases(&self, cursor: &CursorRow, next_at: Timestamp) -> bool {
        !cursor.released && self.is_old(next_at) && cursor.behind_since(next_at) < self.release
    }
}

impl CursorRow {
    /// Since when it has been behind. `next_at`: when the first event that it has not passed was told.
    ///
    /// A consumer that had nothing to take for a year and misses an hour is an hour behind.
    pub fn behind_since(&self, next_at: Timestamp) -> Timestamp {
        self.put_at.max(next_at)
    }
}

/// Up to which seq a participant's cursors let its log go.
pub fn passed(cursors: impl IntoIterator<Item = CursorRow>) -> Seq {
    let holding = cursors.into_iter().filter(|cursor| !cursor.released);
    holding.map(|cursor| cursor.seq).min().unwrap_or(Seq::MAX)
}

/// When an event was told. `None` where the source lacks what the row refers to: the store is damaged.
pub fn told_at(row: &LogRow, source: &impl EventSource) -> Option<Timestamp> {
    let mark = |state| Some(source.recipient(row.message?, row.who?)?.mark(state)?.at);
    match row.kind {
        EventKind::MessageReceived | EventKind::MessageSent => {
            source.message(row.message?).map(|message| message.sent_at)
        }
        EventKind::MessageDelivered => mark(ReceiptState::Delivered),
        EventKind::MessageRead => mark(ReceiptState::Read),
        EventKind::MessageAcknowledged => mark(ReceiptState::Acknowledged),
        // A kind that a newer version of the api knows is told like these: by its detail.
        _ => row.detail.as_ref().map(|detail| detail.at),
    }
}

/// Whether somebody still has to acknowledge an emergency: no external, and nobody who was shut out.
pub fn is_awaited(recipient: &ParticipantRow, row: &RecipientRow) -> bool {
    recipient.standing != Standing::External && !recipient.disabled && row.acknowledged.is_none()
}

/// Why the text of an old message stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// It is an emergency, and somebody has not acknowledged it.
    Emergency,
    /// A cursor of this participant has not passed it.
    Log(ParticipantNo),
}

/// A cursor that is behind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CursorBehind {
    /// Whose.
    pub participant: ParticipantId,
    /// Its name.
    pub name: CursorName,
    /// Where it stands.
    pub seq: Seq,
    /// Since when it has been behind.
    pub since: Timestamp,
    /// Whether it holds nothing any more.
    pub released: bool,
}

/// What was removed, and what was kept though it is old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows of logs.
    pub events: u64,
    /// Texts.
    pub texts: u64,
    /// Payloads that had been told.
    pub payloads: u64,
    /// Cursors that hold nothing any more.
    pub released: Vec<CursorBehind>,
    /// Logs of which something old stays, because a cursor has not passed it.
    pub logs_held: u64,
    /// Emergencies whose text stays, because somebody has not acknowledged them.
    pub emergencies_kept: u64,
}

/// How far a pass has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The logs: of participants up to this number they are done.
    Logs(ParticipantNo),
    /// Texts that an earlier pass kept: those up to this one are done.
    Kept(Option<(Holder, MessageNo)>),
    /// Texts that were not looked at before.
    Texts,
    /// All is done.
    Done,
}

/// One pass over a store: everything that is older than its cut, a step at a time.
///
/// It is held in memory only. One that was broken off is begun anew: what it removed is gone, and the rest is found again.
#[derive(Debug, Clone)]
pub struct Pass {
    /// What goes.
    pub cut: Cut,
    /// How far it has come.
    pub stage: Stage,
    /// Of participants whose cursors hold something old: the first message of `message.received` or `message.sent` in
    /// what is left of their log. Texts from there on stay.
    pub holds: BTreeMap<ParticipantNo, MessageNo>,
    /// What was removed so far.
    pub removed: Removed,
}

impl Pass {
    /// Begins one.
    pub fn new(cut: Cut) -> Self {
        Self {
            cut,
            stage: Stage::Logs(ParticipantNo::default()),
            holds: BTreeMap::new(),
            removed: Removed::default(),
        }
    }

    /// Whether everything is done.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whose log holds a message of a chat with these members back: the first of them.
    pub fn holder_of(
        &self,
        message: MessageNo,
        members: impl IntoIterator<Item = ParticipantNo>,
    ) -> Option<ParticipantNo> {
        members
            .into_iter()
            .find(|no| self.holds.get(no).is_some_and(|from| *from <= message))
    }
}
