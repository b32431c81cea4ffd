//! Ids. Each kind is a type of its own, so that a chat cannot be taken for a message.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{ID_BYTES_MAX, KEY_BYTES_MAX};

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("has {bytes} bytes; at most {max} are allowed")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// A control character (or U+0000) is in it.
    #[error("holds the control character U+{0:04X}")]
    Control(u32),
    /// `me`, `.` and `..` have a meaning in paths.
    #[error("{0:?} is reserved")]
    Reserved(&'static str),
    /// Not a text that this server has ever given out as such an id.
    #[error("is not such an id")]
    Malformed,
}

fn check(text: &str, max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong {
            bytes: text.len(),
            max,
        });
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(IdError::Control(c as u32)),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($name:ident, $check:expr) => {
        impl $name {
            /// Checks `text` and takes it as it is: nothing is trimmed, folded or normalised.
            ///
            /// # Errors
            /// What is wrong with the text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }
    };
}

/// Who sends or is sent to: a user of the directory, or an external system. One namespace for both.
///
/// 1 to 255 bytes of UTF-8, compared byte by byte; no control characters; not `me`, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParticipantId(Arc<str>);

text_id!(ParticipantId, |text| {
    check(text, ID_BYTES_MAX)?;
    match text {
        "me" => Err(IdError::Reserved("me")),
        "." => Err(IdError::Reserved(".")),
        ".." => Err(IdError::Reserved("..")),
        _ => Ok(()),
    }
});

/// A group of people: 1 to 255 bytes of UTF-8 by the rules of [`ParticipantId`]; a namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId(Arc<str>);

text_id!(GroupId, |text| { ParticipantId::new(text).map(|_| ()) });

impl GroupId {
    /// The id of the group that is everyone on duty. Nobody makes or removes it.
    pub const ON_DUTY: &str = "on-duty";

    /// Whether it is the group of everyone on duty.
    pub fn is_on_duty(&self) -> bool {
        self.as_str() == Self::ON_DUTY
    }
}

/// The name of a cursor that the server keeps for a consumer: 1 to 255 bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CursorName(Arc<str>);

text_id!(CursorName, |text| check(text, ID_BYTES_MAX));

/// What a sender puts beside a message so that a retry does not make a second one: 1 to 255 bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(Arc<str>);

text_id!(IdempotencyKey, |text| check(text, KEY_BYTES_MAX));

/// Crockford's base 32: no I, L, O or U, so that an id survives being read aloud over a radio.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of the salt: 40 bits.
const SALT_CHARS: usize = 8;
/// The salt of an id is below this.
pub(crate) const SALT_END: u64 = 1 << (5 * SALT_CHARS);

fn write_numbered(f: &mut fmt::Formatter<'_>, prefix: u8, no: u64, salt: u64) -> fmt::Result {
    // 1 of the prefix, 13 for 64 bits of number, 8 of salt.
    let mut text = [0u8; 22];
    let mut at = text.len();
    let mut put = |value: u64| {
        at -= 1;
        text[at] = ALPHABET[(value & 31) as usize];
    };
    for place in 0..SALT_CHARS {
        put(salt >> (5 * place));
    }
    let mut rest = no;
    loop {
        put(rest);
        rest >>= 5;
        if rest == 0 {
            break;
        }
    }
    at -= 1;
    text[at] = prefix;
    f.write_str(std::str::from_utf8(&text[at..]).unwrap_or_default())
}

fn read_numbered(text: &str, prefix: u8) -> Result<(u64, u64), IdError> {
    let bytes = text.as_bytes();
    // No more than 12 digits of number: 60 bits, and so no overflow to think about.
    if bytes.first() != Some(&prefix) || !(2 + SALT_CHARS..=13 + SALT_CHARS).contains(&bytes.len())
    {
        return Err(IdError::Malformed);
    }
    let value = |part: &[u8]| {
        part.iter().try_fold(0u64, |sum, byte| {
            ALPHABET
                .iter()
                .position(|c| c == byte)
                .map(|digit| (sum << 5) | digit as u64)
                .ok_or(IdError::Malformed)
        })
    };
    let (no, salt) = bytes[1..].split_at(bytes.len() - 1 - SALT_CHARS);
    // One id has one spelling.
    if no.len() > 1 && no[0] == ALPHABET[0] {
        return Err(IdError::Malformed);
    }
    Ok((value(no)?, value(salt)?))
}

macro_rules! numbered_id {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// Puts an id together from the number that a store gave and 40 random bits.
            ///
            /// The salt keeps an id apart from another one with the same number: one that was given out after a
            /// restore from a backup, or on another server. Bits of `salt` above the fortieth are dropped.
            pub fn from_parts(no: u64, salt: u64) -> Self {
                Self {
                    no,
                    salt: salt & (SALT_END - 1),
                }
            }

            /// The number inside. Only the server that gave the id out can do something with it.
            pub fn no(self) -> u64 {
                self.no
            }

            /// The salt inside, below 2^40.
            pub fn salt(self) -> u64 {
                self.salt
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_numbered(f, $prefix, self.no, self.salt)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let (no, salt) = read_numbered(text, $prefix)?;
                Ok(Self { no, salt })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

/// A message. Opaque to callers; in text `m` and 9 to 20 characters of base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageId {
    no: u64,
    salt: u64,
}

numbered_id!(MessageId, b'm');

/// A chat: a set of people. Opaque to callers; in text `c` and 9 to 20 characters of base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ChatId {
    no: u64,
    salt: u64,
}

numbered_id!(ChatId, b'c');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_numbered_id_reads_back_as_it_was_written(no in 0u64..(1 << 60), salt in 0u64..SALT_END) {
            let id = MessageId::from_parts(no, salt);
            prop_assert_eq!(id.to_string().parse::<MessageId>(), Ok(id));
        }

        #[test]
        fn any_text_is_refused_or_has_one_spelling(text in "[mc0-9a-z]{0,24}") {
            if let Ok(id) = text.parse::<ChatId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn ids_of_participants_are_taken_as_they_are() {
        for good in ["a,b", " a ", "\"", "Ä", "🚑", "A", "me2", "..."] {
            assert_eq!(
                ParticipantId::new(good).map(String::from).as_deref(),
                Ok(good)
            );
        }
        assert_eq!(ParticipantId::new(""), Err(IdError::Empty));
        assert_eq!(ParticipantId::new("me"), Err(IdError::Reserved("me")));
        assert_eq!(ParticipantId::new("a\u{7f}"), Err(IdError::Control(0x7f)));
        assert_eq!(
            ParticipantId::new("é".repeat(128)),
            Err(IdError::TooLong {
                bytes: 256,
                max: 255
            })
        );
    }
}
