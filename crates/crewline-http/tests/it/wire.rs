//! A client of the socket that says exactly what a test wants, right or wrong.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::rig::{PATIENCE, Rig};

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// An open socket.
pub(crate) struct Wire {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Wire {
    /// Opens a socket; says nothing yet.
    pub(crate) async fn connect(rig: &Rig, token: &str) -> Self {
        let (headers, value) = ("authorization", format!("Bearer {token}"));
        match Self::with_headers(rig, &[(headers, &value)]).await {
            Ok(wire) => wire,
            Err(status) => panic!("the handshake was answered {status}"),
        }
    }

    /// Opens a socket with these headers; the status of a refusal.
    pub(crate) async fn with_headers(
        rig: &Rig,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let stream = TcpStream::connect(rig.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{}/api/v1/socket", rig.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a socket and says hello; returns it with the welcome.
    pub(crate) async fn open(rig: &Rig, token: &str, hello: Value) -> (Self, Value) {
        let mut wire = Self::connect(rig, token).await;
        wire.say(&json!({ "hello": hello })).await;
        let welcome = wire.hear().await["welcome"].take();
        assert!(welcome.is_object(), "no welcome: {welcome}");
        (wire, welcome)
    }

    pub(crate) async fn say(&mut self, frame: &Value) {
        self.say_text(&frame.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next());
            match next.await.expect("a frame comes in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    }

    /// The next frame.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("no frame, but {other:?}"),
        }
    }

    /// Whether nothing but pings comes for a while.
    pub(crate) async fn hears_nothing(&mut self, for_a_while: Duration) -> bool {
        tokio::time::timeout(for_a_while, self.next())
            .await
            .is_err()
    }

    /// Events, until there are so many.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            let mut frame = self.hear().await;
            let Value::Array(more) = frame["events"].take() else {
                panic!("no events: {frame}");
            };
            events.extend(more);
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }

    /// Does a command, and returns its `done`. Events that come meanwhile are dropped.
    pub(crate) async fn command(&mut self, id: u64, name: &str, body: Value) -> Value {
        self.say(&json!({"do": {"id": id, name: body}})).await;
        loop {
            let mut frame = self.hear().await;
            let done = frame["done"].take();
            if done["id"] == id {
                return done;
            }
            assert!(frame["events"].is_array(), "{frame}");
        }
    }

    /// How it ends; frames before that are dropped.
    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Closed {
                        code: frame.code.into(),
                        reason: frame.reason.to_string(),
                    };
                }
                Some(Ok(Message::Text(_))) => {}
                other => panic!("no close, but {other:?}"),
            }
        }
    }

    /// The bare connection, for what no client should send.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.socket.into_inner()
    }
}

/// The kinds of events, in short.
pub(crate) fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}
