//! Lengths of time as people write them.

use std::time::Duration;

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
