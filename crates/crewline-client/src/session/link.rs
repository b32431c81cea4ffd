//! One connection of a session, from the hello to its end: frames out, frames in, heartbeats.
//!
//! It knows nothing of what the frames mean, and nothing of the connections before and after it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crewline_api::{ClientFrame, Hello, Seq, Welcome};
use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, Utf8Bytes};

use super::wire::{self, Said};
use crate::Error;

/// More than the largest event, and than any frame of the server: one that sends this much is none.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Small, because events are: a quiet session should not hold much.
const READ_BUFFER_BYTES: usize = 16 * 1024;
/// Missed heartbeats after which a connection is lost.
const SILENT_HEARTBEATS: u32 = 3;
const HEARTBEAT_MAX: Duration = Duration::from_hours(1);

/// Bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub(crate) type BoxIo = Box<dyn Io>;

/// Why a connection has ended.
#[derive(Debug)]
pub(super) enum Lost {
    /// The connection broke, or the server has closed it and said that one may come back, perhaps not before a delay.
    ComeBack(Error),
    /// There is no use in coming back.
    Never(Error),
}

impl Lost {
    /// By an error that may pass, or by one that does not.
    pub(super) fn by(error: Error) -> Self {
        if error.is_retryable() {
            Self::ComeBack(error)
        } else {
            Self::Never(error)
        }
    }
}

/// One connection.
pub(super) struct Link {
    socket: WebSocketStream<BoxIo>,
    welcome: Welcome,
    /// Frames to be written. Bounded by the commands that may be under way.
    out: VecDeque<Utf8Bytes>,
    /// The ack to be written: a newer one replaces it.
    ack: Option<Seq>,
    /// The highest ack on this connection.
    acked: Seq,
    /// A ping to be written.
    ping: bool,
    /// Something was handed to the socket, and may not have gone out yet.
    unflushed: bool,
    heartbeat: Duration,
    heard: Instant,
    pinged: Instant,
    /// Since when an answer is waited for without a pause.
    waiting: Option<Instant>,
}

