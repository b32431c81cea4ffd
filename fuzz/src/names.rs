//! Words with a form of their own: ids, patterns of externals, cursors, kinds of events, times, payloads, networks.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crewline_api::{
    ChatId, CursorName, EventKind, IdempotencyKey, MessageId, ParticipantId, Payload, Timestamp,
};
use crewline_core::{ExternalPattern, Network};

/// A word, given to everything that reads one.
pub(crate) fn names(data: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    let understood = [
        participant(text),
        pattern(text),
        same(text, CursorName::new, |name| name.as_str().to_owned()),
        same(text, IdempotencyKey::new, |key| key.as_str().to_owned()),
        spoken::<MessageId>(text),
        spoken::<ChatId>(text),
        spoken::<Timestamp>(text),
        text.parse::<EventKind>()
            .is_ok_and(|kind| kind.as_str() == text),
        payload(text),
        text.parse::<Network>().is_ok(),
    ];
    understood
        .into_iter()
        .filter(|understood| *understood)
        .count()
}

fn participant(text: &str) -> bool {
    let Ok(id) = ParticipantId::new(text) else {
        return false;
    };
    assert_eq!(id.as_str(), text, "ids are never changed");
    assert!((1..=255).contains(&text.len()));
    assert!(!["me", ".", ".."].contains(&text));
    assert!(!text.chars().any(char::is_control));
    true
}

fn pattern(text: &str) -> bool {
    let Ok(pattern) = ExternalPattern::parse(text) else {
        return false;
    };
    assert_eq!(
        ExternalPattern::parse(&pattern.to_string()).as_ref(),
        Ok(&pattern)
    );
    match &pattern {
        ExternalPattern::Exact(id) => {
            assert!(pattern.covers(id));
            let longer = ParticipantId::new(format!("{id}x"));
            assert!(!longer.is_ok_and(|longer| pattern.covers(&longer)));
        }
        ExternalPattern::Prefix(prefix) => {
            assert!(!prefix.is_empty(), "nobody may act as everybody");
            let below = ParticipantId::new(format!("{prefix}x")).expect("it is an id");
            assert!(pattern.covers(&below));
            let other = ParticipantId::new(format!("x{prefix}"));
            let repeats = prefix.chars().all(|c| c == 'x');
            assert!(repeats || !other.is_ok_and(|other| pattern.covers(&other)));
        }
    }
    true
}

/// What is read is said as it was written.
fn same<T, E>(
    text: &str,
    read: impl Fn(String) -> Result<T, E>,
    say: impl Fn(&T) -> String,
) -> bool {
    let Ok(read) = read(text.to_owned()) else {
        return false;
    };
    assert_eq!(say(&read), text);
    true
}

/// What is said is read as the same.
fn spoken<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) -> bool {
    let Ok(read) = text.parse::<T>() else {
        return false;
    };
    assert_eq!(
        read.to_string().parse::<T>().expect("it was said by us"),
        read
    );
    true
}

fn payload(text: &str) -> bool {
    let Ok(payload) = Payload::from_base64(text) else {
        return false;
    };
    assert_eq!(payload.to_base64(), text, "padded base64 has one form");
    true
}
