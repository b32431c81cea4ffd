//! A connection of the load generator: bytes in, bytes out, one write for all that is to be said at a time.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::frame::{self, Kind};

/// Bytes that are read at once where much comes.
const READ_BYTES: usize = 64 * 1024;

/// See the module.
pub(crate) struct Line<S = TcpStream> {
    stream: S,
    /// What came and was not taken yet.
    input: Vec<u8>,
    /// What is to be said.
    pub(crate) out: Vec<u8>,
    read_bytes: usize,
}

/// Connects, with nothing held back to be sent together with what comes later.
pub(crate) async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            input: Vec::new(),
            out: Vec::new(),
            read_bytes: READ_BYTES,
        }
    }

    /// Reads so much at once: who is idle needs no room.
    pub(crate) fn reading(mut self, bytes: usize) -> Self {
        self.read_bytes = bytes;
        self
    }

    /// Waits until something comes.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(crate) async fn fill(&mut self) {
        self.input.reserve(self.read_bytes);
        let read = self.stream.read_buf(&mut self.input).await.unwrap();
        assert!(read > 0, "the server closed the connection");
    }

    /// Says what is to be said.
    pub(crate) async fn flush(&mut self) {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await.unwrap();
            self.stream.flush().await.unwrap();
            self.out.clear();
        }
    }

    /// Gives out what came, and keeps what `take` leaves; `take` may say something on the way.
    pub(crate) fn take(&mut self, take: impl FnOnce(&[u8], &mut Vec<u8>) -> usize) {
        let taken = take(&self.input, &mut self.out);
        if taken == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..taken);
        }
    }

    /// Gives out each text that came whole. Pings are answered.
    pub(crate) fn texts(&mut self, mut tell: impl FnMut(&[u8], &mut Vec<u8>)) {
        self.take(|input, out| {
            let mut rest = input;
            while let Some((kind, payload, after)) = frame::cut(rest) {
                match kind {
                    Kind::Text => tell(payload, out),
                    Kind::Ping => frame::write(out, Kind::Pong, payload),
                    Kind::Pong => {}
                    Kind::Close => panic!("closed: {}", String::from_utf8_lossy(payload)),
                }
                rest = after;
            }
            input.len() - rest.len()
        });
    }

    /// Makes the connection a socket, and says hello. What follows the welcome is left to be taken.
    pub(crate) async fn open_socket(&mut self, token: &str, hello: &str) {
        self.out.extend_from_slice(
            format!(
                "GET /api/v1/socket HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
                 Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            .as_bytes(),
        );
        self.flush().await;
        let (head, _) = self.answer_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        frame::write(&mut self.out, Kind::Text, hello.as_bytes());
        self.flush().await;
        loop {
            let mut welcomed = false;
            self.take(|input, _| match frame::cut(input) {
                None => 0,
                Some((Kind::Text, text, rest)) => {
                    let shown = String::from_utf8_lossy(text);
                    assert!(text.starts_with(b"{\"welcome\":"), "{shown}");
                    welcomed = true;
                    input.len() - rest.len()
                }
                Some(other) => panic!("no welcome, but {other:?}"),
            });
            if welcomed {
                return;
            }
            self.fill().await;
        }
    }

    /// The head of an answer, and the length of the body that follows it, if any.
    pub(crate) async fn answer_head(&mut self) -> (String, usize) {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            if let Some(at) = memchr::memmem::find(&self.input, END) {
                let head: Vec<u8> = self.input.drain(..at + END.len()).collect();
                let head = String::from_utf8(head).unwrap();
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().unwrap())
                });
                return (head, length.unwrap_or(0));
            }
            self.fill().await;
        }
    }

    /// So many bytes of what comes.
    pub(crate) async fn body(&mut self, length: usize) -> Vec<u8> {
        while self.input.len() < length {
            self.fill().await;
        }
        self.input.drain(..length).collect()
    }
}
