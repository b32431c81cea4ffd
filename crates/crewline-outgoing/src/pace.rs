//! When a refused event is tried again, and when it is taken to be the fault itself: a pure rule.

use std::time::Duration;

use crewline_api::Timestamp;

/// Seconds to wait after the first refusal, the second, …; behind the end the last one holds.
const EMERGENCY: [u64; 6] = [2, 5, 10, 20, 30, 60];
const OTHERS: [u64; 6] = [5, 15, 30, 60, 120, 300];
/// A receiver may ask for more time, but not for more than this.
const ASKED_MAX_S: u64 = 600;
const ASKED_MAX_EMERGENCY_S: u64 = 60;
/// From the first lookup to the end of an answer.
const ANSWER: Duration = Duration::from_secs(15);
/// After this long the event behind the refused one is tried once.
const PATIENCE: Duration = Duration::from_mins(10);

/// How fast time goes for posts and retries: a test lives faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    faster: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { faster: 1 }
    }
}

impl Pace {
    /// Everything waits this many times less.
    ///
    /// # Panics
    /// Where it is 0.
    pub fn faster(times: u32) -> Self {
        assert!(times > 0, "time stands still");
        Self { faster: times }
    }

    /// How long a post may take.
    pub fn answer_max(self) -> Duration {
        // An answer takes real time, however fast the waiting goes.
        ANSWER / self.faster.min(20)
    }

    /// How long to wait after so many refusals in a row. `random` spreads those that were refused together: a tenth more or
    /// less for an emergency, a fifth for others. `asked` is what the receiver asked for.
    pub fn wait(
        self,
        emergency: bool,
        refusals: u64,
        asked: Option<Duration>,
        random: u64,
    ) -> Duration {
        let (steps, spread, most) = if emergency {
            (EMERGENCY, 100, ASKED_MAX_EMERGENCY_S)
        } else {
            (OTHERS, 200, ASKED_MAX_S)
        };
        let at = refusals.clamp(1, steps.len() as u64) as usize - 1;
        let millis = steps[at] * (1_000 - spread + random % (2 * spread + 1));
        let asked = asked.map_or(0, |asked| asked.as_secs().min(most) * 1_000);
        Duration::from_millis(millis.max(asked)) / self.faster
    }

    /// How long from `now` until the event behind one that was first refused at `first_at` is tried; zero where it is time.
    pub fn patience_left(self, first_at: Timestamp, now: Timestamp) -> Duration {
        let failing = now.as_millis().saturating_sub(first_at.as_millis());
        (PATIENCE / self.faster).saturating_sub(Duration::from_millis(failing.max(0) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait in the middle of the spread.
    fn seconds(emergency: bool, refusals: u64, asked: Option<u64>) -> u64 {
        let middle = if emergency { 100 } else { 200 };
        let asked = asked.map(Duration::from_secs);
        Pace::default()
            .wait(emergency, refusals, asked, middle)
            .as_secs()
    }

    #[test]
    fn an_emergency_is_tried_after_0_2_5_10_20_30_seconds_and_then_each_minute() {
        let waits: Vec<u64> = (1..=8)
            .map(|refusals| seconds(true, refusals, None))
            .collect();
        assert_eq!(waits, [2, 5, 10, 20, 30, 60, 60, 60]);
    }

    #[test]
    fn others_are_tried_more_slowly_and_at_least_every_five_minutes() {
        let waits: Vec<u64> = (1..=8)
            .map(|refusals| seconds(false, refusals, None))
            .collect();
        assert_eq!(waits, [5, 15, 30, 60, 120, 300, 300, 300]);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_any() {
        assert_eq!(seconds(false, 1, Some(40)), 40);
        assert_eq!(seconds(false, 4, Some(40)), 60, "no sooner than without");
        assert_eq!(seconds(false, 1, Some(100_000)), 600);
        assert_eq!(seconds(true, 1, Some(100_000)), 60);
    }

    #[test]
    fn those_refused_together_do_not_come_again_together() {
        let wait = |random| Pace::default().wait(false, 3, None, random).as_millis();
        let all: Vec<u128> = (0..1_000).map(wait).collect();
        assert_eq!(all.iter().min(), Some(&24_000));
        assert_eq!(all.iter().max(), Some(&36_000));
    }

    #[test]
    fn patience_ends_after_ten_minutes_even_where_a_clock_goes_back() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let left = |first, now| Pace::default().patience_left(at(first), at(now)).as_secs();
        assert_eq!(left(100, 100), 600);
        assert_eq!(left(100, 699), 1);
        assert_eq!(left(100, 700), 0);
        assert_eq!(left(100, 9_999), 0);
        assert_eq!(left(100, 50), 600);
    }
}
