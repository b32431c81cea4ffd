//! The app for people: its page at `/`, `/chats/{chatId}` and below `/admin`, and its files.
//!
//! They are made by `make build` from `web/`, compressed then, and lie in the program. It never makes or changes one.
//! Where they were not made, the page says how to make them; the API does not need them.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use crewline_api::ApiError;

use crate::browser;
use crate::id::PathIds;
use crate::problem::Answered;

include!(concat!(env!("OUT_DIR"), "/web_files.rs"));

const INDEX: &str = "index.html";
/// Files with the hash of what is in them in their names: they never change.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, and asked for again with its `ETag` each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_BUILT: &str = r#"<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Crewline</title></head>
<body>
<h1>Crewline runs, without its app</h1>
<p>This program was built by <code>cargo build</code> alone, and the files of the app for people are not in it.
To build them too, in the folder of the source: <code>make build</code>. It needs Node 20 or newer.</p>
<p>The API needs none of it: <a href="/api/docs">a page to try it</a>.</p>
</body>
</html>
"#;

/// The page, whichever of its addresses was asked for: the app looks at the address itself.
pub(crate) async fn get_page(headers: HeaderMap) -> Response {
    let mut response = match file(INDEX, &headers) {
        Some(response) => response,
        None => not_built(),
    };
    browser::protect_app(response.headers_mut());
    response
}

/// A file whose name changes with what is in it.
pub(crate) async fn get_asset(PathIds(name): PathIds<String>, headers: HeaderMap) -> Answered {
    let mut response = file(&format!("assets/{name}"), &headers).ok_or_else(ApiError::not_found)?;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, FOR_EVER);
    Ok(response)
}

/// The service worker. What it may load is what the page may.
pub(crate) async fn get_worker(headers: HeaderMap) -> Answered {
    let mut response = file("sw.js", &headers).ok_or_else(ApiError::not_found)?;
    browser::protect_app(response.headers_mut());
    Ok(response)
}

/// What browsers want to know to install the app.
pub(crate) async fn get_manifest(headers: HeaderMap) -> Answered {
    Ok(file("manifest.webmanifest", &headers).ok_or_else(ApiError::not_found)?)
}

/// The picture of the app.
pub(crate) async fn get_icon(headers: HeaderMap) -> Answered {
    Ok(file("icon.svg", &headers).ok_or_else(ApiError::not_found)?)
}

fn not_built() -> Response {
    let mut response = Response::new(Body::from(NOT_BUILT));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The file as this browser may have it: compressed or not, or unchanged since it last asked.
pub(crate) fn file(name: &str, asked: &HeaderMap) -> Option<Response> {
    let plain = bytes(name)?;
    let zipped = accepts_gzip(asked)
        .then(|| bytes(&format!("{name}.gz")))
        .flatten();
    let is_zipped = zipped.is_some();
    let body = zipped.unwrap_or(plain);
    let tag = tag(&body);
    let known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let known = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(match body {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        }))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    headers.insert(header::CACHE_CONTROL, ASK_AGAIN);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if is_zipped && !known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

/// What is in a file of the app, if there is one of that name.
fn bytes(name: &str) -> Option<Cow<'static, [u8]>> {
    if let Some(folder) = FOLDER {
        // One segment below the folder or below `assets`: nobody leaves it.
        let own = name.strip_prefix("assets/").unwrap_or(name);
        let is_safe = !own.is_empty() && !own.starts_with('.') && !own.contains(['/', '\\', '\0']);
        return std::fs::read(format!("{folder}/{name}"))
            .ok()
            .filter(|_| is_safe)
            .map(Cow::Owned);
    }
    let found = EMBEDDED.iter().find(|(known, _)| *known == name);
    found.map(|(_, bytes)| Cow::Borrowed(*bytes))
}

/// Names what is in a file. The compressed one differs from the other, and so does its name.
fn tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether the header names gzip, and does not refuse it by `q=0`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(header::ACCEPT_ENCODING).iter();
    let given = given.filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok());
        is_gzip && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_and_not_refused() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        for yes in ["gzip", "br, GZIP;q=0.5", "deflate,gzip"] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0, br"] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in [
            "../Cargo.toml",
            "assets/../../Cargo.toml",
            ".gitignore",
            "assets/",
            "assets/..",
            "/etc/hostname",
        ] {
            assert!(bytes(name).is_none(), "{name}");
        }
    }
}
