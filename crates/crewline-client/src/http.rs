//! Calls of the server over HTTP, and what may come back. A socket begins as one of them.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use crewline_api::ErrorCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Upgraded};
use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{Error, problem};

/// What stands in a path as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');
/// More than any answer of the contract: a server that sends more is none.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// More than any problem document.
const PROBLEM_BYTES_MAX: usize = 1024 * 1024;
const SOCKET: &str = "/api/v1/socket";

/// A server, and a token for it. Connections are kept and used again.
#[derive(Debug)]
pub(crate) struct Http {
    pool: reqwest::Client,
    base: String,
    token: HeaderValue,
    timeout: Duration,
    connect_timeout: Duration,
}

impl Http {
    pub(crate) fn new(
        pool: reqwest::Client,
        base: String,
        token: HeaderValue,
        timeout: Duration,
        connect_timeout: Duration,
    ) -> Self {
        Self {
            pool,
            base,
            token,
            timeout,
            connect_timeout,
        }
    }

    /// Where the server is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// How long one try may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long it may take until a session is open: the connection, and the answer.
    pub(crate) fn open_timeout(&self) -> Duration {
        self.connect_timeout.saturating_add(self.timeout)
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.pool
            .request(method, format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.token.clone())
    }

    /// Sends a request, and gives back what was answered well.
    pub(crate) async fn call(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = self.send(request.timeout(self.timeout)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    /// Sends a request, and reads the answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, Error> {
        let response = self.call(request).await?;
        self.read(response).await
    }

    /// Reads an answer.
    pub(crate) async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let bytes = self.bytes(response, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::wrong_server(format!(
                "the answer of {} is not what a Crewline server says: {error}",
                self.base
            ))
        })
    }

    /// Opens the connection of a socket.
    pub(crate) async fn upgrade(&self) -> Result<Upgraded, Error> {
        let key = generate_key();
        let request = self
            .request(Method::GET, SOCKET)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = self.send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.no_socket(response).await);
        }
        let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT);
        if accept
            .is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes())
        {
            return Err(Error::wrong_server(format!(
                "{} opens something else than the WebSocket that was asked for",
                self.base
            )));
        }
        response
            .upgrade()
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        match tls_fault(error) {
            Some(fault @ rustls::Error::InvalidCertificate(_)) => {
                return Error::wrong_server(format!(
                    "{} cannot be trusted: {fault}; the certificate of a private authority is given as a file (--ca-file, ca_file)",
                    self.base
                ));
            }
            Some(fault) => {
                return Error::wrong_server(format!(
                    "TLS with {} fails: {fault}; is it http:// there, and not https://?",
                    self.base
                ));
            }
            None => {}
        }
        if error.is_builder() {
            return Error::wrong_server(format!("cannot call {}: {}", self.base, chain(error)));
        }
        if error.is_timeout() {
            return Error::unreachable(format!("{} does not answer", self.base));
        }
        Error::unreachable(format!("cannot reach {}: {}", self.base, chain(error)))
    }

    /// What an answer other than 2xx means.
    async fn refusal(&self, response: Response) -> Error {
        let (status, after) = (response.status(), retry_after(response.headers()));
        let elsewhere = response.headers().get(LOCATION).cloned();
        match self.problem(response).await {
            Some(mut error) => {
                error.retry_after = after.or(error.retry_after);
                error
            }
            None if matches!(status.as_u16(), 429 | 502..=504) => {
                // A proxy says so: the server behind it may come back.
                let mut error = Error::unreachable(format!("{} answers {status}", self.base));
                error.retry_after = after;
                error
            }
            None => Error::wrong_server(match elsewhere {
                Some(place) if status.is_redirection() => format!(
                    "{} answers {status} and points to {}: use that address",
                    self.base,
                    String::from_utf8_lossy(place.as_bytes())
                ),
                _ => format!(
                    "{} answers {status}, and not as a Crewline server does: check the address",
                    self.base
                ),
            }),
        }
    }

    /// What it means that no socket was opened.
    async fn no_socket(&self, response: Response) -> Error {
        let status = response.status();
        let through = "a proxy in between must let WebSockets through: HTTP/1.1, with the headers Upgrade and Connection, for /api/v1/socket";
        // Credentials that are not known, a server that is busy: such answers are about something else.
        if matches!(status.as_u16(), 401 | 403 | 429 | 500..=599) || status.is_redirection() {
            return self.refusal(response).await;
        }
        let ours = self.problem(response).await;
        Error::wrong_server(match (status, ours) {
            (StatusCode::NOT_FOUND, Some(_)) => format!(
                "the server at {} has no {SOCKET}: it is older than this client; upgrade it",
                self.base
            ),
            (_, Some(error)) if error.code != ErrorCode::UpgradeRequired => format!(
                "{} opens no WebSocket ({status}: {}); {through}",
                self.base, error.detail
            ),
            _ => format!("{} opens no WebSocket ({status}); {through}", self.base),
        })
    }

    /// The problem document of an answer, where it is one.
    async fn problem(&self, response: Response) -> Option<Error> {
        let bytes = self.bytes(response, PROBLEM_BYTES_MAX).await.ok()?;
        let wire: problem::Wire = serde_json::from_slice(&bytes).ok()?;
        Some(wire.into())
    }

    async fn bytes(&self, mut response: Response, max: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= max => bytes.extend(chunk),
                Ok(None) => return Ok(bytes),
                Ok(Some(_)) => {
                    return Err(Error::wrong_server(format!(
                        "{} answers more than {max} bytes",
                        self.base
                    )));
                }
                Err(error) => {
                    return Err(Error::unreachable(format!(
                        "the answer of {} broke off: {}",
                        self.base,
                        chain(&error)
                    )));
                }
            }
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The innermost cause, which says what happened (`Connection refused`); the outer ones say what was being done.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

/// What TLS has against the server. That does not go away by waiting.
fn tls_fault(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(fault) = inner.downcast_ref() {
            return Some(fault);
        }
        // What an error of the system carries is not its source, but is found in it.
        let carried = inner
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = match carried {
            Some(carried) => Some(carried as _),
            None => inner.source(),
        };
    }
    None
}

/// A part of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// A value in a query.
pub(crate) fn query_value(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
