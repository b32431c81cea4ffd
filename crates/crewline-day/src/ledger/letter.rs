//! One message and what became of it with each recipient, as both ends wrote it down.

use super::{Reference, Sending, Told};
use crate::cast::Who;

/// What a sender is told of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Delivered,
    Read,
    Acknowledged,
}

impl State {
    pub(crate) const ALL: [Self; 3] = [Self::Delivered, Self::Read, Self::Acknowledged];
}

/// A message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    /// What its sender wrote down; none where it has not been answered.
    pub(crate) sending: Option<Sending>,
    pub(crate) answered_ms: Option<u64>,
    pub(crate) reference: Reference,
    /// A hash of its text.
    pub(crate) text: Option<u64>,
    pub(crate) copies: Vec<Copy>,
}

/// A message with one recipient.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) who: Who,
    /// The server's answer to the sender names this recipient.
    pub(crate) is_addressed: bool,
    pub(crate) received_ms: Option<u64>,
    /// How often the same device got it once more.
    pub(crate) again: u32,
    stages: [Stage; 3],
    /// The sender was told a later state before an earlier one.
    pub(crate) is_out_of_order: bool,
}

/// One state of a recipient: when it was said, and when the sender was told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stage {
    pub(crate) said_ms: Option<u64>,
    /// The server has answered the one who said it.
    pub(crate) is_confirmed: bool,
    pub(crate) told_ms: Option<u64>,
    pub(crate) told: u32,
    pub(crate) payload_is_wrong: bool,
    /// The recipient was connected from before the message was sent until it was delivered.
    pub(crate) is_clean: bool,
}

impl Letter {
    /// The copy of somebody.
    pub(crate) fn copy(&mut self, who: Who) -> &mut Copy {
        let at = self.copies.iter().position(|copy| copy.who == who);
        let at = at.unwrap_or_else(|| {
            self.copies.push(Copy {
                who,
                is_addressed: false,
                received_ms: None,
                again: 0,
                stages: [Stage::default(); 3],
                is_out_of_order: false,
            });
            self.copies.len() - 1
        });
        &mut self.copies[at]
    }
}

impl Copy {
    pub(crate) fn stage(&mut self, state: State) -> &mut Stage {
        &mut self.stages[state as usize]
    }

    pub(crate) fn at(&self, state: State) -> &Stage {
        &self.stages[state as usize]
    }

    /// The sender is told; whether for the first time.
    pub(super) fn tell(&mut self, state: State, told: &Told, now: u64) -> bool {
        let later = &self.stages[state as usize + 1..];
        self.is_out_of_order |= later.iter().any(|stage| stage.told > 0);
        let stage = self.stage(state);
        stage.told += 1;
        stage.payload_is_wrong |= !told.payload_is_right;
        if stage.told > 1 {
            return false;
        }
        stage.told_ms = Some(now);
        true
    }
}
