//! What other programs say: addresses that are to be called, what receivers answer, what a server tells its client, and where
//! NATS is.

use crewline_api::WebhookUrl;
use crewline_bus_nats::Options;

use super::headers::{headers, line_end};

/// A text; also as an answer: the status in the first line, headers, and behind an empty line the body.
pub(crate) fn others(data: &[u8]) -> usize {
    let mut understood = answer(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return understood;
    };
    understood += address(text);
    understood += usize::from(crewline_client::fuzzing::frame(text).is_ok());
    match Options::parse(text) {
        Ok(options) => {
            understood += 1;
            assert!(!options.hosts().is_empty());
        }
        Err(error) => assert!(error.to_string().contains("nats://")),
    }
    understood
}

fn answer(data: &[u8]) -> usize {
    let (head, body) = split_body(data);
    let (first, rest) = head.split_at(line_end(head));
    let status = std::str::from_utf8(first)
        .ok()
        .and_then(|text| text.parse().ok());
    let Some(answer) = crewline_outgoing::fuzzing::answer(status, &headers(rest), body) else {
        return 0;
    };
    assert_eq!(answer.is_taken(), matches!(status, Some(200..=299)));
    // Each byte that is no text is shown by a character of three bytes.
    assert!(answer.text.len() <= 3 * 1_024);
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    assert!(!answer.text.contains(odd), "it would reach a terminal");
    usize::from(answer.is_taken())
}

fn split_body(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[]),
    }
}

fn address(text: &str) -> usize {
    let Ok(url) = WebhookUrl::new(text) else {
        return 0;
    };
    assert_eq!(url.as_str(), text);
    assert!(!url.host().is_empty() && url.port() > 0);
    assert!(url.target().starts_with('/'));
    assert!(
        !url.authority().contains(['@', '/', '?', '#', '\\', ' ']),
        "{text}"
    );
    let scheme = if url.is_https() { "https" } else { "http" };
    assert!(text.starts_with(&format!("{scheme}://{}", url.authority())));
    // Whoever calls reads the same host out of it.
    let host = crewline_outgoing::fuzzing::host(&url);
    assert!(
        host.as_ref()
            .is_none_or(|host| host.trim_matches(['[', ']']) == url.host()),
        "{text}: {host:?}"
    );
    1
}
