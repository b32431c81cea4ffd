//! A server that answers as it is told, once for each connection.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A server on a port of its own.
pub(crate) struct Fake {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    pub(crate) url: String,
}

impl Fake {
    pub(crate) async fn http() -> Self {
        Self::new(None, "http://127.0.0.1").await
    }

    /// With TLS, for the name `localhost`.
    pub(crate) async fn https(config: rustls::ServerConfig) -> Self {
        Self::new(Some(Arc::new(config).into()), "https://localhost").await
    }

    async fn new(tls: Option<TlsAcceptor>, host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{host}:{}", listener.local_addr().unwrap().port());
        Self { listener, tls, url }
    }

    /// The next connection, where TLS comes about; with its request.
    pub(crate) async fn request(&self) -> Request {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            let io: Box<dyn Io> = match &self.tls {
                None => Box::new(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => continue,
                },
            };
            return Request::read(io).await;
        }
    }

    /// The next connection, on which something comes that is no request.
    pub(crate) async fn garbage(&self) -> Request {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 16]).await.unwrap() > 0);
        Request {
            io: Box::new(stream),
            head: String::new(),
            body: String::new(),
        }
    }

    /// Answers the next request.
    pub(crate) async fn answer(&self, status: &str, headers: &str, body: &str) -> Request {
        let mut request = self.request().await;
        request.answer(status, headers, body).await;
        request
    }
}

/// A request, and the connection that it came on.
pub(crate) struct Request {
    io: Box<dyn Io>,
    /// The lines of the head, and the body.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    async fn read(mut io: Box<dyn Io>) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
                break at;
            }
            assert!(io.read_buf(&mut bytes).await.unwrap() > 0, "half a request");
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut body = bytes.split_off(end + 4);
        let length = header_of(&head, "content-length").map_or(0, |text| text.parse().unwrap());
        while body.len() < length {
            assert!(io.read_buf(&mut body).await.unwrap() > 0, "half a body");
        }
        Self {
            io,
            head,
            body: String::from_utf8(body).unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header_of(&self.head, name)
    }

    /// Answers, and closes.
    pub(crate) async fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.io.write_all(text.as_bytes()).await.unwrap();
        self.io.shutdown().await.unwrap();
    }

    /// Says something, and leaves the connection open.
    pub(crate) async fn raw(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    /// How many bytes come until the connection is closed.
    pub(crate) async fn rest(&mut self) -> usize {
        let mut bytes = Vec::new();
        // A connection that was reset is closed as well.
        let _ = self.io.read_to_end(&mut bytes).await;
        bytes.len()
    }

    /// Opens the socket that was asked for, and reads its hello.
    pub(crate) async fn socket(mut self) -> (Value, Socket) {
        assert!(
            self.head.starts_with("GET /api/v1/socket "),
            "{}",
            self.head
        );
        let accept = derive_accept_key(self.header("sec-websocket-key").unwrap().as_bytes());
        let text = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.io.write_all(text.as_bytes()).await.unwrap();
        let mut socket =
            Socket(WebSocketStream::from_raw_socket(self.io, Role::Server, None).await);
        let hello = socket.read().await;
        (hello, socket)
    }
}

fn header_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The server's end of a socket.
pub(crate) struct Socket(WebSocketStream<Box<dyn Io>>);

impl Socket {
    pub(crate) async fn read(&mut self) -> Value {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn welcome(&mut self) {
        self.say(json!({ "welcome": { "epoch": "e1", "head": 0, "heartbeatS": 15 } }))
            .await;
    }

    /// Reads until the connection is closed.
    pub(crate) async fn until_closed(&mut self) -> Vec<Value> {
        let mut said = Vec::new();
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Text(text) = message {
                said.push(serde_json::from_str(&text).unwrap());
            }
        }
        said
    }
}

/// A problem document.
pub(crate) fn problem(code: crewline_client::api::ErrorCode, detail: &str) -> String {
    let error = crewline_client::api::ApiError::new(code, detail);
    serde_json::to_string(&crewline_client::api::Problem::new(&error, "r1")).unwrap()
}

/// The answer to a message.
pub(crate) const SENT: &str = r#"{"messageId":"m100000000","chatId":"c100000000","position":1,
    "sentAt":"2026-11-23T03:47:29.120Z","recipients":[{"userId":"alice","state":"accepted"}]}"#;

pub(crate) fn message() -> crewline_client::api::NewMessage {
    let message = crewline_client::api::NewMessage::builder("scada", "SCADA", "Hello");
    message.to("alice").build().unwrap()
}
