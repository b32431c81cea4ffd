//! A connection: bytes in, bytes out, one write for all that is to be said at a time. Nothing is held back by the
//! kernel to be sent together with what comes later (`TCP_NODELAY`).

use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fault::{Done, Fault, When as _};

/// Bytes that are read at once by one who is idle. It grows where more comes.
const LEAST: usize = 512;
/// And at most.
const MOST: usize = 64 * 1024;

/// See the module.
pub(crate) struct Line {
    stream: TcpStream,
    /// What came and was not taken yet.
    input: Vec<u8>,
    /// What is to be said.
    pub(crate) out: Vec<u8>,
    at_once: usize,
}

impl Line {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Done<Self> {
        let stream = TcpStream::connect(address)
            .await
            .when(format_args!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            out: Vec::new(),
            at_once: LEAST,
        })
    }

    /// Waits until something comes.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(crate) async fn fill(&mut self) -> Done {
        self.input.reserve(self.at_once);
        let read = self.stream.read_buf(&mut self.input).await?;
        if read == 0 {
            return Err(Fault::new("the server closed the connection"));
        }
        if read >= self.at_once {
            self.at_once = (self.at_once * 4).min(MOST);
        }
        Ok(())
    }

    /// [`Line::fill`], for one who waits at several lines at once.
    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Done> {
        // Beginning to read anew each time loses nothing: what came is in the input when it is ready.
        pin!(self.fill()).poll(context)
    }

    /// Says what is to be said.
    pub(crate) async fn flush(&mut self) -> Done {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Says this too, as far as that takes no waiting: for one who goes.
    pub(crate) fn last_word(&mut self, word: &[u8]) {
        self.out.extend_from_slice(word);
        // Who goes does not wait, and is not heard where nobody listens.
        let _ = self.stream.try_write(&self.out);
        self.out.clear();
    }

    /// Gives out what came, and forgets as many bytes of it as `take` says; `take` may say something on the way.
    pub(crate) fn take(&mut self, take: impl FnOnce(&[u8], &mut Vec<u8>) -> Done<usize>) -> Done {
        let taken = take(&self.input, &mut self.out)?;
        if taken == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..taken);
        }
        Ok(())
    }

    /// Says what is to be said, and waits until `take` finds something whole in what came: it looks and forgets as in [`Line::take`].
    ///
    /// # Cancellation
    /// Nothing is lost that came.
    pub(crate) async fn hear(
        &mut self,
        mut take: impl FnMut(&[u8], &mut Vec<u8>) -> Done<usize>,
    ) -> Done {
        self.flush().await?;
        loop {
            let before = self.input.len();
            self.take(&mut take)?;
            if self.input.len() < before {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Waits until `find` finds in what came what it looks for: it gives that, and how many bytes of the input it was.
    pub(crate) async fn until<T>(
        &mut self,
        mut find: impl FnMut(&[u8]) -> Done<Option<(T, usize)>>,
    ) -> Done<T> {
        self.flush().await?;
        loop {
            if let Some((found, taken)) = find(&self.input)? {
                self.input.drain(..taken);
                return Ok(found);
            }
            self.fill().await?;
        }
    }
}

/// Cuts a line that ends in CR LF: the line, and what follows it.
pub(crate) fn cut_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memmem::find(input, b"\r\n")?;
    Some((&input[..at], &input[at + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_only_when_it_is_there_whole() {
        assert_eq!(cut_line(b"+OK\r"), None);
        assert_eq!(cut_line(b"+OK\r\n:1"), Some((&b"+OK"[..], &b":1"[..])));
        assert_eq!(cut_line(b"\r\n"), Some((&b""[..], &b""[..])));
    }
}
