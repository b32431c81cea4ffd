//! The protocol of Redis, as far as a client of streams needs it.

use std::io::Write as _;

use crate::fault::{Done, Fault};
use crate::line::cut_line;

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A line, a number or a string: whichever, it is an answer.
    Word(&'a [u8]),
    Nothing,
    List(Vec<Value<'a>>),
}

/// Appends a command.
pub(crate) fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    begin(out, words.len());
    for word in words {
        self::word(out, word);
    }
}

/// Appends the begin of a command of so many words.
pub(crate) fn begin(out: &mut Vec<u8>, words: usize) {
    // Writing to memory does not fail.
    let _ = write!(out, "*{words}\r\n");
}

pub(crate) fn word(out: &mut Vec<u8>, word: &[u8]) {
    let _ = write!(out, "${}\r\n", word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

/// Cuts the first value out of what came: it, and what follows. `None`: not all of it is there. An error that the
/// server says is one here.
pub(crate) fn cut(input: &[u8]) -> Done<Option<(Value<'_>, &[u8])>> {
    let Some((line, rest)) = cut_line(input) else {
        return Ok(None);
    };
    let (kind, text) = line
        .split_first()
        .ok_or_else(|| Fault::new("Redis said an empty line"))?;
    let length = || -> Done<Option<usize>> {
        let text = String::from_utf8_lossy(text);
        match text.parse::<i64>() {
            Ok(-1) => Ok(None),
            Ok(length) => Ok(Some(length as usize)),
            Err(_) => Err(Fault(format!("Redis said a length of {text:?}"))),
        }
    };
    match kind {
        b'+' | b':' => Ok(Some((Value::Word(text), rest))),
        b'$' => {
            let Some(length) = length()? else {
                return Ok(Some((Value::Nothing, rest)));
            };
            let whole = rest.split_at_checked(length + 2);
            Ok(whole.map(|(word, rest)| (Value::Word(&word[..length]), rest)))
        }
        b'*' => match length()? {
            None => Ok(Some((Value::Nothing, rest))),
            Some(length) => list(length, rest),
        },
        _ => Err(Fault(format!(
            "Redis said {}",
            String::from_utf8_lossy(line)
        ))),
    }
}

fn list(length: usize, mut rest: &[u8]) -> Done<Option<(Value<'_>, &[u8])>> {
    let mut values = Vec::with_capacity(length.min(1024));
    for _ in 0..length {
        let Some((value, after)) = cut(rest)? else {
            return Ok(None);
        };
        values.push(value);
        rest = after;
    }
    Ok(Some((Value::List(values), rest)))
}

impl<'a> Value<'a> {
    pub(crate) fn word(&self) -> Done<&'a [u8]> {
        match self {
            Self::Word(word) => Ok(word),
            other => Err(Fault(format!("Redis said {other:?} for a word"))),
        }
    }

    pub(crate) fn list(&self) -> Done<&[Self]> {
        match self {
            Self::List(values) => Ok(values),
            other => Err(Fault(format!("Redis said {other:?} for a list"))),
        }
    }

    /// The entries of the one stream that was asked for: (id, the value of the one field).
    pub(crate) fn entries(&self) -> Done<Vec<(&'a [u8], &'a [u8])>> {
        let short = || Fault(format!("Redis said {self:?} for the entries of a stream"));
        let stream = self.list()?.first().ok_or_else(short)?;
        let entries = stream.list()?.get(1).ok_or_else(short)?;
        let mut found = Vec::new();
        for entry in entries.list()? {
            let [id, fields] = entry.list()? else {
                return Err(short());
            };
            let value = fields.list()?.get(1).ok_or_else(short)?;
            found.push((id.word()?, value.word()?));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_the_length_of_each_word() {
        let mut out = Vec::new();
        command(&mut out, &[b"XADD", b"u:7", b""]);
        assert_eq!(out, b"*3\r\n$4\r\nXADD\r\n$3\r\nu:7\r\n$0\r\n\r\n");
    }

    #[test]
    fn entries_are_read_whole_or_not_at_all() {
        let said: &[u8] = b"*1\r\n*2\r\n$3\r\nu:7\r\n*2\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nm\r\n$2\r\nab\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nm\r\n$0\r\n\r\n:1\r\n";
        let (value, rest) = cut(said).unwrap().unwrap();
        assert_eq!(rest, b":1\r\n");
        let entries = value.entries().unwrap();
        assert_eq!(entries, [(&b"1-0"[..], &b"ab"[..]), (b"2-0", b"")]);
        for length in 0..said.len() - rest.len() {
            assert_eq!(cut(&said[..length]).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn errors_and_nothing_are_told_apart() {
        assert!(cut(b"-ERR unknown command\r\n").is_err());
        assert_eq!(cut(b"*-1\r\n").unwrap().unwrap().0, Value::Nothing);
        assert_eq!(cut(b"$-1\r\n").unwrap().unwrap().0, Value::Nothing);
        assert!(Value::Nothing.entries().is_err());
    }
}
