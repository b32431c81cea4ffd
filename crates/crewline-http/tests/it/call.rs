//! A client of HTTP/1.1 that sends what it is told, well formed or not.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::PATIENCE;

/// A call to be made.
pub(crate) struct Call {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
}

/// A connection that is kept from call to call.
pub(crate) struct Kept(http1::SendRequest<Full<Bytes>>);

/// An answer, read whole.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: Method, path: &str) -> Self {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", address.to_string());
        Self {
            address,
            request: request.body(Full::default()).unwrap(),
        }
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        if name == "host" {
            self.request.headers_mut().insert(name, value);
        } else {
            self.request.headers_mut().append(name, value);
        }
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sends it on a connection of its own; the head of the answer, and its body to be read.
    pub(crate) async fn open(self) -> Response<Incoming> {
        let answered = async {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(self.request).await.unwrap()
        };
        timeout(PATIENCE, answered)
            .await
            .expect("the server answers")
    }

    /// Sends it; nothing, where the connection cannot be made, or breaks before the head of the answer is there.
    pub(crate) async fn try_open(self) -> Option<Response<Incoming>> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        sender.send_request(self.request).await.ok()
    }

    /// Sends it on a connection that is kept for the next, and made where there is none.
    pub(crate) async fn send_on(self, kept: &mut Option<Kept>) -> Reply {
        // One whose last call was given up half-way is closed too, and says so when it is asked for room.
        let usable = match kept {
            Some(kept) => kept.0.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            *kept = Some(Kept(sender));
        }
        let sender = &mut kept.as_mut().expect("it was made").0;
        let answered = async {
            let (parts, body) = sender
                .send_request(self.request)
                .await
                .unwrap()
                .into_parts();
            Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        };
        timeout(PATIENCE, answered)
            .await
            .expect("the server answers")
    }

    /// Sends it; nothing, where the connection breaks before the answer is there.
    pub(crate) async fn try_send(self) -> Option<Reply> {
        let (parts, body) = self.try_open().await?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    pub(crate) async fn send(self) -> Reply {
        let (parts, body) = self.open().await.into_parts();
        let body = timeout(PATIENCE, body.collect())
            .await
            .expect("the answer ends")
            .unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes(),
        }
    }
}

impl Reply {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
