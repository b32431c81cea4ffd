//! What stands in the head of a request: queries with cursors and kinds, secrets, keys, and what proxies say.

use std::net::IpAddr;

use crewline_api::ErrorCode;
use crewline_http::fuzzing;

use super::wire::refusal;

/// A query in the first line, headers in those below it.
pub(crate) fn query(data: &[u8]) -> usize {
    let (first, rest) = data.split_at(line_end(data));
    let Ok(text) = std::str::from_utf8(first) else {
        return 0;
    };
    let headers = headers(rest);
    let understood = match fuzzing::events_query(text, &headers) {
        None => 0,
        Some(Err(error)) => {
            refusal(&error);
            0
        }
        Some(Ok(again)) => {
            assert_eq!(fuzzing::events_query(&again, &[]), Some(Ok(again.clone())));
            1
        }
    };
    match fuzzing::stream_headers(&headers) {
        Some(Err(error)) => refusal(&error),
        Some(Ok((_, Some(seq)))) => assert!(i64::try_from(seq).is_ok(), "a store can hold it"),
        _ => {}
    }
    understood
}

/// Headers, one a line.
pub(crate) fn credentials(data: &[u8]) -> usize {
    let headers = headers(data);
    let has = |wanted: &str| {
        headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let mut understood = 0;
    match fuzzing::credentials(&headers) {
        None => return 0,
        Some(Ok((_, by_cookie))) => {
            understood += 1;
            assert_ne!(
                by_cookie,
                has("authorization"),
                "a token goes before a cookie"
            );
        }
        Some(Err(error)) => {
            assert_eq!(error.code, ErrorCode::Unauthenticated);
            assert!(!error.detail.is_empty());
        }
    }
    match fuzzing::key_header(&headers) {
        Some(Ok(Some(key))) => assert!((1..=255).contains(&key.len()), "{key}"),
        Some(Err(error)) => refusal(&error),
        _ => {}
    }
    proxied(&headers);
    understood
}

fn proxied(headers: &[(&[u8], &[u8])]) {
    let stranger: IpAddr = [192, 0, 2, 1].into();
    let told = fuzzing::proxied(stranger, "10.0.0.0/8", headers);
    assert_eq!(
        told,
        Some((Some(stranger), false)),
        "a stranger is not believed"
    );
    let proxy: IpAddr = [10, 0, 0, 1].into();
    for trusted in ["10.0.0.0/8", "0.0.0.0/0,::/0"] {
        let (client, _) =
            fuzzing::proxied(proxy, trusted, headers).expect("the headers are well formed");
        assert!(client.is_some());
    }
}

pub(crate) fn line_end(data: &[u8]) -> usize {
    data.iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len())
}

/// The lines that are a name and a value, as HTTP would carry them.
pub(crate) fn headers(data: &[u8]) -> Vec<(&[u8], &[u8])> {
    let lines = data.split(|byte| *byte == b'\n');
    let pairs = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    pairs
        .filter(|(name, value)| is_name(name) && is_value(value))
        .collect()
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_value(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}
