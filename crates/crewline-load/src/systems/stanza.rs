//! XMPP as bytes: cuts what a server sends into stanzas, and finds in them what a client needs. It knows as much of XML as XMPP allows: no comments,
//! no instructions but the first one, no entities of its own. It never touches a socket.

use memchr::{memchr, memmem};

use crate::fault::{Done, Fault};

/// More than a server sends as one stanza: one without an end is given up.
const LARGEST: usize = 1 << 20;

/// What stands at the top of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stanza<'a> {
    /// The stream was opened.
    Opened,
    /// A whole element, as it came.
    Element(&'a [u8]),
    /// The stream was closed.
    Closed,
}

enum Tag {
    Instruction,
    Start,
    Empty,
    End,
}

/// The stanza that the input begins with, where the whole of it is there, and how many bytes it takes with what stands before it.
pub(crate) fn cut(input: &[u8]) -> Done<Option<(Stanza<'_>, usize)>> {
    let (mut start, mut at, mut depth) = (0, 0, 0usize);
    while let Some(open) = memchr(b'<', &input[at..]) {
        let open = at + open;
        let Some(length) = tag_length(&input[open..]) else {
            break;
        };
        at = open + length;
        if depth == 0 {
            // White space between stanzas keeps a connection alive, and is nothing else.
            start = open;
        }
        let tag = &input[open..at];
        match kind(tag) {
            Tag::Instruction => continue,
            Tag::Start if is_stream(tag) => return Ok(Some((Stanza::Opened, at))),
            Tag::End if is_stream(tag) => return Ok(Some((Stanza::Closed, at))),
            Tag::Start => depth += 1,
            Tag::Empty => {}
            Tag::End => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return Err(Fault::new("a stanza ends that has not begun")),
            },
        }
        if depth == 0 {
            return Ok(Some((Stanza::Element(&input[start..at]), at)));
        }
    }
    if input.len() > LARGEST {
        return Err(Fault::new("a stanza has no end"));
    }
    Ok(None)
}

/// The bytes up to the end of the tag that these begin with. A `>` within quotes does not end it.
fn tag_length(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn kind(tag: &[u8]) -> Tag {
    if tag.starts_with(b"<?") {
        Tag::Instruction
    } else if tag.starts_with(b"</") {
        Tag::End
    } else if tag.ends_with(b"/>") {
        Tag::Empty
    } else {
        Tag::Start
    }
}

fn is_stream(tag: &[u8]) -> bool {
    let name = tag.strip_prefix(b"</").or_else(|| tag.strip_prefix(b"<"));
    name.is_some_and(|name| name.starts_with(b"stream:stream"))
}

/// The name of an element.
pub(crate) fn name(element: &[u8]) -> &[u8] {
    let inner = element.strip_prefix(b"<").unwrap_or(element);
    let end = inner
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
    &inner[..end.unwrap_or(inner.len())]
}

/// An attribute of an element's own tag, as it was written. Those that are asked for hold nothing that needs to be escaped.
pub(crate) fn attribute<'a>(element: &'a [u8], key: &str) -> Option<&'a str> {
    let tag = &element[..tag_length(element)?];
    let mut rest = &tag[1 + name(tag).len()..];
    while let Some(equals) = memchr(b'=', rest) {
        let found = rest[..equals].trim_ascii();
        let quote = *rest.get(equals + 1)?;
        let value = &rest[equals + 2..];
        let end = memchr(quote, value)?;
        if found == key.as_bytes() {
            return std::str::from_utf8(&value[..end]).ok();
        }
        rest = &value[end + 1..];
    }
    None
}

/// The first element of this name within another one, from its tag on.
pub(crate) fn child<'a>(element: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let mut rest = &element[tag_length(element)?..];
    while let Some(open) = memchr(b'<', rest) {
        rest = &rest[open..];
        if name(rest) == wanted.as_bytes() {
            return Some(rest);
        }
        rest = &rest[1..];
    }
    None
}

/// The text of the first element of this name, as it was written.
pub(crate) fn text<'a>(element: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let child = child(element, wanted)?;
    let inner = &child[tag_length(child)?..];
    memmem::find(inner, b"</").map(|end| &inner[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server said to a client that signs in and gets a message.
    const SAID: &str = "<?xml version='1.0'?><stream:stream id='1' from='localhost' xmlns='jabber:client'><stream:features><mechanisms \
        xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features> \n<success \
        xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><message to='u2@localhost' from='u1@localhost/d' type='chat' id='m0'><archived \
        by='u2@localhost' id='17' xmlns='urn:xmpp:mam:tmp'/><request xmlns='urn:xmpp:receipts'/><body>a &lt; b</body></message><r \
        xmlns='urn:xmpp:sm:3'/></stream:stream>";

    /// All that is there, and how many bytes it takes.
    fn all(input: &[u8]) -> (Vec<String>, usize) {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some((stanza, taken)) = cut(&input[at..]).unwrap() {
            at += taken;
            found.push(match stanza {
                Stanza::Opened => "opened".to_owned(),
                Stanza::Closed => "closed".to_owned(),
                Stanza::Element(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            });
        }
        (found, at)
    }

    fn names(found: &[String]) -> Vec<&str> {
        found
            .iter()
            .map(|text| std::str::from_utf8(name(text.as_bytes())).unwrap())
            .collect()
    }

    #[test]
    fn what_came_at_once_is_cut_into_stanzas() {
        let (found, taken) = all(SAID.as_bytes());
        assert_eq!(
            names(&found),
            [
                "opened",
                "stream:features",
                "success",
                "message",
                "r",
                "closed"
            ]
        );
        assert_eq!(taken, SAID.len());
    }

    #[test]
    fn what_comes_byte_by_byte_is_the_same_as_what_came_at_once() {
        let (mut input, mut found) = (Vec::new(), Vec::new());
        for byte in SAID.bytes() {
            input.push(byte);
            let (more, taken) = all(&input);
            found.extend(more);
            input.drain(..taken);
        }
        assert_eq!(found, all(SAID.as_bytes()).0);
        assert!(input.is_empty());
    }

    #[test]
    fn a_bracket_within_quotes_ends_no_tag() {
        let (found, _) = all(b"<a x='>' y=\"'/>\"/><b/>");
        assert_eq!(found, ["<a x='>' y=\"'/>\"/>", "<b/>"]);
    }

    #[test]
    fn a_stanza_that_ends_before_it_begins_or_never_is_refused() {
        assert!(cut(b"</message>").is_err());
        let mut endless = b"<message>".to_vec();
        endless.resize(LARGEST, b'x');
        assert!(cut(&endless).unwrap().is_none());
        endless.resize(LARGEST + 1, b'x');
        assert!(cut(&endless).is_err());
    }

    #[test]
    fn attributes_and_texts_are_those_of_the_right_element() {
        let message = &SAID[SAID.find("<message").unwrap()..];
        let message = message.as_bytes();
        assert_eq!(attribute(message, "id"), Some("m0"));
        assert_eq!(attribute(message, "from"), Some("u1@localhost/d"));
        assert_eq!(attribute(message, "by"), None, "that is one of a child");
        let archived = child(message, "archived").unwrap();
        assert_eq!(attribute(archived, "id"), Some("17"));
        assert_eq!(text(message, "body"), Some(&b"a &lt; b"[..]));
        assert_eq!(child(message, "received"), None);
    }
}
