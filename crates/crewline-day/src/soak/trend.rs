//! What is a trend, and what is not: pure rules on the samples of a soak.
//!
//! Something *grows* where it did so robustly: by the slope of most pairs of samples in the second half, and by the middle of
//! the last third over that of the first. A step that stays where it is does not grow, nor does noise, nor a saw tooth; a cache
//! that fills and is full does not grow in the second half. The beginning is left out.

use std::fmt::{self, Write as _};

use super::Sample;

const MIB: f64 = 1_048_576.0;
/// Of the samples: left out at the beginning, and no more of them than this.
const WARM_UP: f64 = 0.2;
const WARM_UP_MOST: usize = 30;
/// Fewer than these say nothing.
const SAMPLES_LEAST: usize = 12;
/// The slope that so many of the pairs are above, at most: a half of them are level where one step stands in the middle.
const PAIRS_BELOW: f64 = 0.4;
/// Memory may grow by this, whatever happens: the allocator keeps what it was given.
const MEMORY_FREE: f64 = 24.0 * MIB;
/// And by this for each message, as long as fewer than so many were sent: the server keeps the rows of the last ones.
const MEMORY_OF_A_MESSAGE: f64 = 1_280.0;
const MESSAGES_KEPT: u64 = 100_000;
/// Sessions come and go.
const HANDLES_FREE: f64 = 12.0;
const THREADS_FREE: f64 = 4.0;
/// A checkpoint begins at 64 MiB, and one reader can hold it up for a while.
const WAL_FREE: f64 = 64.0 * MIB;
const WAL_MOST: f64 = 512.0 * MIB;
/// In so many parts the greatest is looked at.
const WAL_PARTS: usize = 12;
/// Beside a busy machine: the last third may take so many times as long as the first, and this many milliseconds.
const SLOWER: f64 = 4.0;
const SLOWER_P50_MS: f64 = 250.0;
const SLOWER_P99_MS: f64 = 2_000.0;

/// What a rule has found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) of: &'static str,
    pub(crate) is_well: bool,
    pub(crate) text: String,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// So many samples are left after the warm-up; that is too few.
    TooShort(usize),
    Judged(Vec<Finding>),
}

impl Verdict {
    /// Whether there is no trend. Who was too short to be judged is not well and not ill.
    pub(crate) fn is_well(&self) -> bool {
        match self {
            Self::TooShort(_) => true,
            Self::Judged(findings) => findings.iter().all(|finding| finding.is_well),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(count) => writeln!(
                f,
                "too short: {count} samples after the warm-up, and {SAMPLES_LEAST} are needed"
            ),
            Self::Judged(findings) => findings.iter().try_for_each(|finding| {
                let word = if finding.is_well { "well" } else { "TREND" };
                writeln!(f, "{word:<5}  {:<10} {}", finding.of, finding.text)
            }),
        }
    }
}

/// Judges the samples of a soak.
pub(crate) fn judge(samples: &[Sample]) -> Verdict {
    let warm_up = ((samples.len() as f64 * WARM_UP) as usize).min(WARM_UP_MOST);
    let (before, samples) = samples.split_at(warm_up);
    if samples.len() < SAMPLES_LEAST {
        return Verdict::TooShort(samples.len());
    }
    let memory = MEMORY_FREE + explained(before, samples);
    let series = |of: fn(&Sample) -> u64| -> Vec<(f64, f64)> {
        samples
            .iter()
            .map(|sample| (sample.at_s, of(sample) as f64))
            .collect()
    };
    Verdict::Judged(vec![
        level(
            "PSS",
            &series(|sample| sample.proportional),
            memory,
            MIB,
            "MiB",
        ),
        level(
            "heap",
            &series(|sample| sample.anonymous),
            memory,
            MIB,
            "MiB",
        ),
        level(
            "handles",
            &series(|sample| sample.handles),
            HANDLES_FREE,
            1.0,
            "",
        ),
        level(
            "threads",
            &series(|sample| sample.threads),
            THREADS_FREE,
            1.0,
            "",
        ),
        wal(&series(|sample| sample.wal)),
        latency("p50", samples, |sample| sample.delivered.p50, SLOWER_P50_MS),
        latency("p99", samples, |sample| sample.delivered.p99, SLOWER_P99_MS),
    ])
}

/// What the rows explain that the server keeps of messages: of the second half, and told for the whole, as growth is.
fn explained(before: &[Sample], samples: &[Sample]) -> f64 {
    let (first, second) = samples.split_at(samples.len() / 2);
    let accepted = |samples: &[Sample]| samples.iter().map(|sample| sample.accepted).sum::<u64>();
    let until = accepted(before) + accepted(first);
    let kept = (until + accepted(second))
        .min(MESSAGES_KEPT)
        .saturating_sub(until);
    kept as f64 * 2.0 * MEMORY_OF_A_MESSAGE
}

