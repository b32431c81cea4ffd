//! Texts with a bound or a form, read in one way wherever they stand.

use crewline_api::limits::NAME_CHARS_MAX;
use crewline_api::{FieldCode, Timestamp};

use crate::fault::quoted;

/// What was read, or what is wrong with it.
pub(crate) type Read<T> = Result<T, (FieldCode, String)>;

/// Refuses a text of more characters.
pub(crate) fn check_chars(text: &str, max: usize) -> Read<()> {
    check_length(text.chars().count(), max, "characters")
}

/// Refuses a text of more bytes.
pub(crate) fn check_bytes(text: &str, max: usize) -> Read<()> {
    check_length(text.len(), max, "bytes")
}

fn check_length(length: usize, max: usize, of_what: &str) -> Read<()> {
    if length > max {
        let detail = format!("has {length} {of_what}; at most {max} are allowed");
        return Err((FieldCode::TooLong, detail));
    }
    Ok(())
}

/// Refuses a text of nothing.
pub(crate) fn check_not_empty(text: &str) -> Read<()> {
    if text.is_empty() {
        return Err((FieldCode::Empty, "is empty".to_owned()));
    }
    Ok(())
}

/// A name: 1 to 255 characters.
pub(crate) fn read_name(text: &str) -> Read<String> {
    check_not_empty(text)?;
    check_chars(text, NAME_CHARS_MAX)?;
    Ok(text.to_owned())
}

/// A point in time.
pub(crate) fn read_time(text: &str) -> Read<Timestamp> {
    text.parse().map_err(|_| {
        let text = quoted(text);
        let detail = format!("{text} is not a time of RFC 3339, such as 2026-11-23T03:47:29.120Z");
        (FieldCode::Malformed, detail)
    })
}