impl Link {
    /// Says hello, and waits for the welcome.
    pub(super) async fn open(io: BoxIo, hello: Hello) -> Result<Self, Lost> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_frame_size(Some(FRAME_BYTES_MAX))
            .max_message_size(Some(FRAME_BYTES_MAX));
        let socket = WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await;
        let now = Instant::now();
        let mut link = Self {
            socket,
            welcome: Welcome {
                epoch: String::new(),
                head: 0,
                heartbeat_s: 0,
            },
            out: VecDeque::new(),
            ack: None,
            acked: 0,
            ping: false,
            unflushed: false,
            heartbeat: HEARTBEAT_MAX,
            heard: now,
            pinged: now,
            waiting: None,
        };
        link.write(encode(&ClientFrame::Hello(hello))?);
        loop {
            match link.next(true).await? {
                Said::Welcome(welcome) => {
                    let heartbeat = Duration::from_secs(welcome.heartbeat_s.max(1));
                    link.heartbeat = heartbeat.min(HEARTBEAT_MAX);
                    link.welcome = welcome;
                    return Ok(link);
                }
                Said::Refused(error) => return Err(Lost::by(error)),
                Said::Events(_) | Said::Done(..) => {
                    let error = Error::wrong_server("the server says no welcome");
                    return Err(Lost::Never(error));
                }
                Said::Unknown => {}
            }
        }
    }

    /// What the server has said to the hello.
    pub(super) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Writes a frame, with those that wait already.
    pub(super) fn write(&mut self, frame: Utf8Bytes) {
        self.out.push_back(frame);
    }

    /// Confirms everything up to `seq`, where that was not said yet. Acks that wait become one.
    pub(super) fn ack(&mut self, seq: Seq) {
        if seq > self.acked {
            self.acked = seq;
            self.ack = Some(seq);
        }
    }

    /// The next frame that is no heartbeat; writes meanwhile what is to be written. With `reading` false it only writes,
    /// for as long as it is waited for.
    ///
    /// A wait that is dropped has lost nothing.
    pub(super) async fn next(&mut self, reading: bool) -> Result<Said, Lost> {
        loop {
            let message = poll_fn(|cx| self.poll(cx, reading)).await;
            self.heard = Instant::now();
            match message.ok_or_else(|| lost("the connection was closed"))? {
                Ok(Message::Text(text)) => return wire::read(&text).map_err(Lost::Never),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Binary(_)) => {
                    let error = Error::wrong_server("the server says something in binary");
                    return Err(Lost::Never(error));
                }
                Ok(Message::Close(frame)) => {
                    self.flush_once().await;
                    return Err(super::closed::meaning(frame.as_ref()));
                }
                Err(WsError::Capacity(error)) => {
                    let error = Error::wrong_server(format!("the server says too much: {error}"));
                    return Err(Lost::Never(error));
                }
                Err(error) => return Err(lost(&error.to_string())),
            }
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reading: bool,
    ) -> Poll<Option<Result<Message, WsError>>> {
        // Writing never waits for reading, nor reading for writing: so the two sides cannot wait for each other.
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        if reading {
            Pin::new(&mut self.socket).poll_next(cx)
        } else {
            Poll::Pending
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        let mut socket = Pin::new(&mut self.socket);
        loop {
            let message = if let Some(frame) = self.out.front() {
                Message::Text(frame.clone())
            } else if let Some(seq) = self.ack {
                Message::text(format!("{{\"ack\":{seq}}}"))
            } else if self.ping {
                Message::Ping(Bytes::new())
            } else {
                break;
            };
            ready!(socket.as_mut().poll_ready(cx))?;
            socket.as_mut().start_send(message)?;
            self.unflushed = true;
            if self.out.pop_front().is_none() && self.ack.take().is_none() {
                self.ping = false;
            }
        }
        if self.unflushed {
            // All that came together goes out together.
            ready!(socket.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Lets out what goes out at once: the answer to a close.
    async fn flush_once(&mut self) {
        poll_fn(|cx| {
            let _ = Pin::new(&mut self.socket).poll_flush(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// When [`Link::beat`] is to be called next.
    pub(super) fn next_beat(&self, answer_timeout: Duration) -> Instant {
        self.ping_at(answer_timeout)
            .min(self.silent_at(answer_timeout))
    }

    /// Pings, or finds that nothing was heard for too long.
    ///
    /// `waiting` says whether an answer is waited for, `reading` whether anything could be heard.
    pub(super) fn beat(
        &mut self,
        waiting: bool,
        reading: bool,
        answer_timeout: Duration,
    ) -> Result<(), Lost> {
        let now = Instant::now();
        if !reading {
            self.heard = now;
        }
        self.wait_for_answers(waiting);
        if now >= self.silent_at(answer_timeout) {
            return Err(lost("nothing was heard for too long"));
        }
        if now >= self.ping_at(answer_timeout) {
            self.ping = true;
            self.pinged = now;
        }
        Ok(())
    }

    /// Says whether an answer is waited for: then silence is noticed sooner.
    pub(super) fn wait_for_answers(&mut self, waiting: bool) {
        match (waiting, self.waiting) {
            (true, None) => self.waiting = Some(Instant::now()),
            (false, Some(_)) => self.waiting = None,
            _ => {}
        }
    }

    /// Pings go out with each heartbeat, and sooner while an answer is waited for and nothing is heard.
    fn ping_at(&self, answer_timeout: Duration) -> Instant {
        let regular = self.pinged + self.heartbeat;
        match self.waiting {
            Some(since) => regular.min(self.heard.max(self.pinged).max(since) + answer_timeout / 3),
            None => regular,
        }
    }

    fn silent_at(&self, answer_timeout: Duration) -> Instant {
        let silent = self.heard + self.heartbeat * SILENT_HEARTBEATS;
        match self.waiting {
            Some(since) => silent.min(self.heard.max(since) + answer_timeout),
            None => silent,
        }
    }

    /// Ends the connection in good order: what is to be written, then a close, then the server's.
    pub(super) async fn close(mut self) {
        let farewell = CloseFrame {
            code: tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode::Normal,
            reason: Utf8Bytes::default(),
        };
        if poll_fn(|cx| self.poll_write(cx)).await.is_ok()
            && self.socket.close(Some(farewell)).await.is_ok()
        {
            while let Some(Ok(_)) = poll_fn(|cx| self.poll(cx, true)).await {}
        }
    }
}

/// A frame as text.
fn encode(frame: &ClientFrame) -> Result<Utf8Bytes, Lost> {
    super::handle::encode(frame).map_err(Lost::Never)
}

fn lost(why: &str) -> Lost {
    Lost::ComeBack(Error::unreachable(why))
}
