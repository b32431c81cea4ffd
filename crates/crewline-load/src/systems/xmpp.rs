//! A client of XMPP: it signs in with a password, binds a resource, enables stream management (XEP-0198), says that it is there, and from then on
//! counts stanzas as the standard wants it. A message asks for a receipt (XEP-0184), and a device answers with one.

use std::collections::VecDeque;
use std::net::SocketAddr;

use base64::Engine as _;

use super::stanza::{self, Stanza};
use crate::fault::{Done, Fault, When as _};
use crate::line::Line;
use crate::system::{self, Said, Urgency};
use crate::text;

const OPEN: &[u8] = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
const JOIN: &[u8] = b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>\
    <enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/>";
const CLOSE: &[u8] = b"</stream:stream>";
const ASK: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";
/// The password of everybody.
pub(super) const PASSWORD: &str = "secret";

/// A session, and how far both sides are.
struct Session {
    line: Line,
    /// How many stanzas have come since stream management is on.
    came: u64,
    /// How many of them have been dealt with.
    done: u64,
    /// Whether the server has asked how many.
    asked: bool,
}

impl Session {
    async fn open(address: SocketAddr, user: &str) -> Done<Self> {
        let mut line = Line::connect(address).await?;
        let secret = format!("\0{user}\0{PASSWORD}");
        let secret = base64::engine::general_purpose::STANDARD.encode(secret);
        line.out.extend_from_slice(OPEN);
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
        );
        line.out.extend_from_slice(auth.as_bytes());
        line.until(|input| find(input, b"success"))
            .await
            .when(format_args!("signing in as {user}"))?;
        line.out.extend_from_slice(OPEN);
        line.out.extend_from_slice(JOIN);
        line.until(|input| find(input, b"enabled"))
            .await
            .when(format_args!("joining as {user}"))?;
        // What is sent before the server has seen the presence is put away, and may stay there until the next one; it says its own presence to a
        // client last, behind all that waited, which is read later.
        line.until(|input| Ok(find(input, b"presence")?.map(|_| ((), 0))))
            .await
            .when(format_args!("being there as {user}"))?;
        Ok(Self {
            line,
            came: 0,
            done: 0,
            asked: false,
        })
    }

    /// Says what is to be said, waits until something whole is there, and gives out each element.
    async fn hear(&mut self, mut tell: impl FnMut(&[u8]) -> Done) -> Done {
        let (came, asked) = (&mut self.came, &mut self.asked);
        self.line
            .hear(|input, _| {
                let mut at = 0;
                while let Some((stanza, taken)) = stanza::cut(&input[at..])? {
                    at += taken;
                    let element = element(stanza)?;
                    match stanza::name(element) {
                        b"message" | b"iq" | b"presence" => *came += 1,
                        b"r" => *asked = true,
                        _ => {}
                    }
                    tell(element)?;
                }
                Ok(at)
            })
            .await
    }

    /// All that came has been dealt with: the server hears so where it has asked.
    fn done(&mut self) {
        self.done = self.came;
        if std::mem::take(&mut self.asked) {
            self.answer();
        }
    }

    /// Tells the server how many stanzas have been dealt with.
    fn answer(&mut self) {
        let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.done);
        self.line.out.extend_from_slice(answer.as_bytes());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A stream that only breaks off is kept for its device to come back; this one ends, and says before that how far it got.
        self.answer();
        self.line.last_word(CLOSE);
    }
}

/// A stanza that is no end and no complaint.
fn element(stanza: Stanza<'_>) -> Done<&[u8]> {
    match stanza {
        Stanza::Opened => Ok(b""),
        Stanza::Closed => Err(Fault::new("the server closed the stream")),
        Stanza::Element(element) => match stanza::name(element) {
            b"stream:error" | b"failure" | b"failed" => {
                let said = String::from_utf8_lossy(element);
                Err(Fault(format!("the server refused: {said}")))
            }
            _ => Ok(element),
        },
    }
}

/// Looks for an element at the top by its name; what stands before it goes.
fn find(input: &[u8], name: &[u8]) -> Done<Option<((), usize)>> {
    let mut at = 0;
    while let Some((stanza, taken)) = stanza::cut(&input[at..])? {
        at += taken;
        if stanza::name(element(stanza)?) == name {
            return Ok(Some(((), at)));
        }
    }
    Ok(None)
}

/// See [`system::Sender`].
pub(crate) struct Sender {
    session: Session,
    /// What was sent and is not accepted, a place for each stanza; of a message to many the last one bears the number.
    under_way: VecDeque<Option<u64>>,
    /// How many stanzas the server has taken.
    taken: u64,
}

impl Sender {
    pub(super) async fn connect(address: SocketAddr, no: usize) -> Done<Self> {
        let session = Session::open(address, &sender_name(no)).await?;
        Ok(Self {
            session,
            under_way: VecDeque::from([None]), // the presence
            taken: 0,
        })
    }
}

impl system::Sender for Sender {
    fn send(&mut self, no: u64, to: &[usize], _urgency: Urgency) {
        let out = &mut self.session.line.out;
        for (at, user) in to.iter().enumerate() {
            write_message(out, no, *user);
            let last = at + 1 == to.len();
            self.under_way.push_back(last.then_some(no));
        }
        out.extend_from_slice(ASK);
    }

