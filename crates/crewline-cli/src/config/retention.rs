//! `[retention]`: what is removed when it is old.

use std::time::Duration;

use crewline_core::Retention as Rules;

use super::Layers;
use crate::failure::Failure;

const DAY: Duration = Duration::from_hours(24);

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
        let days = layers.number("retention.cursorDays", 1..=3_650)?;
        Ok(Self {
            messages: layers.kept("retention.messages")?,
            every: layers.length("retention.every", 1..=DAY.as_secs())?,
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
    fn lengths_of_time_have_a_unit_and_a_bound() {
        let error = read("[retention]\nmessages = \"90\"").unwrap_err();
        assert!(
            error.contains("retention.messages is \"90\" (from x.toml)") && error.contains("90d"),
            "{error}"
        );
        assert!(read("[retention]\nevery = \"2d\"").is_err());
    }
}
