//! What each command does: one file, one command (or one family of them), with its arguments and its `--help`.

pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod config_show;
pub(crate) mod db;
mod demo;
pub(crate) mod doctor;
pub(crate) mod group;
pub(crate) mod health;
mod import;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod message_story;
pub(crate) mod migrate;
mod mover;
pub(crate) mod organisation;
mod password;
pub(crate) mod peek;
pub(crate) mod push;
pub(crate) mod remind;
pub(crate) mod restore;
pub(crate) mod send;
pub(crate) mod serve;
mod sql_prompt;
mod states;
mod story;
mod tls;
pub(crate) mod token;
pub(crate) mod user;
mod user_file;
pub(crate) mod version;
mod watch;
pub(crate) mod webhook;

use std::time::Duration;

use crewline_api::Timestamp;

/// A point in time for people: local, to the second.
fn local_time(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(time) => time
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => at.to_string(),
    }
}

/// Reads `30s`, `500ms`, `2m`, `1h` or `30`, which are seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| hint(text))?;
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(hint(text)),
    };
    match number.checked_mul(millis) {
        Some(millis) if millis <= 30 * 24 * 3_600_000 => Ok(Duration::from_millis(millis)),
        _ => Err(format!("{text} is more than 30 days")),
    }
}

fn hint(text: &str) -> String {
    format!("{text:?} is no length of time; write 30s, 500ms, 2m or 1h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit_or_are_seconds() {
        assert_eq!(parse_duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in [
            "",
            "s",
            "1d",
            "-1",
            "1.5s",
            "99999999999999999999",
            "9999999h",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
