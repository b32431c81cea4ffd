//! Calls that the client for Rust does not have: signing in, and the administrator's. Plain HTTP, one connection each.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use crewline_client::api::{NewSession, ParticipantId, SessionOpened};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Passwords are hashed one after the other on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// One call; its answer, where it is one of 2xx.
pub(crate) async fn call(
    server: SocketAddr,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &impl Serialize,
) -> Result<Bytes, String> {
    let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, server.to_string())
        .header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|error| error.to_string())?;
    let answering = async {
        let stream = TcpStream::connect(server)
            .await
            .map_err(|error| error.to_string())?;
        let (mut sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let driver = tokio::spawn(connection);
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        driver.abort();
        if status.is_success() {
            return Ok(body);
        }
        Err(format!("{status}: {}", String::from_utf8_lossy(&body)))
    };
    let answer = timeout(PATIENCE, answering).await;
    let answer = answer.unwrap_or_else(|_| Err("no answer within a minute".to_owned()));
    answer.map_err(|fault| format!("{path}: {fault}"))
}

/// Signs somebody in on a device; the secret of the session. A server that is busy hashing says so, and is asked again.
pub(crate) async fn sign_in(
    server: SocketAddr,
    who: &ParticipantId,
    password: &str,
    device: String,
) -> Result<String, String> {
    let session = NewSession {
        user_id: who.clone(),
        password: password.to_owned(),
        device_id: Some(device),
        device_name: Some("Handheld".to_owned()),
    };
    let mut tries = 1;
    let body = loop {
        match call(server, Method::POST, "/api/v1/session", None, &session).await {
            Ok(body) => break body,
            Err(fault) if tries == TRIES => return Err(fault),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(PAUSE).await;
    };
    let opened: SessionOpened =
        serde_json::from_slice(&body).map_err(|error| format!("the session: {error}"))?;
    Ok(opened.token)
}
