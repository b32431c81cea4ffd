//! Whether a page may write with the cookie of the person who looks at it: only one that came from this server.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use crewline_api::{ApiError, ErrorCode};

use crate::{Settings, proxy};

/// Whether a request with a cookie needs an `Origin`: one that may change something, and one that opens a socket, by
/// which anything may be said later.
pub(crate) fn is_needed(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD) || headers.contains_key(header::UPGRADE)
}

/// Refuses a request whose `Origin` is missing, or is not this server's own and not one of the settings.
pub(crate) fn check(parts: &Parts, settings: &Settings) -> Result<(), ApiError> {
    let mut given = parts.headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (given.next(), given.next()) else {
        return Err(wrong(
            "A write with a cookie needs exactly one header Origin.",
        ));
    };
    let origin = origin.to_str().unwrap_or_default();
    let known = own(parts, settings)
        .iter()
        .chain(&settings.origins)
        .any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(origin));
    if known {
        Ok(())
    } else {
        Err(wrong(
            "The header Origin names another site than this server.",
        ))
    }
}

/// The origin of this server, as the request names it.
pub(crate) fn own(parts: &Parts, settings: &Settings) -> Option<String> {
    let scheme = if proxy::is_https(parts, settings) {
        "https"
    } else {
        "http"
    };
    host(parts).map(|host| format!("{scheme}://{host}"))
}

/// Like [`check`], where a request without an `Origin` comes from a program, and carries no cookie that it needs.
pub(crate) fn check_if_given(parts: &Parts, settings: &Settings) -> Result<(), ApiError> {
    if has_origin(&parts.headers) {
        check(parts, settings)
    } else {
        Ok(())
    }
}

fn has_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
}

fn host(parts: &Parts) -> Option<&str> {
    let header = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    header.or_else(|| {
        parts
            .uri
            .authority()
            .map(axum::http::uri::Authority::as_str)
    })
}

fn wrong(what: &str) -> ApiError {
    let remedy = "Open the page from this server's own address, or name its origin in the setting `http.origins`; a \
                  program sends `Authorization: Bearer` instead of the cookie.";
    ApiError::new(ErrorCode::WrongOrigin, format!("{what} {remedy}"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn refused(host: &str, origin: Option<&str>, settings: &Settings) -> bool {
        let mut request = Request::post("/").header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        check(&request.body(()).unwrap().into_parts().0, settings).is_err()
    }

    #[test]
    fn only_this_server_and_origins_of_the_settings_may_write() {
        let plain = Settings {
            origins: vec!["https://chat.example.org".into()],
            ..Settings::default()
        };
        assert!(!refused(
            "localhost:8080",
            Some("http://localhost:8080"),
            &plain
        ));
        assert!(!refused(
            "localhost:8080",
            Some("https://chat.example.org"),
            &plain
        ));
        for wrong in [
            "https://localhost:8080",
            "http://localhost",
            "null",
            "",
            "http://localhost:8080.evil.example",
        ] {
            assert!(refused("localhost:8080", Some(wrong), &plain), "{wrong}");
        }
        assert!(refused("localhost:8080", None, &plain));
        let secure = Settings {
            secure_cookie: true,
            ..Settings::default()
        };
        assert!(!refused(
            "chat.example.org",
            Some("https://chat.example.org"),
            &secure
        ));
        assert!(refused(
            "chat.example.org",
            Some("http://chat.example.org"),
            &secure
        ));
    }
}
