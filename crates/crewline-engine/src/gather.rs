//! Whether to wait a moment for those who were just answered.
//!
//! Where a batch has a price of its own, whatever is in it (a trip to a database, a commit and its flush), those who send all
//! the time make two batches that take turns, each of half of them, and pay it twice. Who is near comes again within a tenth of
//! a millisecond, and the batch is whole. Who is behind a network does not, and is not waited for: it is tried now and then
//! whether enough of them came in time. See ADR 21.

use std::time::Duration;

/// How long it is waited, at most.
pub(crate) const TIME: Duration = Duration::from_micros(150);
/// A batch of fewer commands is not waited for: then the database is not what is short.
const FROM: usize = 8;
/// While it does not pay, it is tried with one batch of so many.
const TRY_EVERY: u32 = 64;
/// It pays where so many of those who were answered come in time.
const PAYS: f32 = 0.5;

/// What is known of whether it pays.
pub(crate) struct Gathering {
    /// The share that came in time, the last ones counting most.
    share: f32,
    /// Batches since it was tried.
    left_out: u32,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            share: 1.0,
            left_out: 0,
        }
    }
}

impl Gathering {
    /// Whether to wait behind a batch of so many commands.
    pub(crate) fn is_worth_it(&mut self, commands: usize) -> bool {
        if commands < FROM {
            return false;
        }
        self.left_out += 1;
        let waits = self.share >= PAYS || self.left_out >= TRY_EVERY;
        if waits {
            self.left_out = 0;
        }
        waits
    }

    /// So many of those who were answered came in time.
    pub(crate) fn came(&mut self, came: usize, answered: usize) {
        let share = came.min(answered) as f32 / answered.max(1) as f32;
        self.share += (share - self.share) / 4.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_at_once_are_waited_for_and_few_are_not() {
        let mut gathering = Gathering::default();
        for _ in 0..1_000 {
            assert!(gathering.is_worth_it(32));
            gathering.came(30, 32);
        }
        assert!(!gathering.is_worth_it(FROM - 1));
    }

    #[test]
    fn who_does_not_come_in_time_is_waited_for_once_in_a_while() {
        let mut gathering = Gathering::default();
        let mut waited = |came| {
            let waits = gathering.is_worth_it(32);
            if waits {
                gathering.came(came, 32);
            }
            waits
        };
        let in_vain = (0..640).filter(|_| waited(2)).count();
        assert!((10..=14).contains(&in_vain), "{in_vain}");
        // When they come in time, it is found out, and goes on.
        let in_time = (0..640).filter(|_| waited(32)).count();
        assert!(in_time > 400, "{in_time}");
    }
}
