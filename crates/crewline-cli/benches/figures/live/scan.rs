//! What the server says, found by looking at bytes: a tree of JSON would cost the generator more than the rest of its work.
//!
//! It relies on the order of fields, and on quotation marks inside of texts being escaped: what looks like the begin of
//! an event is one.

use memchr::memmem::{Finder, find};

use super::protocol::{MessageId, Said};

const DONE: &[u8] = b"{\"done\":{\"id\":";
const EVENTS: &[u8] = b"{\"events\":[";
const EVENT: &[u8] = b"{\"seq\":";
const MESSAGE: &[u8] = b"\"messageId\":\"";

/// Finds where events begin.
pub(crate) fn event() -> Finder<'static> {
    Finder::new(EVENT)
}

/// A number, and what follows it.
pub(crate) fn number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    assert!(digits > 0, "{}", String::from_utf8_lossy(text));
    let of = |number: u64, byte: &u8| number * 10 + u64::from(byte - b'0');
    (text[..digits].iter().fold(0, of), &text[digits..])
}

/// The first id of a message.
pub(crate) fn message(text: &[u8]) -> MessageId {
    let at = find(text, MESSAGE).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(text)));
    let rest = &text[at + MESSAGE.len()..];
    let length = memchr::memchr(b'"', rest).unwrap();
    MessageId::new(&rest[..length])
}

/// What a frame says.
pub(crate) fn said(text: &[u8], event: &Finder<'_>, mut tell: impl FnMut(Said)) {
    let shown = || String::from_utf8_lossy(text);
    if let Some(rest) = text.strip_prefix(DONE) {
        let (id, rest) = number(rest);
        assert!(rest.starts_with(b",\"ok\":"), "{}", shown());
        let message = message(rest);
        return tell(Said::Accepted { id, message });
    }
    assert!(text.starts_with(EVENTS), "{}", shown());
    for at in event.find_iter(text) {
        let (seq, rest) = number(&text[at + EVENT.len()..]);
        let kind = rest.strip_prefix(b",\"type\":\"message.");
        match kind.map(|kind| kind.get(..3)) {
            Some(Some(b"rec")) => tell(Said::Received { seq }),
            Some(Some(b"del")) => tell(Said::Delivered {
                seq: Some(seq),
                message: message(rest),
            }),
            _ => panic!("{}", shown()),
        }
    }
}
