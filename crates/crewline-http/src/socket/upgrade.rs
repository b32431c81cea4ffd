//! The handshake: from a request of HTTP to a connection of frames.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use crewline_api::{ApiError, ErrorCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument as _;

use super::session;
use crate::app::Edge;
use crate::auth::Caller;
use crate::problem::{Answered, Refusal};
use crate::query::NoQuery;
use crate::refusals::{CALLER, READ, refusals};
use crate::request::RequestId;

refusals!(SocketRefusals: READ, CALLER, [NotAllowed, UpgradeRequired]);

/// Commands and events in one connection.
///
/// A WebSocket (RFC 6455) with JSON text frames, for users and externals. The frames are described in AsyncAPI:
/// `/api/asyncapi.json`. A page of the same origin may use the session's cookie, and then needs a matching `Origin`.
#[utoipa::path(
    get, path = "/api/v1/socket", tag = "events",
    responses((status = 101, description = "The connection is a WebSocket from now on"), SocketRefusals)
)]
pub(crate) async fn get_socket(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    mut request: Request,
) -> Answered {
    let accept = match accept(request.headers()) {
        Ok(accept) => accept,
        Err(what) => return Ok(refuse(what)),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let request_id = request.extensions().get::<RequestId>();
    let request_id = request_id.map_or_else(String::new, |id| id.0.clone());
    let upgraded = edge.upgraded.clone();
    let session = async move {
        match upgrade.await {
            Ok(stream) => session::serve(edge, caller, stream, request_id).await,
            Err(error) => tracing::debug!(%error, "a connection broke before it became a socket"),
        }
    };
    upgraded.spawn(session.instrument(tracing::Span::current()));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// The answer to a handshake that is well formed (RFC 6455, section 4.2.1), or what is wrong with it.
pub(crate) fn accept(headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Err("The header Upgrade must be websocket.");
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err("The header Connection must be Upgrade.");
    }
    if !has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("The header Sec-WebSocket-Version must be 13.");
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.filter(|key| key.len() == 24);
    let key = key.ok_or("The header Sec-WebSocket-Key must be 16 bytes as base64.")?;
    let accept = derive_accept_key(key.as_bytes());
    HeaderValue::from_str(&accept).map_err(|_| "The header Sec-WebSocket-Key is malformed.")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

fn refuse(what: &str) -> Response {
    let detail = format!(
        "{what} This path speaks WebSocket; a proxy on the way must pass Upgrade and Connection on."
    );
    let mut response = Refusal(ApiError::new(ErrorCode::UpgradeRequired, detail)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    response
}
