//! One WebSocket: frames out of a bounded buffer, frames in, and how it ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crewline_api::close;
use crewline_api::limits::REQUEST_BYTES_MAX;
use futures_util::{Sink as _, SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::room::{Frames, Late};

/// Bytes that are read at once. Each idle session holds as many.
const READ_BYTES: usize = 2 * 1024;
/// Once so much was written, it is handed to the connection, and nothing more is written before that has taken it.
const WRITE_BYTES: usize = 16 * 1024;
/// A frame that is larger than all that a session may be told at once would be a fault of the house.
const WRITE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What stands before a ping or a pong of a client: two bytes and a mask.
const CONTROL_BYTES: usize = 6;
/// How long a client may take nothing at all of what waits for it.
pub(super) const SLOW_MAX: Duration = Duration::from_secs(10);
/// How long what was read is held for a client that takes nothing.
const HOLD_MAX: Duration = Duration::from_millis(250);
/// How long the other side may take to answer a close. What it sends meanwhile is dropped.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Why nothing more comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Over {
    /// The connection is gone, or the client closed it.
    Gone,
    /// It is to be closed with this code and reason.
    Close(u16, String),
}

impl Over {
    pub(super) fn fault(reason: &str) -> Self {
        Self::Close(close::PROTOCOL, reason.to_owned())
    }
}

/// A connection that counts what it took: a slow one is told from one that takes nothing.
struct Counted {
    io: TokioIo<Upgraded>,
    written: u64,
    /// For the frame that is coming in.
    room: Frames,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Err(Late) = ready!(self.room.poll_room(context)) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        self.room.read(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// Since when a connection takes nothing, and how much it had taken by then.
#[derive(Clone, Copy)]
struct Stall {
    since: Instant,
    written: u64,
}

/// See the module.
pub(super) struct Wire {
    socket: WebSocketStream<Counted>,
    /// Bytes that were written and not flushed.
    unflushed: usize,
    /// Where the connection takes nothing more at once.
    stall: Option<Stall>,
    /// Whether anything was heard since this was last asked.
    heard: bool,
}

impl Wire {
    pub(super) async fn new(upgraded: Upgraded, room: Frames) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(WRITE_BYTES)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(REQUEST_BYTES_MAX))
            .max_frame_size(Some(REQUEST_BYTES_MAX));
        let io = Counted {
            io: TokioIo::new(upgraded),
            written: 0,
            room,
        };
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        Self {
            socket,
            unflushed: 0,
            stall: None,
            heard: false,
        }
    }

    /// The next text that the client sent. Pings are answered on the way.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Utf8Bytes, Over> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Utf8Bytes, Over>> {
        loop {
            let message = match ready!(self.socket.poll_next_unpin(context)) {
                None => return Poll::Ready(Err(Over::Gone)),
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Err(over(&error))),
            };
            self.heard = true;
            let room = &mut self.socket.get_mut().room;
            match &message {
                Message::Ping(said) | Message::Pong(said) => {
                    room.passed(said.len() + CONTROL_BYTES);
                }
                _ => room.taken(),
            }
            match message {
                Message::Text(text) => return Poll::Ready(Ok(text)),
                Message::Binary(_) => return Poll::Ready(Err(Over::fault("Frames are text."))),
                Message::Close(_) => return Poll::Ready(Err(Over::Gone)),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Reads the next text, where `read` says so, and flushes what was written when there is nothing to read: so what
    /// comes together leaves together. `None` when it has flushed.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(super) async fn turn(&mut self, read: bool) -> Result<Option<Utf8Bytes>, Over> {
        poll_fn(|context| {
            // A buffer that is full goes first, or who floods would never be answered.
            let full = self.is_dirty() && !self.has_room();
            if full && let Poll::Ready(flushed) = self.poll_flush(context) {
                return Poll::Ready(flushed.map(|()| None));
            }
            if read && let Poll::Ready(text) = self.poll_next(context) {
                return Poll::Ready(text.map(Some));
            }
            if self.is_dirty() && !full {
                return self.poll_flush(context).map_ok(|()| None);
            }
            Poll::Pending
        })
        .await
    }

    /// Whether the client was heard since the last time.
    pub(super) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Whether there is room for another frame.
    pub(super) fn has_room(&self) -> bool {
        self.unflushed < WRITE_BYTES && self.stall.is_none()
    }

    /// Whether anything is to be flushed.
    fn is_dirty(&self) -> bool {
        self.unflushed > 0
    }

    /// When the client is too slow, unless it takes something before.
    pub(super) fn slow_at(&self) -> Option<Instant> {
        self.stall.map(|stall| stall.since + SLOW_MAX)
    }

    /// When what was read for the client and cannot be written is let go, unless it takes something before.
    pub(super) fn let_go_at(&self) -> Option<Instant> {
        self.stall.map(|stall| stall.since + HOLD_MAX)
    }

    /// Writes a frame of JSON. Flush it when there is nothing more to write.
    pub(super) async fn write(&mut self, frame: Vec<u8>) -> Result<(), Over> {
        // It is made of JSON, which is UTF-8; a fault of the house must not get out as a broken frame.
        let text = String::from_utf8(frame).map_err(|_| Over::Gone)?;
        self.unflushed += text.len();
        self.feed(Message::Text(text.into())).await
    }

    /// Writes a ping.
    pub(super) async fn ping(&mut self) -> Result<(), Over> {
        self.unflushed += 2;
        self.feed(Message::Ping(Vec::new().into())).await
    }

    async fn feed(&mut self, message: Message) -> Result<(), Over> {
        self.socket
            .feed(message)
            .await
            .map_err(|error| over(&error))
    }

    /// Hands over what was written.
    ///
    /// # Cancellation
    /// Nothing is lost; the next call goes on.
    pub(super) async fn flush(&mut self) -> Result<(), Over> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Over>> {
        match Pin::new(&mut self.socket).poll_flush(context) {
            Poll::Ready(result) => {
                self.unflushed = 0;
                self.stall = None;
                Poll::Ready(result.map_err(|error| over(&error)))
            }
            Poll::Pending => {
                let written = self.socket.get_ref().written;
                // One that takes a little is slow, and has all the time that it needs.
                if self.stall.is_none_or(|stall| stall.written < written) {
                    let since = Instant::now();
                    self.stall = Some(Stall { since, written });
                }
                Poll::Pending
            }
        }
    }

    /// Closes: says why, and waits a little for the other side to have heard it.
    pub(super) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: Utf8Bytes::from(short(reason)),
        };
        let closing = async {
            if self.socket.close(Some(frame)).await.is_ok() {
                // A connection that is dropped with bytes unread takes the close with it.
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        let _ = tokio::time::timeout(CLOSE_WAIT, closing).await;
    }
}

/// A reason has at most 123 bytes (RFC 6455, section 5.5).
fn short(reason: &str) -> &str {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

fn over(error: &Error) -> Over {
    match error {
        Error::Capacity(_) => Over::Close(
            close::TOO_LARGE,
            format!("A frame has at most {REQUEST_BYTES_MAX} bytes (2 MiB)."),
        ),
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => Over::Close(
            close::TOO_SLOW,
            "A large frame did not come within a minute.".to_owned(),
        ),
        Error::Utf8(_) => Over::fault("The frame is not UTF-8."),
        Error::Protocol(error) => match error {
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake => {
                Over::Gone
            }
            error => Over::fault(&error.to_string()),
        },
        _ => Over::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_where_a_character_ends() {
        assert_eq!(short(&"é".repeat(100)).len(), 122);
        assert_eq!(short("a"), "a");
    }
}
