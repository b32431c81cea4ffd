//! Server-sent events, out of bytes as they come.

use crewline_api::Seq;

/// More than the largest event: a server that sends this much without an end is none.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Everything up to this seq was told.
    pub(crate) seq: Option<Seq>,
    /// The event as JSON; empty where only the place moved.
    pub(crate) data: String,
}

/// Puts frames together. What stands at the end without its empty line is not an event yet.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    seq: Option<Seq>,
    data: Option<String>,
}

impl Parser {
    /// Takes bytes, and appends the frames that are whole now.
    ///
    /// # Errors
    /// A frame without an end.
    pub(crate) fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), String> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
            if held + part.len() > FRAME_BYTES_MAX {
                return Err(format!("an event of more than {FRAME_BYTES_MAX} bytes"));
            }
            self.line.extend_from_slice(part);
            if part.last() == Some(&b'\n') {
                let line = std::mem::take(&mut self.line);
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                self.take_line(line.strip_suffix(b"\r").unwrap_or(line), frames);
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], frames: &mut Vec<Frame>) {
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            let (seq, data) = (self.seq.take(), self.data.take());
            if seq.is_some() || data.is_some() {
                frames.push(Frame {
                    seq,
                    data: data.unwrap_or_default(),
                });
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.seq = value.parse().ok(),
            "data" => {
                let data = self.data.get_or_insert_with(String::new);
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value);
            }
            // A comment (a heartbeat), or a field that this client does not need.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_same_however_the_bytes_are_cut() {
        let text = b": hi\n\nid: 7\ndata: {\"a\":1}\n\nid:8\r\ndata:{\r\ndata: }\r\n\r\nid: 9\n\nid: 10\ndata: half";
        let whole = [
            Frame {
                seq: Some(7),
                data: "{\"a\":1}".to_owned(),
            },
            Frame {
                seq: Some(8),
                data: "{\n}".to_owned(),
            },
            Frame {
                seq: Some(9),
                data: String::new(),
            },
        ];
        for cut in 1..text.len() {
            let (mut parser, mut frames) = (Parser::default(), Vec::new());
            for part in text.chunks(cut) {
                parser.push(part, &mut frames).unwrap();
            }
            assert_eq!(frames, whole);
        }
    }
}
