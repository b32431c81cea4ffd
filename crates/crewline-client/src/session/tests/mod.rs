//! A session against a server that does what a test wants, over a pipe and with time that passes only when all wait.

mod commands;
mod connection;
mod events;

use std::time::Duration;

use crewline_api::{Event, ParticipantId};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::link::BoxIo;
use super::task::{Dial, Times};
use super::{Session, SessionBuilder};
use crate::{Client, Error};

const ANSWER: Duration = Duration::from_secs(15);
const HEARTBEAT_S: u64 = 15;

/// Where sessions connect to.
struct Rig {
    dialled: mpsc::UnboundedReceiver<(Instant, DuplexStream)>,
    dial: Option<Dial>,
    begun: Instant,
}

impl Rig {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test takes each connection at once"
    )]
    fn new() -> Self {
        let (sender, dialled) = mpsc::unbounded_channel();
        let dial: Dial = Box::new(move || {
            let sender = sender.clone();
            Box::pin(async move {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                sender
                    .send((Instant::now(), theirs))
                    .map_err(|_| Error::unreachable("Connection refused"))?;
                let io: BoxIo = Box::new(ours);
                Ok(io)
            })
        });
        Self {
            dialled,
            dial: Some(dial),
            begun: Instant::now(),
        }
    }

    /// Starts a session as it stands, or as `change` makes it.
    fn start(&mut self, change: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Session {
        let client = Client::builder("http://127.0.0.1:1", "t").build().unwrap();
        let builder = change(client.session());
        let times = Times {
            open: Duration::from_secs(25),
            answer: ANSWER,
            patience: builder.patience,
        };
        builder.begin_with(self.dial.take().unwrap(), times, None)
    }

    /// The next connection, and when it was asked for.
    async fn dialled(&mut self) -> (Duration, Server) {
        let (at, pipe) = self.dialled.recv().await.expect("a connection");
        let socket = WebSocketStream::from_raw_socket(pipe, Role::Server, None).await;
        (at - self.begun, Server { socket })
    }

    /// The next connection, welcomed; with its hello.
    async fn welcome(&mut self) -> (Value, Server) {
        let (_, mut server) = self.dialled().await;
        let hello = server.read().await["hello"].take();
        server.welcome().await;
        (hello, server)
    }
}

/// The server's end of one connection.
struct Server {
    socket: WebSocketStream<DuplexStream>,
}

impl Server {
    /// The next frame; pings are answered.
    async fn read(&mut self) -> Value {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }

    /// The next message of any kind.
    async fn message(&mut self) -> Message {
        self.socket.next().await.expect("a message").unwrap()
    }

    async fn say(&mut self, frame: Value) {
        self.text(&frame.to_string()).await;
    }

    async fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn welcome(&mut self) {
        self.say(json!({ "welcome": { "epoch": "e1", "head": 9, "heartbeatS": HEARTBEAT_S } }))
            .await;
    }

    async fn events(&mut self, seqs: impl IntoIterator<Item = u64>) {
        let events: Vec<Value> = seqs.into_iter().map(event).collect();
        self.say(json!({ "events": events })).await;
    }

    /// Answers a command, as `send` is answered.
    async fn sent(&mut self, id: &Value) {
        self.say(json!({ "done": { "id": id, "ok": sent() } }))
            .await;
    }

    async fn close(mut self, code: u16, reason: &str) {
        let reason = Utf8Bytes::from(reason.to_owned());
        let frame = CloseFrame {
            code: code.into(),
            reason,
        };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

fn event(seq: u64) -> Value {
    json!({
        "seq": seq, "type": "chat.created", "timestamp": "2026-11-23T03:47:29.120Z",
        "data": { "chatId": "c100000000", "userIds": ["alice", "scada"] },
    })
}

fn sent() -> Value {
    json!({
        "messageId": "m100000000", "chatId": "c100000000", "position": 1, "sentAt": "2026-11-23T03:47:29.120Z",
        "recipients": [{ "userId": "alice", "state": "accepted" }],
    })
}

fn message(text: &str) -> crewline_api::NewMessage {
    let message = crewline_api::NewMessage::builder("scada", "SCADA", text);
    message.to("alice").build().unwrap()
}

fn id(text: &str) -> ParticipantId {
    ParticipantId::new(text).unwrap()
}

/// The seqs of the next events.
async fn next(session: &mut Session) -> Vec<u64> {
    let events = session.next().await.unwrap();
    events.iter().map(crate::RawEvent::seq).collect()
}

/// The seqs of known events, as they are read.
fn known(events: &[crate::RawEvent]) -> Vec<u64> {
    let parsed = events.iter().filter_map(|event| event.parse().unwrap());
    parsed.map(|event: Event| event.seq).collect()
}
