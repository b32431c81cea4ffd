//! Frames of WebSocket as far as a client of one server needs them: whole texts, pings and closes.

use crate::fault::{Done, Fault};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Ping,
    Pong,
    Close,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// A frame: what it is, its payload, and what follows it.
pub(crate) type Cut<'a> = (Kind, &'a [u8], &'a [u8]);

/// Appends a frame. A client must mask what it says; a mask of zeros leaves it as it is, and costs nothing.
pub(crate) fn write(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    const MASKED: u8 = 0x80;
    const TWO_BYTES: u8 = MASKED | 0x7e;
    const EIGHT_BYTES: u8 = MASKED | 0x7f;
    out.push(0x80 | kind.code());
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        middle @ 126..=0xffff => {
            out.push(TWO_BYTES);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(EIGHT_BYTES);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Cuts the first frame out of what came. `None`: not all of it is there.
pub(crate) fn cut(input: &[u8]) -> Done<Option<Cut<'_>>> {
    let Some((&[first, second], rest)) = input.split_first_chunk::<2>() else {
        return Ok(None);
    };
    let kind = match first {
        0x81 => Kind::Text,
        0x88 => Kind::Close,
        0x89 => Kind::Ping,
        0x8a => Kind::Pong,
        other => {
            return Err(Fault(format!(
                "a frame of an unknown kind, or one in pieces: {other:#x}"
            )));
        }
    };
    let length = match second {
        short @ 0..=125 => Some((usize::from(short), rest)),
        126 => rest
            .split_first_chunk::<2>()
            .map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest)),
        127 => rest
            .split_first_chunk::<8>()
            .map(|(length, rest)| (u64::from_be_bytes(*length) as usize, rest)),
        _ => return Err(Fault::new("a server does not mask its frames")),
    };
    Ok(length.and_then(|(length, rest)| {
        let (payload, rest) = rest.split_at_checked(length)?;
        Some((kind, payload, rest))
    }))
}

/// Gives out each text that came whole, and answers pings; gives how many bytes of the input all frames were.
pub(crate) fn texts(
    input: &[u8],
    out: &mut Vec<u8>,
    mut tell: impl FnMut(&[u8]) -> Done,
) -> Done<usize> {
    let mut rest = input;
    while let Some((kind, payload, after)) = cut(rest)? {
        match kind {
            Kind::Text => tell(payload)?,
            Kind::Ping => write(out, Kind::Pong, payload),
            Kind::Pong => {}
            Kind::Close => {
                let shown = String::from_utf8_lossy(payload);
                return Err(Fault(format!("the server closed the connection: {shown}")));
            }
        }
        rest = after;
    }
    Ok(input.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server says it: without a mask.
    fn said(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, kind, payload);
        let masked = out.len() - payload.len() - 4;
        out[1] &= 0x7f;
        out.drain(masked..masked + 4);
        out
    }

    #[test]
    fn a_frame_of_any_length_is_read_as_it_was_written_and_only_whole() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = said(Kind::Text, &payload);
            let whole = bytes.len();
            bytes.push(0x8a);
            let (kind, found, rest) = cut(&bytes).unwrap().unwrap();
            assert_eq!(
                (kind, found.len(), rest),
                (Kind::Text, length, &b"\x8a"[..])
            );
            assert_eq!(cut(&bytes[..whole - 1]).unwrap(), None);
        }
    }

    #[test]
    fn masked_and_unknown_frames_are_refused() {
        let mut masked = Vec::new();
        write(&mut masked, Kind::Ping, b"");
        assert!(cut(&masked).is_err());
        assert!(cut(&[0x82, 0]).is_err());
    }
}