    async fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let (under_way, taken) = (&mut self.under_way, &mut self.taken);
        self.session
            .hear(|element| {
                if let Some(no) = receipt(element)? {
                    tell(Said::Receipt(no));
                }
                if let Some(handled) = handled(element)? {
                    while *taken < handled {
                        *taken += 1;
                        match under_way.pop_front() {
                            Some(Some(no)) => tell(Said::Accepted(no)),
                            Some(None) => {}
                            None => return Err(Fault::new("more was taken than was sent")),
                        }
                    }
                }
                Ok(())
            })
            .await?;
        self.session.done();
        self.session.line.flush().await
    }
}

/// See [`system::Receiver`].
pub(crate) struct Receiver {
    session: Session,
    /// What came and was not confirmed.
    pending: Vec<u64>,
}

impl Receiver {
    pub(super) async fn connect(address: SocketAddr, no: usize) -> Done<Self> {
        Ok(Self {
            session: Session::open(address, &user_name(no)).await?,
            pending: Vec::new(),
        })
    }
}

impl system::Receiver for Receiver {
    async fn hear(&mut self, came: &mut Vec<u64>) -> Done {
        let pending = &mut self.pending;
        self.session
            .hear(|element| {
                if let Some(no) = message(element)? {
                    came.push(no);
                    pending.push(no);
                }
                Ok(())
            })
            .await
    }

    async fn confirm(&mut self) -> Done {
        for no in self.pending.drain(..) {
            write_receipt(&mut self.session.line.out, no);
        }
        self.session.done();
        self.session.line.flush().await
    }
}

pub(super) fn user_name(no: usize) -> String {
    format!("u{no}")
}

pub(super) fn sender_name(no: usize) -> String {
    format!("s{no}")
}

fn write_message(out: &mut Vec<u8>, no: u64, user: usize) {
    out.extend_from_slice(b"<message type='chat' to='");
    out.extend_from_slice(user_name(user).as_bytes());
    out.extend_from_slice(b"@localhost' id='");
    out.extend_from_slice(&text::number(no));
    out.extend_from_slice(b"'><body>");
    // It has nothing in it that XML would want to be escaped.
    text::write(out, no);
    out.extend_from_slice(b"</body><request xmlns='urn:xmpp:receipts'/></message>");
}

fn write_receipt(out: &mut Vec<u8>, no: u64) {
    out.extend_from_slice(b"<message type='chat' to='");
    out.extend_from_slice(sender_name(text::sender(no)).as_bytes());
    out.extend_from_slice(b"@localhost/load'><received xmlns='urn:xmpp:receipts' id='");
    out.extend_from_slice(&text::number(no));
    out.extend_from_slice(b"'/></message>");
}

/// The number of a message, where this is one.
fn message(element: &[u8]) -> Done<Option<u64>> {
    if stanza::name(element) != b"message" {
        return Ok(None);
    }
    refused(element)?;
    stanza::text(element, "body").map(text::read).transpose()
}

/// The number of the message whose receipt this is.
fn receipt(element: &[u8]) -> Done<Option<u64>> {
    if stanza::name(element) != b"message" {
        return Ok(None);
    }
    refused(element)?;
    let id =
        stanza::child(element, "received").and_then(|received| stanza::attribute(received, "id"));
    id.map(|id| text::read(id.as_bytes())).transpose()
}

/// A message that comes back is a fault: nobody may refuse one here.
fn refused(message: &[u8]) -> Done {
    if stanza::attribute(message, "type") == Some("error") {
        let said = String::from_utf8_lossy(message);
        return Err(Fault(format!("a message came back: {said}")));
    }
    Ok(())
}

/// How many stanzas the server says it has taken.
fn handled(element: &[u8]) -> Done<Option<u64>> {
    if stanza::name(element) != b"a" {
        return Ok(None);
    }
    let count = stanza::attribute(element, "h").and_then(|count| count.parse().ok());
    count
        .map(Some)
        .ok_or_else(|| Fault::new("the server has not said how many stanzas it has taken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_its_receipt_tell_their_number() {
        let (no, mut out) = (text::first(3) + 7, Vec::new());
        write_message(&mut out, no, 12);
        let (Stanza::Element(element), taken) = stanza::cut(&out).unwrap().unwrap() else {
            panic!("it is an element");
        };
        assert_eq!(taken, out.len());
        assert_eq!(message(element).unwrap(), Some(no));
        assert_eq!(receipt(element).unwrap(), None);
        assert_eq!(stanza::attribute(element, "to"), Some("u12@localhost"));
        out.clear();
        write_receipt(&mut out, no);
        assert_eq!(receipt(&out).unwrap(), Some(no));
        assert_eq!(message(&out).unwrap(), None);
        assert_eq!(stanza::attribute(&out, "to"), Some("s3@localhost/load"));
    }

    #[test]
    fn what_the_server_has_taken_is_read_and_nothing_else_is_taken_for_it() {
        assert_eq!(
            handled(b"<a h='12' xmlns='urn:xmpp:sm:3'/>").unwrap(),
            Some(12)
        );
        assert_eq!(handled(b"<r xmlns='urn:xmpp:sm:3'/>").unwrap(), None);
        assert!(handled(b"<a xmlns='urn:xmpp:sm:3'/>").is_err());
    }

    #[test]
    fn a_message_that_comes_back_and_a_stream_that_ends_are_faults() {
        let back = b"<message type='error' id='m'><body>x</body></message>";
        assert!(message(back).is_err());
        assert!(receipt(back).is_err());
        assert!(element(Stanza::Closed).is_err());
        let failure =
            b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
        assert!(element(Stanza::Element(failure)).is_err());
        assert_eq!(
            find(b"<iq/><enabled/>x", b"enabled").unwrap(),
            Some(((), 15))
        );
        assert_eq!(find(b"<iq/><enab", b"enabled").unwrap(), None);
    }
}
