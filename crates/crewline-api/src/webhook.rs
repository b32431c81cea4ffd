//! Webhooks: whose events go to which URL, and what came of it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::WEBHOOK_URL_BYTES_MAX;
use crate::{EventKind, ParticipantId, Seq, Timestamp};

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

/// The URL of a webhook, checked: `http` or `https`, a host, perhaps a port, and what is asked for there.
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

/// Whether a webhook is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookState {
    /// Events are posted.
    Active,
    /// Nothing is posted; its cursor waits.
    Paused,
}

/// A webhook to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewWebhook {
    /// Whose log it reads; left out, the one participant of the token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<ParticipantId>,
    /// Where events are posted to.
    pub url: WebhookUrl,
    /// Which kinds of events; all, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
    /// Behind which event it begins; behind the newest, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Seq>,
}

/// What a webhook is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookChanges {
    /// Where events are posted to.
    pub url: WebhookUrl,
    /// Which kinds of events; all, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
}

/// A webhook, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// Its id.
    pub webhook_id: String,
    /// Whose log it reads.
    pub participant: ParticipantId,
    /// Where events are posted to.
    pub url: WebhookUrl,
    /// Which kinds of events; all, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
    /// Whether it is at work.
    pub state: WebhookState,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// Everything up to this event was taken or parked, or is of no kind that it asks for.
    pub seq: Seq,
    /// The last event of the log.
    pub head: Seq,
    /// The event that fails now, and is tried again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failing: Option<WebhookFailure>,
    /// How many events are parked.
    pub parked: u64,
    /// How many parked events are not listed any more, because there were too many.
    pub dropped: u64,
    /// The secret by which its posts are signed: shown once, when it was added.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
}

/// A page of webhooks, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhooks {
    /// The webhooks.
    pub webhooks: Vec<Webhook>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// An event that a receiver did not take, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookFailure {
    /// The event.
    pub seq: Seq,
    /// Whether it was parked: those behind it went on, and it is not tried again by itself.
    pub parked: bool,
    /// When it was first refused.
    pub first_at: Timestamp,
    /// When it was last refused.
    pub last_at: Timestamp,
    /// How often it was tried.
    pub attempts: u64,
    /// The status of the last answer; left out where none came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why it counts as refused.
    pub error: String,
    /// The first 1,024 bytes of the last answer.
    pub answer: String,
    /// Whether somebody asked that it be tried once more.
    pub again: bool,
}

/// A page of what a webhook's receiver did not take, oldest event first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookFailures {
    /// The events.
    pub failures: Vec<WebhookFailure>,
    /// How many more were parked, and are not listed any more because there were too many.
    pub dropped: u64,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Seq>,
}

/// What a receiver answered to a post that was made on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookTested {
    /// Whether it was taken.
    pub taken: bool,
    /// The status of the answer; left out where none came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why it counts as refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The first 1,024 bytes of the answer.
    pub answer: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What is to be posted again: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookReplay {
    /// Everything from this event on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Seq>,
    /// This parked event alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parked: Option<Seq>,
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
