//! HTTP as far as a client of one server needs it: calls with a body, one at a time on a connection that is kept.

use std::io::Write as _;

use crate::fault::{Done, Fault};
use crate::line::Line;

/// Appends a call with a body of JSON.
pub(crate) fn post(out: &mut Vec<u8>, path: &str, token: &str, body: &[u8]) {
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(body);
}

/// An answer that came: its status, its body, and how many bytes of the input it was. `None`: not all of it is there.
pub(crate) fn answer(input: &[u8]) -> Done<Option<(u16, &[u8], usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(at) = memchr::memmem::find(input, END) else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&input[..at]);
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| Fault(format!("no answer of HTTP: {head}")))?;
    let length: usize = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let named = name.eq_ignore_ascii_case("content-length");
            named.then(|| value.trim().parse().ok())?
        })
        .unwrap_or(0);
    let body = &input[at + END.len()..];
    Ok(body
        .get(..length)
        .map(|body| (status, body, at + END.len() + length)))
}

/// Waits for the answer of this status, and gives its body.
pub(crate) async fn expect(line: &mut Line, status: u16) -> Done<Vec<u8>> {
    line.until(|input| {
        let Some((found, body, taken)) = answer(input)? else {
            return Ok(None);
        };
        if found != status {
            let body = String::from_utf8_lossy(body);
            return Err(Fault(format!("the answer is {found}: {body}")));
        }
        Ok(Some((body.to_owned(), taken)))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let said = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\nx: y\r\n\r\n{}HTTP";
        let (status, body, taken) = answer(said).unwrap().unwrap();
        assert_eq!((status, body, taken), (201, &b"{}"[..], said.len() - 4));
        for length in 0..taken {
            assert!(answer(&said[..length]).unwrap().is_none());
        }
        let upgraded = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x81";
        assert_eq!(answer(upgraded).unwrap().unwrap().0, 101);
        assert!(answer(b"SSH-2.0\r\n\r\n").is_err());
    }
}
