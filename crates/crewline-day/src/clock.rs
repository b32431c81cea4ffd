//! The time of the day that is played: real milliseconds since it began, and seconds of the story.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

/// The story begins at six in the morning.
const DAWN_S: f64 = 6.0 * 3_600.0;

/// When the day began, and how quickly the story goes.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    begun: Instant,
    /// When the story began, in milliseconds: everybody has to sign in first.
    story_ms: Arc<OnceLock<u64>>,
    /// Seconds of the story in a second.
    speed: f64,
}

impl Clock {
    pub(crate) fn new(begun: Instant, speed: f64) -> Self {
        Self {
            begun,
            story_ms: Arc::default(),
            speed,
        }
    }

    /// Real milliseconds since the beginning.
    pub(crate) fn ms(&self) -> u64 {
        Instant::now()
            .saturating_duration_since(self.begun)
            .as_millis() as u64
    }

    /// The story begins now.
    pub(crate) fn begin_story(&self) {
        self.story_ms.get_or_init(|| self.ms());
    }

    /// Seconds of the story since its beginning.
    pub(crate) fn story_s(&self) -> f64 {
        let from = self.story_ms.get().copied();
        from.map_or(0.0, |from| {
            self.ms().saturating_sub(from) as f64 / 1_000.0 * self.speed
        })
    }

    /// When this second of the story is.
    pub(crate) fn at(&self, story_s: f64) -> Instant {
        let from = self.story_ms.get().copied().unwrap_or_default();
        self.begun + Duration::from_millis(from) + self.real(story_s)
    }

    /// How long so many seconds of the story take.
    pub(crate) fn real(&self, story_s: f64) -> Duration {
        Duration::from_secs_f64((story_s / self.speed).clamp(0.0, 1e9))
    }
}

/// The time of day of a second of the story: `14:05`.
pub(crate) fn time_of_day(story_s: f64) -> String {
    let minutes = ((DAWN_S + story_s.max(0.0)) / 60.0) as u64;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_begins_at_six_and_goes_past_midnight() {
        assert_eq!(time_of_day(0.0), "06:00");
        assert_eq!(time_of_day(8.0 * 3_600.0 + 300.0), "14:05");
        assert_eq!(time_of_day(19.0 * 3_600.0), "01:00");
    }
}
