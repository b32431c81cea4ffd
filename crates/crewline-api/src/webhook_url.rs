//! The URL of a webhook: checked, and read in one way only.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::WEBHOOK_URL_BYTES_MAX;

/// Why a text is no URL of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// More bytes than are allowed.
    #[error("has {0} bytes; at most {WEBHOOK_URL_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// Another scheme, or none.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// A name or password in it, which would stand in lists and logs.
    #[error("must not hold a user or a password: they would be shown in lists and in the log")]
    Credentials,
    /// Something behind `#`, which is never sent.
    #[error("must not hold a `#`: what stands behind it is never sent")]
    Fragment,
    /// No host, or what cannot be one.
    #[error(
        "must name a host: a name of letters, digits, `-`, `_` and `.`, an IPv4 address, or an IPv6 address in brackets"
    )]
    Host,
    /// A port that is none.
    #[error("must have a port from 1 to 65535, or none")]
    Port,
    /// What cannot stand in a URL as it is.
    #[error("holds a character that a URL cannot hold as it is: write it with percent signs")]
    Character,
}

/// The URL of a webhook, or the endpoint of a push subscription, checked: `http` or `https`, a host, perhaps a port, and what is asked for there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl {
    text: String,
    host_end: usize,
    authority_end: usize,
    port: u16,
}

impl WebhookUrl {
    /// Checks a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, UrlError> {
        if text.len() > WEBHOOK_URL_BYTES_MAX {
            return Err(UrlError::TooLong(text.len()));
        }
        let default_port = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(_), _) => 443,
            (None, Some(_)) => 80,
            (None, None) => return Err(UrlError::Scheme),
        };
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let begin = text.find("://").map_or(0, |at| at + 3);
        let rest = &text[begin..];
        let authority = &rest[..rest.find(['/', '?', '\\']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => default_port,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or(UrlError::Port)?,
            Some(_) => return Err(UrlError::Port),
        };
        if !rest[authority.len()..].bytes().all(may_stand_in_a_path) {
            return Err(UrlError::Character);
        }
        Ok(Self {
            host_end: begin + host.len(),
            authority_end: begin + authority.len(),
            port,
            text: text.to_owned(),
        })
    }

    /// The whole, as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is asked by TLS.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    fn begin(&self) -> usize {
        if self.is_https() { 8 } else { 7 }
    }

    /// The host: a name or an address, the latter without brackets.
    pub fn host(&self) -> &str {
        self.text[self.begin()..self.host_end].trim_matches(['[', ']'])
    }

    /// The port, also where it was left out.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they were given: what the header `Host` says.
    pub fn authority(&self) -> &str {
        &self.text[self.begin()..self.authority_end]
    }

    /// What is asked for: path and query, with a slash at the beginning.
    pub fn target(&self) -> String {
        let target = &self.text[self.authority_end..];
        if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("/{target}")
        }
    }
}

/// Host and port of an authority.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, behind) = rest.split_once(']').ok_or(UrlError::Host)?;
        Ipv6Addr::from_str(address).map_err(|_| UrlError::Host)?;
        let port = match behind {
            "" => None,
            other => Some(other.strip_prefix(':').ok_or(UrlError::Port)?),
        };
        return Ok((&authority[..address.len() + 2], port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    // A label of digits at the end makes it an address of IPv4; such as `127.1` and `2130706433` are read in many ways.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or("");
    let is_number = last.starts_with(|first: char| first.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x"));
    let good = is_name && host.len() <= 253 && !host.trim_matches('.').is_empty();
    if !good || (is_number && host.parse::<Ipv4Addr>().is_err()) {
        return Err(UrlError::Host);
    }
    Ok((host, port))
}

/// Characters of RFC 3986 that stand in a path or a query.
fn may_stand_in_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]".contains(&byte)
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for WebhookUrl {
    type Err = UrlError;
    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::new(text)
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = UrlError;
    fn try_from(text: String) -> Result<Self, UrlError> {
        Self::new(&text)
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> String {
        url.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_it_will_be_called() {
        let parts = |text: &str| {
            let url = WebhookUrl::new(text).unwrap();
            let host = url.host().to_owned();
            (host, url.port(), url.authority().to_owned(), url.target())
        };
        let row = |host: &str, port, authority: &str, target: &str| {
            (
                host.to_owned(),
                port,
                authority.to_owned(),
                target.to_owned(),
            )
        };
        assert_eq!(
            parts("https://a.example/x?y=1"),
            row("a.example", 443, "a.example", "/x?y=1")
        );
        assert_eq!(
            parts("http://10.0.0.1:81"),
            row("10.0.0.1", 81, "10.0.0.1:81", "/")
        );
        assert_eq!(
            parts("http://[::1]:81?q"),
            row("::1", 81, "[::1]:81", "/?q")
        );
        assert_eq!(parts("http://[::1]"), row("::1", 80, "[::1]", "/"));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_url() {
        for (text, error) in [
            ("ftp://a/", UrlError::Scheme),
            ("HTTP://a/", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http:///x", UrlError::Host),
            ("http://a@b/", UrlError::Credentials),
            ("http://a:b@c/", UrlError::Credentials),
            ("http://a/#x", UrlError::Fragment),
            ("http://a:0/", UrlError::Port),
            ("http://a:65536/", UrlError::Port),
            ("http://a:+80/", UrlError::Port),
            ("http://[::1/", UrlError::Host),
            ("http://[::1]x/", UrlError::Port),
            ("http://127.1/", UrlError::Host),
            ("http://2130706433/", UrlError::Host),
            ("http://0x7f.0.0.0x1/", UrlError::Host),
            ("http://ä/", UrlError::Host),
            ("http://a\\b/", UrlError::Character),
            ("http://a/ b", UrlError::Character),
            ("http://a/\r\nX: y", UrlError::Character),
        ] {
            assert_eq!(WebhookUrl::new(text), Err(error), "{text:?}");
        }
        let long = format!("http://a/{}", "x".repeat(2_048));
        assert_eq!(WebhookUrl::new(&long), Err(UrlError::TooLong(2_057)));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_given_is_refused_or_taken_apart_without_a_rest(
            text in "https?://[a-z0-9.\\[\\]:@\\\\-]{0,12}[/?#a-z%\\PC]{0,8}"
        ) {
            if let Ok(url) = WebhookUrl::new(&text) {
                let scheme = if url.is_https() { "https" } else { "http" };
                let target = url.target();
                let whole = format!("{scheme}://{}{target}", url.authority());
                // A slash is put before what has none.
                let bare = format!("{scheme}://{}{}", url.authority(), &target[1..]);
                proptest::prop_assert!(text == whole || text == bare, "{text} became {whole}");
                proptest::prop_assert!(!url.host().is_empty() && url.port() > 0);
                proptest::prop_assert!(target.starts_with('/') && target.is_ascii());
                proptest::prop_assert!(!url.authority().contains('@'));
                proptest::prop_assert_eq!(WebhookUrl::new(url.as_str()), Ok(url.clone()));
            }
        }
    }
}
