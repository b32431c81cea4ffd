//! From an accepted connection to one that speaks TLS: one after the other, each for itself, and none for long.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, Problem};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::places::Places;

/// From the connection to the end of the handshake, the wait for a free place included.
const WAIT: Duration = Duration::from_secs(10);
/// What a connection may hold of answers that its client does not take. Two records of TLS: one is on its way while
/// the next one is made.
const BUFFER_BYTES: usize = 32 * 1024;
/// Every conversation of TLS begins with a record of this type.
const HANDSHAKE_RECORD: u8 = 0x16;
/// How much of a request without TLS is read before it is answered, and how much after it.
const PLAIN_BYTES_MAX: usize = 64 * 1024;

const HANDSHAKES: &str = "crewline_tls_handshakes_total";
const OPEN: &str = "crewline_tls_handshakes_open";

pub(super) fn describe_metrics() {
    describe_counter!(
        HANDSHAKES,
        "Handshakes of TLS, by outcome: done, failed, late (not done in 10 s), plain (the client spoke no TLS)"
    );
    describe_gauge!(
        OPEN,
        "Handshakes of TLS that have begun and are not done, those that wait for a place among them"
    );
}

/// A handshake that has begun; dropping it says that it is over.
struct Begun;

impl Begun {
    fn new() -> Self {
        gauge!(OPEN).increment(1.0);
        Self
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        gauge!(OPEN).decrement(1.0);
    }
}

/// Does handshakes, not too many at once.
pub(super) struct Handshakes {
    places: Places,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self {
            places: Places::new(),
        }
    }

    /// Speaks TLS on a connection. None: there was no handshake, and the connection is closed. `many` says that the peer
    /// is a proxy behind which many stand.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        (peer, many): (SocketAddr, bool),
        config: Arc<ServerConfig>,
        request_id: impl FnOnce() -> String,
    ) -> Option<Box<TlsStream<TcpStream>>> {
        let address = (!many).then(|| peer.ip());
        let shaking = self.shake(stream, address, config, request_id);
        let outcome = match tokio::time::timeout(WAIT, shaking).await {
            Ok(Ok(Some(stream))) => {
                counter!(HANDSHAKES, "outcome" => "done").increment(1);
                return Some(stream);
            }
            Ok(Ok(None)) => {
                tracing::debug!(%peer, "a client spoke HTTP without TLS, and was told");
                "plain"
            }
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "a handshake failed");
                "failed"
            }
            Err(_) => {
                tracing::debug!(%peer, wait_s = WAIT.as_secs(), "a handshake took too long");
                "late"
            }
        };
        counter!(HANDSHAKES, "outcome" => outcome).increment(1);
        None
    }

    async fn shake(
        &self,
        stream: TcpStream,
        address: Option<IpAddr>,
        config: Arc<ServerConfig>,
        request_id: impl FnOnce() -> String,
    ) -> io::Result<Option<Box<TlsStream<TcpStream>>>> {
        // Who says nothing takes no place from those who do.
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] != HANDSHAKE_RECORD && first[0].is_ascii_alphabetic() {
            answer_plain(stream, &request_id()).await?;
            return Ok(None);
        }
        let _begun = Begun::new();
        let _place = self.places.take(address).await;
        let limit = |connection: &mut rustls::ServerConnection| {
            connection.set_buffer_limit(Some(BUFFER_BYTES));
        };
        let stream = TlsAcceptor::from(config).accept_with(stream, limit).await?;
        // It is moved from hand to hand, and each would hold room for all of it.
        Ok(Some(Box::new(stream)))
    }
}

/// Tells a client that spoke HTTP what this port speaks. Nothing that it asked for happens.
async fn answer_plain(mut stream: TcpStream, request_id: &str) -> io::Result<()> {
    let error = ApiError::new(
        ErrorCode::TlsRequired,
        "This port speaks TLS, and this request came without: nothing was done. Write https:// instead of http://. \
         What was sent could be read on the way: a token or a password in it should be replaced.",
    );
    let body = serde_json::to_vec(&Problem::new(&error, request_id))?;
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-request-id: {request_id}\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    stream.shutdown().await?;
    // What was sent is read until the client has closed: a connection that is closed with bytes unread is reset, and
    // takes the answer with it.
    let mut rest = (&mut stream).take(PLAIN_BYTES_MAX as u64);
    let mut piece = [0; 1024];
    while rest.read(&mut piece).await? > 0 {}
    Ok(())
}
