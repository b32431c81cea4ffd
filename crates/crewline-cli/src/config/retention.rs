//! `[retention]`: what is removed when it is old.

use std::time::Duration;

use crewline_core::Retention as Rules;

use super::Layers;
use crate::failure::Failure;

const DAY: Duration = Duration::from_hours(24);
/// Longer than anything is kept on purpose, and short enough to count in.
const LENGTH_MAX: Duration = Duration::from_hours(24 * 36_500);

/// What is removed when it is old.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    /// How long texts and events are kept; for ever, where it is `None`.
    pub(crate) messages: Option<Duration>,
    /// How often what is old is looked for.
    pub(crate) every: Duration,
    /// How long a cursor may be behind.
    pub(crate) cursors: Duration,
}

impl Retention {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let (messages, every) = ("retention.messages", "retention.every");
        let kept = match layers.text(messages)?.trim() {
            "" | "0" => None,
            text => Some(length(text).ok_or_else(|| {
                layers.wrong(
                    messages,
                    "a length of time such as \"90d\", \"36h\" or \"30m\", or \"\" to keep everything",
                )
            })?),
        };
        let days = layers.number("retention.cursorDays", 1..=3_650)?;
        Ok(Self {
            messages: kept,
            every: length(layers.text(every)?)
                .filter(|every| *every <= DAY)
                .ok_or_else(|| {
                    layers.wrong(
                        every,
                        "a length of time from \"1s\" to \"24h\", such as \"10m\"",
                    )
                })?,
            cursors: DAY.saturating_mul(days as u32),
        })
    }

    /// The rules, where anything is removed at all.
    pub(crate) fn rules(&self) -> Option<Rules> {
        self.messages.map(|messages| Rules {
            messages,
            cursors: self.cursors,
            every: self.every,
        })
    }
}

/// `90d`, `36h`, `30m` or `45s`. Always with its unit: who writes 90 may mean days.
pub(super) fn length(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 24 * 3_600,
        _ => return None,
    };
    let length = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
    (!length.is_zero() && length <= LENGTH_MAX).then_some(length)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Retention, String> {
        let mut layers = Layers::defaults().unwrap();
        layers.add_file(Path::new("x.toml"), text).unwrap();
        Retention::read(&layers).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_removed_unless_it_is_set() {
        assert_eq!(read("").unwrap().rules(), None);
        assert_eq!(read("[retention]\nmessages = \"0\"").unwrap().rules(), None);
        let rules = read("[retention]\nmessages = \"2d\"").unwrap().rules();
        let expected = Rules {
            messages: Duration::from_hours(48),
            cursors: Duration::from_hours(30 * 24),
            every: Duration::from_mins(10),
        };
        assert_eq!(rules, Some(expected));
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        for (text, seconds) in [
            ("45s", 45),
            ("30m", 1_800),
            ("36h", 129_600),
            ("1d", 86_400),
        ] {
            assert_eq!(length(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in [
            "90",
            "d",
            "-1d",
            "1.5h",
            "0d",
            "1w",
            "99999999d",
            "99999999999999999999s",
        ] {
            assert_eq!(length(wrong), None, "{wrong}");
        }
        let error = read("[retention]\nmessages = \"90\"").unwrap_err();
        assert!(
            error.contains("retention.messages is \"90\" (from x.toml)") && error.contains("90d"),
            "{error}"
        );
        assert!(read("[retention]\nevery = \"2d\"").is_err());
    }
}
