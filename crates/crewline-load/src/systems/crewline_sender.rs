//! Crewline's senders: by calls of HTTP, or on the socket; receipts come on the socket.

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use super::crewline::{external, user};
use super::crewline_wire::{Who, events, field, number, socket, strange};
use super::frame::{self, Kind};
use super::http;
use crate::fault::Done;
use crate::line::Line;
use crate::system::{Said, Sender, Urgency};
use crate::text;

const DONE: &[u8] = b"{\"done\":{\"id\":";
const DELIVERED: &[u8] = b",\"type\":\"message.delivered\"";
const MESSAGE_ID: &[u8] = b"\"messageId\":\"";

/// The id of a message, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct MessageId([u8; 24]);

impl MessageId {
    fn read(text: &[u8]) -> Done<Self> {
        let mut id = [0; 24];
        let found = field(text, MESSAGE_ID)?;
        id.get_mut(..found.len())
            .ok_or_else(|| strange(text))?
            .copy_from_slice(found);
        Ok(Self(id))
    }
}

/// Which of the sender's messages have which ids: receipts name ids.
#[derive(Default)]
struct Sent {
    /// The number of each accepted message, and how many receipts it may still have.
    known: HashMap<MessageId, (u64, usize)>,
    /// Receipts of what was not heard to be accepted yet.
    early: Vec<MessageId>,
    place: Arc<AtomicU64>,
}

impl Sent {
    fn new(who: &Who) -> Self {
        Self {
            place: Arc::clone(&who.place),
            ..Self::default()
        }
    }

    fn accepted(&mut self, id: MessageId, no: u64, to: usize, tell: &mut (dyn FnMut(Said) + Send)) {
        tell(Said::Accepted(no));
        self.known.insert(id, (no, to));
        while let Some(place) = self.early.iter().position(|early| *early == id) {
            self.early.swap_remove(place);
            self.confirmed(id, tell);
        }
    }

