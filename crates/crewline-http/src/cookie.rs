//! The cookie in which a page has its session: how it is called, found in a request, set, and taken back.
//!
//! Where people come by https its name begins with `__Host-`. Of such a name a browser takes what this very host has set by
//! https, and nothing else: no page of another name in the same site can put a session of its own in its place.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use crewline_core::SecretHash;

use crate::{Settings, proxy};

/// Its name by plain http, where browsers refuse the other one.
pub(crate) const NAME: &str = "crewline_session";
/// Its name by https.
const HOST_NAME: &str = "__Host-crewline_session";

/// Its name for who comes so.
fn name(is_https: bool) -> &'static str {
    if is_https { HOST_NAME } else { NAME }
}

/// The secret in the cookie of a request.
pub(crate) fn secret(parts: &Parts, settings: &Settings) -> Option<SecretHash> {
    let name = name(proxy::is_https(parts, settings));
    value(&parts.headers, name).map(SecretHash::of)
}

fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// How the answer to a request sets the cookie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionCookie {
    is_https: bool,
}

impl SessionCookie {
    pub(crate) fn of(parts: &Parts, settings: &Settings) -> Self {
        Self {
            is_https: proxy::is_https(parts, settings),
        }
    }

    /// Gives the browser a session for so many seconds.
    pub(crate) fn set(self, response: &mut Response, secret: &str, max_age_s: i64) {
        let (name, secure) = (
            name(self.is_https),
            if self.is_https { "; Secure" } else { "" },
        );
        let cookie = format!(
            "{name}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}{secure}"
        );
        if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
            cookie.set_sensitive(true);
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }

    /// Takes the session back.
    pub(crate) fn clear(self, response: &mut Response) {
        self.set(response, "", 0);
    }
}
