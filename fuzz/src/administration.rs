//! Bodies of administration, webhooks, push and the desk: what is refused is refused with a field, and what is understood is
//! JSON.

use crewline_api::ErrorCode;
use crewline_http::fuzzing::administration::{CALLS, body};
use serde_json::Value;

use super::wire::refusal;

/// A body, given to every call that has one.
pub(crate) fn administration(data: &[u8]) -> usize {
    let is_json = serde_json::from_slice::<Value>(data).is_ok();
    let mut understood = 0;
    for call in CALLS {
        match body(call, data) {
            Ok(()) => {
                // Some of them may be left out.
                assert!(
                    is_json || data.is_empty(),
                    "{call}: what was read is no JSON"
                );
                understood += 1;
            }
            Err(error) if error.code == ErrorCode::NotFound => {}
            Err(error) => refusal(&error),
        }
    }
    understood
}