fn level(of: &'static str, series: &[(f64, f64)], allowed: f64, unit: f64, name: &str) -> Finding {
    let growth = growth(series);
    let (first, last) = (series[0].1, series[series.len() - 1].1);
    Finding {
        of,
        is_well: growth <= allowed,
        text: format!(
            "from {:.1} to {:.1} {name}; a trend of {:+.1}, and {:.1} are allowed",
            first / unit,
            last / unit,
            growth / unit,
            allowed / unit
        ),
    }
}

/// The WAL is a saw tooth, or a file that keeps its greatest size: its tops are looked at.
fn wal(series: &[(f64, f64)]) -> Finding {
    let tops: Vec<(f64, f64)> = series
        .chunks(series.len().div_ceil(WAL_PARTS))
        .map(|part| {
            (
                part[0].0,
                part.iter().map(|(_, value)| *value).fold(0.0, f64::max),
            )
        })
        .collect();
    let most = tops.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let mut finding = level("WAL", &tops, WAL_FREE, MIB, "MiB at its tops");
    finding.is_well &= most <= WAL_MOST;
    let _ = write!(
        finding.text,
        "; {:.1} at most, {:.0} are allowed",
        most / MIB,
        WAL_MOST / MIB
    );
    finding
}

fn latency(of: &'static str, samples: &[Sample], value: fn(&Sample) -> u64, free: f64) -> Finding {
    let some: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.delivered.count > 0)
        .map(|sample| value(sample) as f64)
        .collect();
    let third = some.len() / 3;
    let (first, last) = (median(&some[..third]), median(&some[some.len() - third..]));
    let allowed = first * SLOWER + free;
    let text = format!(
        "delivered in {first:.0} ms in the first third, {last:.0} ms in the last; {allowed:.0} are allowed"
    );
    Finding {
        of,
        is_well: last <= allowed,
        text,
    }
}

/// By how much a series grows from its beginning to its end, robustly; see the module. Not below 0.
fn growth(series: &[(f64, f64)]) -> f64 {
    let (Some((begin, _)), Some((end, _))) = (series.first(), series.last()) else {
        return 0.0;
    };
    let half = &series[series.len() / 2..];
    let mut slopes = Vec::new();
    for (at, one) in half.iter().enumerate() {
        slopes.extend(
            half[at + 1..]
                .iter()
                .filter(|other| other.0 > one.0)
                .map(|other| (other.1 - one.1) / (other.0 - one.0)),
        );
    }
    let by_slope = quantile(slopes, PAIRS_BELOW) * (end - begin);
    let values: Vec<f64> = series.iter().map(|(_, value)| *value).collect();
    let third = values.len() / 3;
    // The middles of the first and the last third are two thirds of the time apart.
    let by_thirds = (median(&values[values.len() - third..]) - median(&values[..third])) * 1.5;
    by_slope.min(by_thirds).max(0.0)
}

