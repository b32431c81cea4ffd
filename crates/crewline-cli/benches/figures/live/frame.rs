//! Frames of WebSocket as far as a client of one server needs them: whole texts, pings and closes.

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

/// Cuts the first frame out of what came: what it is, its payload, and what follows it. `None`: not all of it is there.
pub(crate) fn cut(input: &[u8]) -> Option<(Kind, &[u8], &[u8])> {
    let (&[first, second], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match second {
        short @ 0..=125 => (usize::from(short), rest),
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*length) as usize, rest)
        }
        _ => panic!("a server does not mask its frames"),
    };
    let kind = match first {
        0x81 => Kind::Text,
        0x88 => Kind::Close,
        0x89 => Kind::Ping,
        0x8a => Kind::Pong,
        other => panic!("a frame of an unknown kind, or one in pieces: {other:#x}"),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((kind, payload, rest))
}