    fn confirmed(&mut self, id: MessageId, tell: &mut (dyn FnMut(Said) + Send)) {
        let Some((no, left)) = self.known.get_mut(&id) else {
            self.early.push(id);
            return;
        };
        tell(Said::Receipt(*no));
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.known.remove(&id);
        }
    }

    /// Takes the receipts of a frame.
    fn receipts(&mut self, text: &[u8], tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        for (seq, event) in events(text)? {
            if !event.starts_with(DELIVERED) {
                return Err(strange(text));
            }
            self.confirmed(MessageId::read(event)?, tell);
            self.place.store(seq, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A message as the body of a call.
fn body(out: &mut Vec<u8>, from: usize, no: u64, to: &[usize], urgency: Urgency) {
    let from = external(from);
    // Writing to memory does not fail.
    let _ = write!(
        out,
        r#"{{"fromExtUserId":"{from}","fromExtUserName":"SCADA","toUsers":["#
    );
    for (place, no) in to.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(out, r#"{comma}{{"toUserId":"{}"}}"#, user(*no));
    }
    out.extend_from_slice(br#"],"message":""#);
    text::write(out, no);
    let priority = match urgency {
        Urgency::Usual => 2,
        Urgency::Emergency => 1,
    };
    let _ = write!(out, r#"","priority":{priority}}}"#);
}

/// A sender by HTTP: a connection for each message in flight, and a socket for receipts.
pub(crate) struct Posting {
    no: usize,
    token: Arc<str>,
    socket: Line,
    idle: Vec<Line>,
    busy: Vec<Call>,
    /// What no connection was free for.
    queue: VecDeque<(u64, usize, Vec<u8>)>,
    sent: Sent,
}

struct Call {
    line: Line,
    message: u64,
    to: usize,
}

impl Posting {
    pub(crate) async fn connect(who: &Who, no: usize, in_flight: usize) -> Done<Self> {
        let mut idle = Vec::with_capacity(in_flight);
        for _ in 0..in_flight {
            idle.push(Line::connect(who.address).await?);
        }
        Ok(Self {
            no,
            token: Arc::clone(&who.token),
            socket: socket(who).await?,
            idle,
            busy: Vec::new(),
            queue: VecDeque::new(),
            sent: Sent::new(who),
        })
    }

    /// Takes the answers that came whole.
    fn answers(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let mut place = 0;
        while let Some(call) = self.busy.get_mut(place) {
            let mut answered = None;
            call.line.take(|input, _| {
                let Some((status, body, taken)) = http::answer(input)? else {
                    return Ok(0);
                };
                if status != 201 {
                    return Err(strange(body));
                }
                answered = Some(MessageId::read(body)?);
                Ok(taken)
            })?;
            let Some(id) = answered else {
                place += 1;
                continue;
            };
            let call = self.busy.swap_remove(place);
            self.idle.push(call.line);
            self.sent.accepted(id, call.message, call.to, tell);
        }
        Ok(())
    }
}

impl Sender for Posting {
    fn send(&mut self, no: u64, to: &[usize], urgency: Urgency) {
        let mut message = Vec::with_capacity(512);
        body(&mut message, self.no, no, to, urgency);
        self.queue.push_back((no, to.len(), message));
    }

    async fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        while !self.queue.is_empty()
            && let Some(mut line) = self.idle.pop()
        {
            if let Some((message, to, body)) = self.queue.pop_front() {
                http::post(&mut line.out, "/api/v1/messages", &self.token, &body);
                line.flush().await?;
                self.busy.push(Call { line, message, to });
            }
        }
        self.socket.flush().await?;
        std::future::poll_fn(|context| {
            let mut ready = Poll::Pending;
            let calls = self.busy.iter_mut().map(|call| &mut call.line);
            for line in calls.chain([&mut self.socket]) {
                match line.poll_fill(context) {
                    Poll::Ready(Ok(())) => ready = Poll::Ready(Ok(())),
                    Poll::Ready(fault) => return Poll::Ready(fault),
                    Poll::Pending => {}
                }
            }
            ready
        })
        .await?;
        self.answers(tell)?;
        let sent = &mut self.sent;
        self.socket
            .take(|input, out| frame::texts(input, out, |text| sent.receipts(text, tell)))
    }
}

/// A sender on its socket.
pub(crate) struct Speaking {
    no: usize,
    socket: Line,
    sent: Sent,
    /// To how many each message goes that is not accepted yet, where it is not one.
    to: HashMap<u64, usize>,
}

impl Speaking {
    pub(crate) async fn connect(who: &Who, no: usize) -> Done<Self> {
        Ok(Self {
            no,
            socket: socket(who).await?,
            sent: Sent::new(who),
            to: HashMap::new(),
        })
    }
}

impl Sender for Speaking {
    fn send(&mut self, no: u64, to: &[usize], urgency: Urgency) {
        let mut message = Vec::with_capacity(512);
        let _ = write!(message, r#"{{"do":{{"id":{no},"send":"#);
        body(&mut message, self.no, no, to, urgency);
        message.extend_from_slice(b"}}");
        frame::write(&mut self.socket.out, Kind::Text, &message);
        if to.len() != 1 {
            self.to.insert(no, to.len());
        }
    }

    async fn hear(&mut self, tell: &mut (dyn FnMut(Said) + Send)) -> Done {
        let (sent, to) = (&mut self.sent, &mut self.to);
        let mut said = |text: &[u8]| {
            let Some(rest) = text.strip_prefix(DONE) else {
                return sent.receipts(text, tell);
            };
            let (no, rest) = number(rest);
            if !rest.starts_with(b",\"ok\":") {
                return Err(strange(text));
            }
            let to = to.remove(&no).unwrap_or(1);
            sent.accepted(MessageId::read(rest)?, no, to, tell);
            Ok(())
        };
        self.socket
            .hear(|input, out| frame::texts(input, out, &mut said))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_that_comes_before_the_answer_is_told_after_it() {
        let (mut sent, mut heard) = (Sent::default(), Vec::new());
        let id = MessageId([1; 24]);
        sent.confirmed(id, &mut |said| heard.push(said));
        assert!(heard.is_empty());
        sent.accepted(id, 5, 2, &mut |said| heard.push(said));
        sent.confirmed(id, &mut |said| heard.push(said));
        assert_eq!(
            heard,
            [Said::Accepted(5), Said::Receipt(5), Said::Receipt(5)]
        );
        assert!(sent.known.is_empty() && sent.early.is_empty());
    }

    #[test]
    fn a_call_says_who_to_whom_and_how_urgent() {
        let mut call = Vec::new();
        body(&mut call, 3, 9, &[1, 2], Urgency::Emergency);
        let call: serde_json::Value = serde_json::from_slice(&call).unwrap();
        assert_eq!(call["fromExtUserId"], "load:3");
        assert_eq!(call["toUsers"][1]["toUserId"], "user-2");
        assert_eq!(call["priority"], 1);
        assert_eq!(call["message"].as_str().unwrap().len(), text::BYTES);
    }
}
