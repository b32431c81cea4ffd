//! What the load generator says and hears, in the words of the server and of the bare relay.

use std::io::Write as _;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::frame::{self, Kind};
use super::line::{Line, connect};
use super::scan;
use crate::TEXT;
use crate::server::{Tokens, external, user};

/// The id of a message, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageId([u8; 24]);

impl MessageId {
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut id = [0; 24];
        id[..text.len()].copy_from_slice(text);
        Self(id)
    }

    pub(crate) fn bytes(self) -> [u8; 24] {
        self.0
    }
}

/// What a client hears.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said {
    /// What was asked for with this number is durable, as this message.
    Accepted { id: u64, message: MessageId },
    /// A message came.
    Received { seq: u64 },
    /// A message of one's own was delivered. The relay does not number these.
    Delivered {
        seq: Option<u64>,
        message: MessageId,
    },
}

/// Who connects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    Sender(usize),
    User(usize),
}

/// How the generator speaks with what it measures.
pub(crate) trait Protocol: Clone + Send + Sync + 'static {
    /// Connects, and says who it is.
    fn join(&self, who: Who) -> impl Future<Output = Line> + Send;
    /// Appends a message of 200 bytes to a user.
    fn send(&self, out: &mut Vec<u8>, id: u64, from: usize, to: usize);
    /// Appends that everything up to here is stored.
    fn ack(&self, out: &mut Vec<u8>, seq: u64);
    /// Takes what came.
    fn hear(&self, line: &mut Line, tell: impl FnMut(Said, &mut Vec<u8>));
}

/// The socket.
#[derive(Clone)]
pub(crate) struct Socket {
    pub(crate) address: Arc<str>,
    /// Where users connect, when not there as well.
    pub(crate) users_at: Arc<str>,
    pub(crate) tokens: Arc<Tokens>,
    event: Arc<Finder<'static>>,
}

impl Socket {
    pub(crate) fn new(address: &str, tokens: Tokens) -> Self {
        Self {
            address: address.into(),
            users_at: address.into(),
            tokens: Arc::new(tokens),
            event: Arc::new(scan::event()),
        }
    }

    pub(crate) fn token(&self, who: Who) -> &str {
        match who {
            Who::Sender(no) => &self.tokens.externals[no],
            Who::User(no) => &self.tokens.users[no],
        }
    }
}

/// A message as the body of a call.
pub(crate) fn body(out: &mut Vec<u8>, from: usize, to: impl IntoIterator<Item = usize>) {
    let from = external(from);
    write!(
        out,
        r#"{{"fromExtUserId":"{from}","fromExtUserName":"SCADA","toUsers":["#
    )
    .unwrap();
    for (place, no) in to.into_iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, r#"{comma}{{"toUserId":"{}"}}"#, user(no)).unwrap();
    }
    write!(out, r#"],"message":"{TEXT}","priority":2}}"#).unwrap();
}

/// The frame of a send.
pub(crate) fn send_frame(
    out: &mut Vec<u8>,
    id: u64,
    from: usize,
    to: impl IntoIterator<Item = usize>,
) {
    let mut text = Vec::with_capacity(512);
    write!(text, r#"{{"do":{{"id":{id},"send":"#).unwrap();
    body(&mut text, from, to);
    text.extend_from_slice(b"}}");
    frame::write(out, Kind::Text, &text);
}

impl Protocol for Socket {
    async fn join(&self, who: Who) -> Line {
        let address = match who {
            Who::Sender(_) => &self.address,
            Who::User(_) => &self.users_at,
        };
        let mut line = Line::new(connect(address).await);
        line.open_socket(self.token(who), r#"{"hello":{}}"#).await;
        line
    }

    fn send(&self, out: &mut Vec<u8>, id: u64, from: usize, to: usize) {
        send_frame(out, id, from, [to]);
    }

    fn ack(&self, out: &mut Vec<u8>, seq: u64) {
        let mut text = Vec::with_capacity(32);
        write!(text, r#"{{"ack":{seq}}}"#).unwrap();
        frame::write(out, Kind::Text, &text);
    }

    fn hear(&self, line: &mut Line, mut tell: impl FnMut(Said, &mut Vec<u8>)) {
        line.texts(|text, out| scan::said(text, &self.event, |said| tell(said, out)));
    }
}

/// The bare relay.
#[derive(Clone)]
pub(crate) struct Bare {
    pub(crate) address: Arc<str>,
}

/// Senders of the relay have the numbers from here on, users those below.
pub(crate) const FIRST_SENDER: usize = 1_000_000;

impl Protocol for Bare {
    async fn join(&self, who: Who) -> Line {
        let mut line = Line::new(connect(&self.address).await);
        let no = match who {
            Who::Sender(no) => FIRST_SENDER + no,
            Who::User(no) => no,
        };
        writeln!(line.out, "H {no}").unwrap();
        line.flush().await;
        line.fill().await;
        line.take(|input, _| {
            assert_eq!(input, b"W\n");
            input.len()
        });
        line
    }

    fn send(&self, out: &mut Vec<u8>, id: u64, _: usize, to: usize) {
        writeln!(out, "S {id} {to} {TEXT}").unwrap();
    }

    fn ack(&self, out: &mut Vec<u8>, seq: u64) {
        writeln!(out, "A {seq}").unwrap();
    }

    fn hear(&self, line: &mut Line, mut tell: impl FnMut(Said, &mut Vec<u8>)) {
        line.take(|input, out| {
            let mut taken = 0;
            while let Some(length) = memchr::memchr(b'\n', &input[taken..]) {
                let text = &input[taken..taken + length];
                taken += length + 1;
                let mut words = text[2..].splitn(2, |byte| *byte == b' ');
                let first = words.next().unwrap();
                let said = match text[0] {
                    b'D' => Said::Accepted {
                        id: scan::number(first).0,
                        message: MessageId::new(words.next().unwrap()),
                    },
                    b'M' => Said::Received {
                        seq: scan::number(first).0,
                    },
                    b'R' => Said::Delivered {
                        seq: None,
                        message: MessageId::new(first),
                    },
                    _ => panic!("{}", String::from_utf8_lossy(text)),
                };
                tell(said, out);
            }
            taken
        });
    }
}
