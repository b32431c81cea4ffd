//! `/api/openapi.json` and `/api/docs`: the API described, and a page to try it. Everything comes from this server.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use crewline_api::ApiError;
use utoipa_swagger_ui::Config;

use crate::answer::json_bytes;
use crate::browser;
use crate::id::PathIds;
use crate::problem::Answered;
use crate::query::NoQuery;
use crate::refusals::{OPS, refusals};

refusals!(DocsRefusals: OPS);

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Crewline API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<noscript>This page needs JavaScript. The description itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<div id="crewline"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// Starts the page. No validator badge: it would ask another host.
const START: &str = r##""use strict";
window.ui = SwaggerUIBundle({
  url: new URL("openapi.json", window.location.href).href,
  dom_id: "#crewline",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"##;

static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| {
    // What is described is made of texts, lists and maps with texts for keys.
    Bytes::from(serde_json::to_vec(&crate::openapi()).unwrap_or_default())
});

/// The description of this API.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operations", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value), DocsRefusals)
)]
pub(crate) async fn get_openapi(_: NoQuery) -> Answered {
    Ok(json_bytes(StatusCode::OK, DESCRIPTION.to_vec()))
}

static SOCKET: LazyLock<Bytes> = LazyLock::new(|| {
    // Made of texts, lists and maps with texts for keys, like the other.
    Bytes::from(serde_json::to_vec(&crate::asyncapi()).unwrap_or_default())
});

/// The description of the socket.
#[utoipa::path(
    get, path = "/api/asyncapi.json", tag = "operations", security(()),
    responses((status = 200, description = "AsyncAPI 3.0", body = serde_json::Value), DocsRefusals)
)]
pub(crate) async fn get_asyncapi(_: NoQuery) -> Answered {
    Ok(json_bytes(StatusCode::OK, SOCKET.to_vec()))
}

/// A page to read the description, and to try calls. It needs no other host.
#[utoipa::path(
    get, path = "/api/docs", tag = "operations", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"), DocsRefusals)
)]
pub(crate) async fn get_docs(_: NoQuery) -> Answered {
    let mut response = file(
        "text/html; charset=utf-8",
        Bytes::from_static(PAGE.as_bytes()),
    );
    browser::protect_page(response.headers_mut());
    Ok(response)
}

/// The page by a path with a slash too many.
pub(crate) async fn get_docs_elsewhere() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static("../docs"));
    response
}

/// A file of the page.
pub(crate) async fn get_docs_file(PathIds(name): PathIds<String>) -> Answered {
    let mut response = match name.as_str() {
        "start.js" => file(
            "text/javascript; charset=utf-8",
            Bytes::from_static(START.as_bytes()),
        ),
        "swagger-ui.css" | "swagger-ui-bundle.js" | "favicon-32x32.png" => {
            let found = utoipa_swagger_ui::serve(&name, Arc::new(Config::default()))
                .ok()
                .flatten();
            let found = found.ok_or_else(ApiError::not_found)?;
            file(&found.content_type, Bytes::from(found.bytes.into_owned()))
        }
        _ => return Err(ApiError::not_found().into()),
    };
    // The files change with the server's version only; a browser may keep them for an hour.
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    Ok(response)
}

fn file(kind: &str, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
