//! How long to wait before trying again: longer each time, and never in step with the others who wait.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
/// The longest wait, where the server does not ask for a longer one.
pub(crate) const LAST: Duration = Duration::from_secs(15);

/// Waits that grow.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait, at least `least`, which is what the server asked for.
    pub(crate) fn next(&mut self, least: Option<Duration>) -> Duration {
        let full = FIRST.saturating_mul(1 << self.tries.min(8)).min(LAST);
        self.tries = self.tries.saturating_add(1);
        // Half of it is by chance, so that those who lost one server do not come back to the next all at once.
        let share = chance();
        let wait = full.mul_f64(0.5 + share / 2.0);
        least.map_or(wait, |least| wait.max(least + full.mul_f64(share / 4.0)))
    }

    /// It worked: the next trouble begins with a short wait again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

/// By chance between 0 and 1. A machine that gives no random numbers is in step with nobody by more than this.
fn chance() -> f64 {
    let mut random = [0u8; 2];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u16::from_ne_bytes(random)) / f64::from(u16::MAX),
        Err(_) => 0.5,
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

    #[test]
    fn those_who_lose_one_server_at_once_do_not_come_back_at_once() {
        let mut waits: Vec<_> = (0..1_000)
            .map(|_| Backoff::default().next(Some(Duration::from_millis(750))))
            .collect();
        waits.sort();
        assert!(waits[0] >= Duration::from_millis(750));
        // Spread over a quarter of the first wait: with 65,536 steps a thousand of them are hardly ever the same.
        assert!(
            waits[900] > waits[100] + Duration::from_millis(30),
            "{waits:?}"
        );
    }
}
