//! One connection of the socket, as a client holds it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crewline_testkit::model::{Answer, GOOD, Names};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::wire::gone;
use crate::rig::PATIENCE;

/// The code of a connection that ended without one.
const NO_CODE: u16 = 1006;

/// See the module.
pub(crate) struct Line {
    socket: WebSocketStream<TcpStream>,
    events: Vec<Value>,
    done: BTreeMap<u64, Value>,
    told: u64,
    last_id: u64,
    closed: Option<u16>,
}

/// A refusal, as a problem document says it.
fn refused(problem: &Value) -> Answer {
    let errors = serde_json::from_value::<Vec<crewline_api::FieldError>>(problem["errors"].clone());
    let status = problem["status"].as_u64().unwrap_or(0) as u16;
    let code = problem["code"].as_str().unwrap_or_default();
    Answer::refused(status, code, &errors.unwrap_or_default())
}

impl Line {
    /// Opens a connection and says hello; the welcome, or how it was refused.
    pub(crate) async fn open(
        address: SocketAddr,
        secret: &str,
        hello: &Value,
    ) -> Result<(Self, Value), Answer> {
        let opened = Self::try_open(address, secret, hello).await;
        opened.expect("a hello is answered")
    }

    /// The same; nothing, where the server is gone or goes meanwhile.
    pub(crate) async fn try_open(
        address: SocketAddr,
        secret: &str,
        hello: &Value,
    ) -> Option<Result<(Self, Value), Answer>> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{address}/api/v1/socket")
            .into_client_request()
            .unwrap();
        let bearer = format!("Bearer {secret}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let socket = match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => socket,
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                return Some(Err(refused(&serde_json::from_slice(body).unwrap())));
            }
            Err(_) => return None,
        };
        let mut line = Self {
            socket,
            events: Vec::new(),
            done: BTreeMap::new(),
            told: 0,
            last_id: 0,
            closed: None,
        };
        line.say(&json!({ "hello": hello })).await;
        let mut frame = line.frame().await?;
        if frame["error"]["status"] == 503 {
            return None;
        }
        if frame["error"].is_object() {
            let code = line.read_to_end().await;
            assert_eq!(code, crewline_api::close::HELLO_REFUSED);
            return Some(Err(refused(&frame["error"])));
        }
        let welcome = frame["welcome"].take();
        assert!(welcome.is_object(), "{frame}");
        Some(Ok((line, welcome)))
    }

    pub(crate) async fn say(&mut self, frame: &Value) {
        // Where the server has closed the connection, reading says so.
        let _ = self.socket.send(Message::text(frame.to_string())).await;
    }

    /// The next frame of text; nothing, once the connection is closed.
    async fn frame(&mut self) -> Option<Value> {
        if self.closed.is_some() {
            return None;
        }
        loop {
            let next = timeout(PATIENCE, self.socket.next());
            match next.await.expect("a frame comes, or the end") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    self.closed = Some(frame.map_or(NO_CODE, |frame| frame.code.into()));
                    // Answers the close, so that the server need not wait for it.
                    let _ = self.socket.flush().await;
                    return None;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.closed = Some(NO_CODE);
                    return None;
                }
            }
        }
    }

    /// Reads a frame; whether there was one.
    pub(crate) async fn read(&mut self) -> bool {
        let Some(mut frame) = self.frame().await else {
            return false;
        };
        if let Value::Array(events) = frame["events"].take() {
            for event in events {
                let seq = event["seq"].as_u64().unwrap();
                assert!(seq > self.told, "{event} was told after {}", self.told);
                self.told = seq;
                self.events.push(event);
            }
        } else {
            let done = frame["done"].take();
            let id = done["id"].as_u64().expect("a frame is events or done");
            assert!(self.done.insert(id, done).is_none(), "{id} is done twice");
        }
        true
    }

    /// The last event that was told.
    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    /// Reads on until the event of this seq has come.
    pub(crate) async fn read_to(&mut self, seq: u64) {
        while self.told < seq {
            assert!(
                self.read().await,
                "{:?} before event {seq} came",
                self.closed
            );
        }
    }

    /// Reads on until the connection is closed; the code.
    pub(crate) async fn read_to_end(&mut self) -> u16 {
        while self.read().await {}
        self.closed.unwrap_or(NO_CODE)
    }

    /// Events that came since it was asked last.
    pub(crate) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    /// Does a command. Events that come meanwhile are kept.
    pub(crate) async fn command(&mut self, name: &str, body: Value, names: &mut Names) -> Answer {
        let done = self.try_command(name, &body).await;
        let Some(mut done) = done else {
            panic!("{:?} before it was done", self.closed);
        };
        if done["ok"].is_null() {
            refused(&done["error"])
        } else {
            Answer::new(GOOD, names.normal(done["ok"].take()))
        }
    }

    /// Does a command; nothing, where the connection is closed before it is answered.
    pub(crate) async fn try_command(&mut self, name: &str, body: &Value) -> Option<Value> {
        self.last_id += 1;
        let id = self.last_id;
        self.say(&json!({"do": {"id": id, name: body}})).await;
        loop {
            if let Some(done) = self.done.remove(&id) {
                return Some(done);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// Sends a command, or half of it, and breaks the connection. What the server had begun is done or dropped then.
    pub(crate) async fn cut(self, name: &str, body: &Value, whole: bool) {
        let text = json!({"do": {"id": 1, name: body}})
            .to_string()
            .into_bytes();
        let frame = masked(&text);
        let end = if whole { frame.len() } else { frame.len() / 2 };
        let mut stream = self.socket.into_inner();
        if stream.write_all(&frame[..end]).await.is_ok() {
            gone(stream).await;
        }
    }
}

/// A frame of text as a client sends it: masked, here with a mask of zeros.
fn masked(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        short @ 0..126 => frame.push(0x80 + short as u8),
        long => {
            frame.push(0x80 + 126);
            frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text);
    frame
}
