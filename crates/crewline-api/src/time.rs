//! Points in time, to the millisecond.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time in UTC, in whole milliseconds since 1970. As text RFC 3339: `2026-11-23T03:47:29.120Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This long after, in milliseconds.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This long after.
    pub fn plus(self, time: Duration) -> Self {
        self.plus_millis(millis(time))
    }

    /// This long before.
    pub fn minus(self, time: Duration) -> Self {
        self.plus_millis(-millis(time))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            // Outside of the years -9999 to 9999: no clock says so, but a damaged row might.
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    /// Reads RFC 3339 with any offset; what is below the millisecond is cut off.
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_to_the_millisecond() {
        let time: Timestamp = "2026-11-23T04:47:29.1209+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-23T03:47:29.120Z");
        assert!("2026-11-23".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_length_of_time_that_no_clock_reaches_ends_at_the_last_moment() {
        let time = Timestamp::from_millis(7_000);
        assert_eq!(time.plus(Duration::from_secs(2)).as_millis(), 9_000);
        assert_eq!(time.minus(Duration::from_secs(9)).as_millis(), -2_000);
        assert_eq!(time.plus(Duration::MAX).as_millis(), i64::MAX);
        assert!(time.minus(Duration::MAX) < Timestamp::from_millis(i64::MIN / 2));
    }
}
