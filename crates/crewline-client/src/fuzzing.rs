//! What servers say, as a pure function: for the fuzzing in `fuzz/`, and for the tests that replay what it found. No part of
//! what this crate offers.

/// A frame of a server: how many events it holds that this version knows, or that it is none.
///
/// # Errors
/// Where it is no frame, or an event of a known kind is no such event.
pub fn frame(text: &str) -> Result<usize, crate::Error> {
    let mut known = 0;
    for event in crate::session::events_of(text)? {
        known += usize::from(event.parse()?.is_some());
    }
    Ok(known)
}
