//! MQTT 3.1.1 as bytes: cuts what a broker sends into packets, and writes those of a client that uses QoS 1. It never touches a socket.

use crate::fault::{Done, Fault};

/// What a broker sends to such a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// The broker has taken the client; `known` where it had kept the session.
    ConnAck { known: bool },
    /// A message; `id` where it is to be confirmed.
    Publish { id: Option<u16>, payload: &'a [u8] },
    /// The broker has taken a message.
    PubAck { id: u16 },
    /// The subscription stands.
    SubAck,
    /// The answer to a ping.
    Pong,
}

/// The packet that the input begins with, where the whole of it is there, and how many bytes it takes.
pub(crate) fn cut(input: &[u8]) -> Done<Option<(Packet<'_>, usize)>> {
    let Some((&first, after)) = input.split_first() else {
        return Ok(None);
    };
    let Some((length, digits)) = read_length(after)? else {
        return Ok(None);
    };
    let body = 1 + digits;
    let Some(whole) = input.get(body..body + length) else {
        return Ok(None);
    };
    Ok(Some((read(first, whole)?, body + length)))
}

/// The length that stands behind the first byte, and in how many bytes it was written.
fn read_length(bytes: &[u8]) -> Done<Option<(usize, usize)>> {
    let mut length = 0;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((length, at + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(Fault::new("a packet has a length of more than four bytes"));
    }
    Ok(None)
}

fn read(first: u8, body: &[u8]) -> Done<Packet<'_>> {
    let short = || Fault::new("a packet is too short for its kind");
    let id = |at: usize| {
        let bytes = body.get(at..at + 2).ok_or_else(short)?;
        Done::Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    Ok(match first >> 4 {
        2 => match *body.get(..2).ok_or_else(short)? {
            [flags, 0] => Packet::ConnAck {
                known: flags & 1 == 1,
            },
            _ => return Err(Fault::new("the broker refused the client")),
        },
        3 => {
            let named = 2 + usize::from(id(0)?);
            let confirmed = first & 0b110 != 0;
            let behind = if confirmed { named + 2 } else { named };
            Packet::Publish {
                id: if confirmed { Some(id(named)?) } else { None },
                payload: body.get(behind..).ok_or_else(short)?,
            }
        }
        4 => Packet::PubAck { id: id(0)? },
        9 => match body.get(2) {
            Some(&granted) if granted < 0x80 => Packet::SubAck,
            _ => return Err(Fault::new("a subscription was refused")),
        },
        13 => Packet::Pong,
        _ => {
            return Err(Fault(format!(
                "a packet of kind {} from a broker",
                first >> 4
            )));
        }
    })
}

fn begin(kind: u8, length: usize, to: &mut Vec<u8>) {
    to.push(kind);
    let mut rest = length;
    loop {
        let digit = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            to.push(digit);
            return;
        }
        to.push(digit | 0x80);
    }
}

fn field(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    to.extend_from_slice(bytes);
}

/// A session that the broker keeps when the connection ends, without a limit of silence.
pub(crate) fn connect(client: &str, to: &mut Vec<u8>) {
    begin(0x10, 12 + client.len(), to);
    field(b"MQTT", to);
    // Version 3.1.1; no flag: the session stays; no keepalive.
    to.extend_from_slice(&[4, 0, 0, 0]);
    field(client.as_bytes(), to);
}

pub(crate) fn subscribe(id: u16, topic: &str, to: &mut Vec<u8>) {
    begin(0x82, 5 + topic.len(), to);
    to.extend_from_slice(&id.to_be_bytes());
    field(topic.as_bytes(), to);
    to.push(1);
}

/// A message of QoS 1.
pub(crate) fn publish(id: u16, topic: &str, payload: &[u8], to: &mut Vec<u8>) {
    begin(0x32, 4 + topic.len() + payload.len(), to);
    field(topic.as_bytes(), to);
    to.extend_from_slice(&id.to_be_bytes());
    to.extend_from_slice(payload);
}

pub(crate) fn puback(id: u16, to: &mut Vec<u8>) {
    begin(0x40, 2, to);
    to.extend_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Vec<u8> {
        let mut said = vec![0x20, 2, 1, 0, 0x90, 3, 0, 7, 1, 0x40, 2, 0, 9, 0xd0, 0];
        publish(513, "to/u1", &[b'x'; 200], &mut said);
        said
    }

    /// All that is there, and how many bytes it takes.
    fn all(input: &[u8]) -> (Vec<String>, usize) {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some((packet, taken)) = cut(&input[at..]).unwrap() {
            at += taken;
            found.push(format!("{packet:?}"));
        }
        (found, at)
    }

    #[test]
    fn each_packet_of_a_broker_is_read() {
        let expected = [
            Packet::ConnAck { known: true },
            Packet::SubAck,
            Packet::PubAck { id: 9 },
            Packet::Pong,
            Packet::Publish {
                id: Some(513),
                payload: &[b'x'; 200],
            },
        ];
        let (found, taken) = all(&said());
        assert_eq!(found, expected.map(|packet| format!("{packet:?}")));
        assert_eq!(taken, said().len());
    }

    #[test]
    fn what_comes_byte_by_byte_is_the_same_as_what_came_at_once() {
        let (mut input, mut found) = (Vec::new(), Vec::new());
        for byte in said() {
            input.push(byte);
            let (more, taken) = all(&input);
            found.extend(more);
            input.drain(..taken);
        }
        assert_eq!(found, all(&said()).0);
        assert!(input.is_empty());
    }

    #[test]
    fn a_packet_that_is_cut_short_or_of_another_kind_is_refused() {
        for wrong in [
            &[0x30, 1, 0][..],
            &[0x32, 3, 0, 1, b'a'],
            &[0x40, 1, 0],
            &[0x20, 1, 0],
            &[0x20, 2, 0, 5],
            &[0x90, 3, 0, 1, 0x80],
            &[0xf0, 0],
            &[0x30, 0x80, 0x80, 0x80, 0x80],
        ] {
            assert!(cut(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_client_writes_is_what_the_standard_says() {
        let mut to = Vec::new();
        connect("c", &mut to);
        assert_eq!(to, b"\x10\x0d\0\x04MQTT\x04\0\0\0\0\x01c");
        to.clear();
        subscribe(1, "a", &mut to);
        assert_eq!(to, b"\x82\x06\0\x01\0\x01a\x01");
        to.clear();
        puback(258, &mut to);
        assert_eq!(to, b"\x40\x02\x01\x02");
        to.clear();
        publish(3, "t", &[0; 200], &mut to);
        assert_eq!(to[..8], *b"\x32\xcd\x01\0\x01t\0\x03");
    }
}