fn median(values: &[f64]) -> f64 {
    quantile(values.to_vec(), 0.5)
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * share) as usize;
    values.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::ledger::Spread;

    const HOUR: usize = 360;

    /// An hour of samples, each made by a hand.
    fn made(count: usize, mut change: impl FnMut(f64, &mut Sample)) -> Vec<Sample> {
        let sample = |at: usize| {
            let part = at as f64 / count as f64;
            let mut sample = Sample {
                at_s: at as f64 * 10.0,
                resident: 120 << 20,
                proportional: 100 << 20,
                anonymous: 60 << 20,
                handles: 90,
                threads: 12,
                wal: 70 << 20,
                store: (10 << 20) + (part * 200.0 * MIB) as u64,
                accepted: 400,
                delivered: Spread {
                    count: 900,
                    p50: 12,
                    p99: 80,
                    max: 200,
                },
            };
            change(part, &mut sample);
            sample
        };
        (0..count).map(sample).collect()
    }

    fn trends(samples: &[Sample]) -> Vec<&'static str> {
        match judge(samples) {
            Verdict::TooShort(count) => panic!("{count} samples"),
            Verdict::Judged(findings) => findings
                .iter()
                .filter(|finding| !finding.is_well)
                .map(|finding| finding.of)
                .collect(),
        }
    }

    fn plus(bytes: u64, mib: f64) -> u64 {
        (bytes as f64 + mib * MIB).max(0.0) as u64
    }

    #[test]
    fn what_is_flat_with_noise_is_no_trend() {
        for seed in 0..50 {
            let mut dice = Dice::new(seed);
            let samples = made(HOUR, |_, sample| {
                sample.proportional = plus(sample.proportional, dice.between((-15.0, 15.0)));
                sample.anonymous = plus(sample.anonymous, dice.between((-15.0, 15.0)));
                sample.handles = 90 + dice.below(40) as u64;
                sample.threads = 10 + dice.below(8) as u64;
                sample.delivered.p50 = 5 + dice.below(40) as u64;
                sample.delivered.p99 = 50 + dice.below(900) as u64;
            });
            assert_eq!(trends(&samples), Vec::<&str>::new(), "seed {seed}");
        }
    }

    #[test]
    fn a_slow_leak_under_noise_is_a_trend() {
        for seed in 0..50 {
            let mut dice = Dice::new(seed);
            // 1.2 KiB for each of 144,000 messages, beside the rows that are kept.
            let samples = made(HOUR, |part, sample| {
                sample.anonymous =
                    plus(sample.anonymous, part * 170.0 + dice.between((-10.0, 10.0)));
                sample.handles = 90 + (part * 40.0) as u64 + dice.below(20) as u64;
            });
            assert_eq!(trends(&samples), ["heap", "handles"], "seed {seed}");
        }
    }

    #[test]
    fn one_step_is_no_trend_wherever_it_stands_and_a_staircase_is_one() {
        for at in [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.95] {
            let samples = made(HOUR, |part, sample| {
                let step = if part >= at { 250.0 } else { 0.0 };
                sample.proportional = plus(sample.proportional, step);
            });
            assert_eq!(trends(&samples), Vec::<&str>::new(), "at {at}");
        }
        let samples = made(HOUR, |part, sample| {
            sample.proportional = plus(sample.proportional, (part * 12.0).floor() * 20.0);
        });
        assert_eq!(trends(&samples), ["PSS"]);
    }

    #[test]
    fn a_cache_that_fills_and_is_full_is_no_trend() {
        let samples = made(HOUR, |part, sample| {
            sample.anonymous = plus(sample.anonymous, (part * 2.5).min(1.0) * 300.0);
        });
        assert_eq!(trends(&samples), Vec::<&str>::new());
    }

    #[test]
    fn a_saw_tooth_of_the_wal_is_none_and_one_whose_teeth_grow_is_one() {
        for teeth in [3.0, 7.0, 40.0] {
            let samples = made(HOUR, |part, sample| {
                sample.wal = ((part * teeth).fract() * 64.0 * MIB) as u64;
            });
            assert_eq!(trends(&samples), Vec::<&str>::new(), "{teeth} teeth");
        }
        let samples = made(HOUR, |part, sample| {
            sample.wal = ((part * 40.0).fract() * (64.0 + 300.0 * part) * MIB) as u64;
        });
        assert_eq!(trends(&samples), ["WAL"]);
        let samples = made(HOUR, |_, sample| sample.wal = 600 << 20);
        assert_eq!(
            trends(&samples),
            ["WAL"],
            "it is too long from the beginning"
        );
    }

    #[test]
    fn what_the_rows_explain_that_the_server_keeps_is_allowed_and_no_more() {
        let grown = |hours: usize, accepted: u64, memory: f64| {
            made(HOUR * hours, move |part, sample| {
                sample.accepted = accepted;
                sample.proportional = plus(sample.proportional, part * memory);
            })
        };
        assert_eq!(trends(&grown(1, 250, 90.0)), Vec::<&str>::new());
        assert_eq!(trends(&grown(1, 0, 90.0)), ["PSS"]);
        // In three hours they were full long ago.
        assert_eq!(trends(&grown(3, 400, 90.0)), ["PSS"]);
    }

    #[test]
    fn answers_that_take_many_times_as_long_at_the_end_are_a_trend() {
        let slower = |factor: u64| {
            made(HOUR, move |part, sample| {
                let factor = if part > 0.6 { factor } else { 1 };
                sample.delivered.p50 = 30 * factor;
                sample.delivered.p99 = 300 * factor;
            })
        };
        assert_eq!(trends(&slower(3)), Vec::<&str>::new());
        assert_eq!(trends(&slower(20)), ["p50", "p99"]);
    }

    #[test]
    fn a_minute_is_too_short_to_be_judged() {
        let verdict = judge(&made(6, |_, _| {}));
        assert_eq!(verdict, Verdict::TooShort(5));
        assert!(verdict.is_well() && verdict.to_string().contains("too short"));
        assert_eq!(judge(&[]), Verdict::TooShort(0));
    }
}
