//! Bodies and frames: what is understood means the same when it is written and read again; what is refused is refused
//! with a field or a reason, and in few words.

use crewline_api::{ApiError, ErrorCode, FieldCode, Problem};
use crewline_http::fuzzing::{self, CALLS, Frame};
use serde_json::Value;

/// The reason of a close has room for so many bytes.
const REASON_BYTES_MAX: usize = 123;

/// A body, given to every call that has one.
pub(crate) fn body(data: &[u8]) -> usize {
    let other = serde_json::from_slice::<Value>(data);
    let mut understood = 0;
    for call in CALLS {
        match fuzzing::body(call, data) {
            Ok(again) => {
                understood += 1;
                assert!(other.is_ok(), "{call}: what was read is no JSON");
                assert_eq!(
                    fuzzing::body(call, again.as_bytes()).as_ref(),
                    Ok(&again),
                    "{call}"
                );
            }
            Err(error) => {
                refusal(&error);
                if error.code == ErrorCode::NotJson {
                    assert!(other.is_err(), "{call}: {error}");
                } else {
                    let too_large = error
                        .fields
                        .iter()
                        .any(|fault| fault.code == FieldCode::OutOfRange);
                    assert!(other.is_ok() || too_large, "{call}: {error}");
                }
            }
        }
    }
    understood
}

/// A frame of the socket.
pub(crate) fn frame(data: &[u8]) -> usize {
    // What is no UTF-8 never becomes a text frame.
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    match fuzzing::frame(text) {
        Frame::Fault(reason) => {
            assert!(
                !reason.is_empty() && reason.len() <= REASON_BYTES_MAX,
                "{reason}"
            );
            0
        }
        Frame::Refused(error) => {
            refusal(&error);
            0
        }
        Frame::Read(again) => {
            assert_eq!(fuzzing::frame(&again), Frame::Read(again.clone()));
            1
        }
    }
}

/// A refusal names what was wrong, where it was, and does not repeat much of what was sent.
pub(crate) fn refusal(error: &ApiError) {
    assert!(!error.detail.is_empty());
    match error.code {
        ErrorCode::Invalid => assert!(!error.fields.is_empty(), "{error}"),
        ErrorCode::NotJson | ErrorCode::NotFound => assert!(error.fields.is_empty(), "{error}"),
        other => panic!("{other} is not said of what was only read: {error}"),
    }
    assert!(error.fields.len() <= 2_000, "{} faults", error.fields.len());
    for fault in &error.fields {
        assert!(
            !fault.field.is_empty() && !fault.detail.is_empty(),
            "{error}"
        );
        assert!(fault.field.chars().count() <= 300, "{}", fault.field);
        assert!(fault.detail.chars().count() <= 1_500, "{}", fault.detail);
    }
    // Whatever was quoted, the document is one.
    let document = serde_json::to_string(&Problem::new(error, "id")).expect("it is made of texts");
    let read: Problem = serde_json::from_str(&document).expect("a problem document is JSON");
    assert_eq!(read.detail, error.detail);
}
