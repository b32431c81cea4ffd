//! What a work has measured, and how times become figures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// What one work has measured of one system.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Figures {
    /// By name; times in milliseconds, where the name says nothing else.
    pub(crate) values: BTreeMap<String, f64>,
    /// What there is to know of them.
    pub(crate) notes: Vec<String>,
    /// What was lost or came twice with a system that promises otherwise.
    pub(crate) faults: Vec<String>,
}

impl Figures {
    pub(crate) fn set(&mut self, name: impl Into<String>, value: f64) {
        self.values.insert(name.into(), value);
    }

    /// The middle of times, and the one that 99 of 100 are below.
    pub(crate) fn times(&mut self, name: &str, times: &mut [Duration]) {
        times.sort_unstable();
        self.set(format!("{name}.p50"), ms(percentile(times, 50)));
        self.set(format!("{name}.p99"), ms(percentile(times, 99)));
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The smallest of sorted times that so many of a hundred are not above.
pub(crate) fn percentile(sorted: &[Duration], of_hundred: usize) -> Duration {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    let at = rank.saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// The middle one; of an even number the lower of the two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = values.len().saturating_sub(1) / 2;
    values.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times_and_so_many_are_not_above_it() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let of = |of_hundred| percentile(&times, of_hundred).as_millis();
        assert_eq!((of(50), of(99), of(100)), (100, 198, 200));
        let one = [Duration::from_millis(7)];
        assert_eq!(percentile(&one, 50), percentile(&one, 99));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([3.0, 1.0]) - 1.0).abs() < 1e-9);
        assert!(median([]).is_nan());
    }
}
