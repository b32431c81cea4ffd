//! What a receiver answered, as a pure function: for the fuzzing in `fuzz/`, and for the tests that replay what it found. No
//! part of what this crate offers.

use std::time::Duration;

use crate::header::{HeaderMap, HeaderName, HeaderValue};
use crewline_api::WebhookUrl;

use crate::post::{Answer, Heard};

/// An answer with this status, these headers and this body. None: HTTP itself refuses the headers.
pub fn answer(status: Option<u16>, headers: &[(&[u8], &[u8])], body: &[u8]) -> Option<Answer> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name).ok()?;
        map.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    let mut heard = Heard::new(status, map);
    heard.take(body);
    Some(heard.judge(None, Duration::ZERO))
}

/// The host of a URL, as the library that speaks HTTP reads it. None: it reads none.
pub fn host(url: &WebhookUrl) -> Option<String> {
    let uri: hyper::Uri = url.as_str().parse().ok()?;
    uri.host().map(str::to_owned)
}
