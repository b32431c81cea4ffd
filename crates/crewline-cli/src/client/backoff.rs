//! How long to wait before trying again: longer each time, and never in step with the others who wait.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(15);

/// Waits that grow.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait, at least `least`, which is what the server asked for.
    pub(crate) fn next(&mut self, least: Option<Duration>) -> Duration {
        let full = FIRST.saturating_mul(1 << self.tries.min(8)).min(LAST);
        self.tries += 1;
        // Half of it is by chance, so that those who lost one server do not come back to the next all at once.
        let mut random = [0u8; 2];
        let share = match getrandom::fill(&mut random) {
            Ok(()) => f64::from(u16::from_ne_bytes(random)) / f64::from(u16::MAX),
            Err(_) => 0.5,
        };
        let wait = full.mul_f64(0.5 + share / 2.0);
        least.map_or(wait, |least| wait.max(least + full.mul_f64(share / 4.0)))
    }

    /// It worked: the next trouble begins with a short wait again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_heed_the_server() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            assert!(backoff.next(None) <= LAST);
        }
        assert!(backoff.next(None) >= LAST / 2);
        assert!(backoff.next(Some(Duration::from_mins(1))) >= Duration::from_mins(1));
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }
}
