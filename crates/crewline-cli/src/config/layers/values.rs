//! Reading values, each as what it must be; one that is not is named with its key and where it came from.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crewline_core::{Network, NotANetwork};
use toml::Value;

use super::{Layers, Origin};
use crate::config::secret::without_secret;
use crate::failure::Failure;

/// Longer than anything is kept on purpose, and short enough to count in.
const KEPT_MAX: Duration = Duration::from_hours(24 * 36_500);

impl Layers {
    /// A text.
    pub(crate) fn text(&self, key: &str) -> Result<&str, Failure> {
        let value = self.value(key)?;
        value.as_str().ok_or_else(|| self.wrong(key, "a text"))
    }

    /// A number.
    pub(crate) fn number(&self, key: &str, range: RangeInclusive<u64>) -> Result<u64, Failure> {
        let number = match self.value(key)? {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::String(text) if self.comes_as_text(key) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, &expected)
            })
    }

    /// Yes or no.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Failure> {
        let flag = match self.value(key)? {
            Value::Boolean(flag) => Some(*flag),
            Value::String(text) if self.comes_as_text(key) => text.trim().parse().ok(),
            _ => None,
        };
        flag.ok_or_else(|| self.wrong(key, "true or false"))
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, Failure> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let list: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.wrong(key, &list.join(" or "))
        })
    }

    /// A list of texts.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<String>, Failure> {
        let texts = match self.value(key)? {
            Value::String(text) if self.comes_as_text(key) => Some(
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|part| !part.is_empty())
                    .collect(),
            ),
            Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        texts.ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    /// A list of networks and addresses.
    pub(crate) fn networks(&self, key: &str) -> Result<Vec<Network>, Failure> {
        let texts = self.list(key)?;
        let networks = texts.iter().map(|text| text.parse());
        let networks: Result<_, NotANetwork> = networks.collect();
        networks.map_err(|_| {
            let expected = "a list of addresses or networks, such as 10.0.0.5 or 10.0.0.0/8";
            self.wrong(key, expected)
        })
    }

    /// A file, where one is named.
    pub(crate) fn file(&self, key: &str) -> Result<Option<PathBuf>, Failure> {
        let path = self.text(key)?;
        Ok((!path.is_empty()).then(|| PathBuf::from(path)))
    }

    /// A length of time, in a range of seconds.
    pub(crate) fn length(
        &self,
        key: &str,
        seconds: RangeInclusive<u64>,
    ) -> Result<Duration, Failure> {
        let (least, most) = (*seconds.start(), *seconds.end());
        let range = Duration::from_secs(least)..=Duration::from_secs(most);
        let length = length(self.text(key)?).filter(|length| range.contains(length));
        length.ok_or_else(|| {
            let expected = format!(
                "a length of time such as \"500ms\", \"2s\", \"4h\" or \"1d\", from {least} to {most} seconds"
            );
            self.wrong(key, &expected)
        })
    }

    /// How long something is kept; for ever, where nothing is said.
    pub(crate) fn kept(&self, key: &str) -> Result<Option<Duration>, Failure> {
        let text = self.text(key)?.trim();
        if matches!(text, "" | "0") {
            return Ok(None);
        }
        let range = Duration::from_secs(1)..=KEPT_MAX;
        let length = length(text).filter(|length| range.contains(length));
        length.map(Some).ok_or_else(|| {
            let expected =
                "a length of time such as \"90d\", \"36h\" or \"30m\", or \"\" to keep everything";
            self.wrong(key, expected)
        })
    }

    /// The error of a value that is not what it should be. It names the key, the value, and where it came from.
    pub(crate) fn wrong(&self, key: &str, expected: &str) -> Failure {
        let (value, origin) = match self.settings.get(key) {
            Some(setting) => {
                let shown = without_secret(&setting.value);
                (shown.to_string(), setting.origin.to_string())
            }
            None => (String::new(), String::new()),
        };
        Failure::new(format!(
            "{key} is {value} (from {origin}); it must be {expected}"
        ))
        .remedy("set it right there, or take it away: without it the default holds")
        .remedy("docs/configuration.md lists every key with its range and its default")
    }

    fn value(&self, key: &str) -> Result<&Value, Failure> {
        self.settings
            .get(key)
            .map(|setting| &setting.value)
            .ok_or_else(|| Failure::new(format!("the built-in defaults lack {key}")))
    }

    /// The environment and flags know only text.
    fn comes_as_text(&self, key: &str) -> bool {
        matches!(self.origin(key), Origin::Environment(_) | Origin::Flag(_))
    }
}

/// `500ms`, `45s`, `30m`, `36h` or `90d`. Always with its unit: who writes 90 may mean days.
fn length(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_wrong_value_is_named_with_its_key_and_origin() {
        let mut layers = Layers::defaults().unwrap();
        layers
            .add_file(Path::new("x.toml"), "[auth]\nsessionDays = \"30\"\n")
            .unwrap();
        let error = layers.number("auth.sessionDays", 1..=3650).unwrap_err();
        assert_eq!(
            error.to_string(),
            "auth.sessionDays is \"30\" (from x.toml); it must be a whole number from 1 to 3650"
        );
    }

    #[test]
    fn a_wrong_value_is_named_without_the_password_in_it() {
        let mut layers = Layers::defaults().unwrap();
        let file = "[store]\nurl = \"mysql://crew:secret@host/db\"\n";
        layers.add_file(Path::new("x.toml"), file).unwrap();
        let text = layers.wrong("store.url", "something else").to_string();
        assert!(text.contains("mysql://crew:(hidden)@host/db"), "{text}");
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("45s", 45_000),
            ("30m", 1_800_000),
            ("36h", 129_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(length(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "90", "d", "-1d", "1.5h", "1w", "99999999999999999999s"] {
            assert_eq!(length(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_is_kept_for_a_second_at_least_and_a_hundred_years_at_most() {
        let kept = |text: &str| {
            let mut layers = Layers::defaults().unwrap();
            layers.add_flag("audit.keep", "--keep", text).unwrap();
            layers.kept("audit.keep").ok()
        };
        assert_eq!(kept("1s"), Some(Some(Duration::from_secs(1))));
        assert_eq!(kept(" 0 "), Some(None));
        assert_eq!(kept("36500d"), Some(Some(KEPT_MAX)));
        for wrong in ["0d", "999ms", "36501d", "99999999d"] {
            assert_eq!(kept(wrong), None, "{wrong}");
        }
    }
}
