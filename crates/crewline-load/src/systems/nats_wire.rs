//! The protocol of NATS, as far as a client of JetStream needs it.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::fault::{Done, Fault, When as _};
use crate::line::{Line, cut_line};

/// What the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Message {
        subject: &'a [u8],
        reply: &'a [u8],
        payload: &'a [u8],
    },
    Ping,
    Pong,
    /// What a client need not look at.
    Other,
}

/// Appends a message.
pub(crate) fn publish(out: &mut Vec<u8>, subject: &[u8], reply: &[u8], payload: &[u8]) {
    out.extend_from_slice(b"PUB ");
    out.extend_from_slice(subject);
    if !reply.is_empty() {
        out.push(b' ');
        out.extend_from_slice(reply);
    }
    // Writing to memory does not fail.
    let _ = write!(out, " {}\r\n", payload.len());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Cuts the first thing out of what came: it, and what follows. `None`: not all of it is there. An error that the
/// server says is one here.
pub(crate) fn cut(input: &[u8]) -> Done<Option<(Said<'_>, &[u8])>> {
    let Some((line, rest)) = cut_line(input) else {
        return Ok(None);
    };
    let strange = || Fault(format!("NATS said {}", String::from_utf8_lossy(line)));
    if line.starts_with(b"-ERR") {
        return Err(strange());
    }
    let Some(words) = line.strip_prefix(b"MSG ") else {
        let said = match line {
            b"PING" => Said::Ping,
            b"PONG" => Said::Pong,
            _ => Said::Other,
        };
        return Ok(Some((said, rest)));
    };
    let mut words = words.split(|byte| *byte == b' ');
    let (Some(subject), Some(_), Some(third)) = (words.next(), words.next(), words.next()) else {
        return Err(strange());
    };
    let (reply, length) = match words.next() {
        Some(length) => (third, length),
        None => (&b""[..], third),
    };
    let length: usize = std::str::from_utf8(length)
        .ok()
        .and_then(|length| length.parse().ok())
        .ok_or_else(strange)?;
    let Some((payload, rest)) = rest.split_at_checked(length + 2) else {
        return Ok(None);
    };
    let message = Said::Message {
        subject,
        reply,
        payload: &payload[..length],
    };
    Ok(Some((message, rest)))
}

/// Connects, and subscribes to a subject.
pub(crate) async fn connect(address: SocketAddr, subject: &str) -> Done<Line> {
    let mut line = Line::connect(address).await?;
    let hello = format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"lang\":\"raw\",\"version\":\"1\",\"protocol\":1}}\r\n\
         SUB {subject} 1\r\nPING\r\n"
    );
    line.out.extend_from_slice(hello.as_bytes());
    loop {
        // Messages may come behind the PONG only: the server answers in the order of what was said, but those of a
        // consumer come when they like. They stay in what came.
        let pong = line
            .until(|input| match cut(input)? {
                None => Ok(None),
                Some((Said::Message { .. }, _)) => Ok(Some((true, 0))),
                Some((said, rest)) => Ok(Some((said == Said::Pong, input.len() - rest.len()))),
            })
            .await
            .when("connecting to NATS")?;
        if pong {
            return Ok(line);
        }
    }
}

/// Gives out each message that came whole (its subject, where to answer, its payload), and answers pings; gives how many
/// bytes of the input all that was whole were.
pub(crate) fn messages(
    input: &[u8],
    out: &mut Vec<u8>,
    mut tell: impl FnMut(&[u8], &[u8], &[u8]) -> Done,
) -> Done<usize> {
    let mut rest = input;
    while let Some((said, after)) = cut(rest)? {
        match said {
            Said::Message {
                subject,
                reply,
                payload,
            } => tell(subject, reply, payload)?,
            Said::Ping => out.extend_from_slice(b"PONG\r\n"),
            Said::Pong | Said::Other => {}
        }
        rest = after;
    }
    Ok(input.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whole_with_and_without_a_place_to_answer() {
        let said = b"MSG d.7 1 $JS.ACK.x 5\r\nhe\r\nl\r\nMSG d.7 1 0\r\n\r\nPING\r\n";
        let (first, rest) = cut(said).unwrap().unwrap();
        let message = |reply, payload| Said::Message {
            subject: b"d.7",
            reply,
            payload,
        };
        assert_eq!(first, message(b"$JS.ACK.x", b"he\r\nl"));
        let whole = said.len() - rest.len();
        for length in 0..whole {
            assert_eq!(cut(&said[..length]).unwrap(), None, "{length}");
        }
        let (second, rest) = cut(rest).unwrap().unwrap();
        assert_eq!(second, message(b"", b""));
        assert_eq!(cut(rest).unwrap().unwrap().0, Said::Ping);
    }

    #[test]
    fn errors_are_told_and_what_is_said_beside_is_passed() {
        assert!(cut(b"-ERR 'Authorization Violation'\r\n").is_err());
        assert!(cut(b"MSG d.7\r\n").is_err());
        assert_eq!(cut(b"INFO {}\r\n").unwrap().unwrap().0, Said::Other);
        let mut out = Vec::new();
        publish(&mut out, b"u.1", b"i.2", b"x");
        publish(&mut out, b"u.1", b"", b"");
        assert_eq!(out, b"PUB u.1 i.2 1\r\nx\r\nPUB u.1 0\r\n\r\n");
    }
}
