//! What Crewline's clients say and hear, found by looking at bytes: a tree of JSON would cost the generator more than the
//! rest of its work.
//!
//! It relies on the order of fields, and on quotation marks inside of texts being escaped: what looks like the begin of
//! an event is one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memmem::find;

use super::frame::{self, Kind};
use super::http;
use crate::fault::{Done, Fault, When as _};
use crate::line::Line;
use crate::system::Receiver;
use crate::text;

const EVENTS: &[u8] = b"{\"events\":[";
const EVENT: &[u8] = b"{\"seq\":";
const RECEIVED: &[u8] = b",\"type\":\"message.received\"";
const MESSAGE: &[u8] = b"\"message\":\"";

/// Who connects, and what the device keeps while it is away.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) address: SocketAddr,
    pub(crate) token: Arc<str>,
    /// The last event that it has stored.
    pub(crate) place: Arc<AtomicU64>,
}

/// Opens a socket, and says hello. What follows the welcome is left to be taken.
pub(crate) async fn socket(who: &Who) -> Done<Line> {
    let token = &who.token;
    let mut line = Line::connect(who.address).await?;
    let request = format!(
        "GET /api/v1/socket HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {token}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    line.out.extend_from_slice(request.as_bytes());
    http::expect(&mut line, 101)
        .await
        .when("opening a socket")?;
    let after = who.place.load(Ordering::Relaxed);
    let hello = format!(r#"{{"hello":{{"after":{after}}}}}"#);
    frame::write(&mut line.out, Kind::Text, hello.as_bytes());
    line.until(|input| match frame::cut(input)? {
        None => Ok(None),
        Some((Kind::Text, text, rest)) if text.starts_with(b"{\"welcome\":") => {
            Ok(Some(((), input.len() - rest.len())))
        }
        Some((_, text, _)) => Err(strange(text)),
    })
    .await?;
    Ok(line)
}

pub(super) fn strange(text: &[u8]) -> Fault {
    let shown = String::from_utf8_lossy(&text[..text.len().min(500)]);
    Fault(format!("Crewline said {shown}"))
}

/// A number, and what follows it.
pub(super) fn number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let of = |number: u64, byte: &u8| number.wrapping_mul(10) + u64::from(byte - b'0');
    (text[..digits].iter().fold(0, of), &text[digits..])
}

/// What stands between the name of a field and the next quotation mark.
pub(super) fn field<'a>(text: &'a [u8], name: &[u8]) -> Done<&'a [u8]> {
    let value = find(text, name).map(|at| &text[at + name.len()..]);
    let value = value.ok_or_else(|| strange(text))?;
    let end = memchr::memchr(b'"', value).ok_or_else(|| strange(text))?;
    Ok(&value[..end])
}

/// The events of a frame, each from its number on, with that number. What follows belongs to the next ones.
pub(super) fn events(text: &[u8]) -> Done<impl Iterator<Item = (u64, &[u8])>> {
    if !text.starts_with(EVENTS) {
        return Err(strange(text));
    }
    Ok(memchr::memmem::find_iter(text, EVENT).map(|at| number(&text[at + EVENT.len()..])))
}

/// The device of a user.
pub(crate) struct Device {
    socket: Line,
    /// What it keeps, and the last event that came.
    place: Arc<AtomicU64>,
    last: u64,
    confirmed: u64,
}

impl Device {
    pub(crate) async fn connect(who: &Who) -> Done<Self> {
        let last = who.place.load(Ordering::Relaxed);
        Ok(Self {
            socket: socket(who).await?,
            place: Arc::clone(&who.place),
            last,
            confirmed: last,
        })
    }
}

impl Receiver for Device {
    async fn hear(&mut self, came: &mut Vec<u64>) -> Done {
        let last = &mut self.last;
        let mut take = |text: &[u8]| {
            for (seq, event) in events(text)? {
                if seq != *last + 1 {
                    return Err(Fault(format!("event {seq} follows {last}")));
                }
                *last = seq;
                if event.starts_with(RECEIVED) {
                    came.push(text::read(field(event, MESSAGE)?)?);
                }
            }
            Ok(())
        };
        self.socket
            .hear(|input, out| frame::texts(input, out, &mut take))
            .await
    }

    async fn confirm(&mut self) -> Done {
        if self.last > self.confirmed {
            let ack = format!(r#"{{"ack":{}}}"#, self.last);
            frame::write(&mut self.socket.out, Kind::Text, ack.as_bytes());
            self.place.store(self.last, Ordering::Relaxed);
            self.confirmed = self.last;
        }
        self.socket.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_with_their_numbers_messages_and_ids() {
        let mut text = br#"{"events":[{"seq":7,"type":"message.received","timestamp":"t","data":{"messageId":"m1","message":""#.to_vec();
        text::write(&mut text, 42);
        text.extend_from_slice(br#""}},{"seq":8,"type":"message.delivered","timestamp":"t","data":{"messageId":"m2"}}]}"#);
        let found: Vec<_> = events(&text).unwrap().collect();
        assert_eq!((found[0].0, found[1].0, found.len()), (7, 8, 2));
        assert!(found[0].1.starts_with(RECEIVED) && !found[1].1.starts_with(RECEIVED));
        assert_eq!(text::read(field(found[0].1, MESSAGE).unwrap()).unwrap(), 42);
        assert_eq!(field(found[1].1, b"\"messageId\":\"").unwrap(), b"m2");
        assert!(events(b"{\"error\":{}}").is_err());
    }
}
