//! A sender of the load generator: one connection, some messages under way, each until its receipt is back.

use std::time::{Duration, Instant};

use super::line::Line;
use super::protocol::{MessageId, Protocol, Said, Who};
use crate::PEOPLE;

/// How many of the people are connected: the first ones.
pub(crate) const CONNECTED: usize = 200;

/// To whom a sender sends.
#[derive(Clone, Copy)]
pub(crate) enum To {
    /// Once to each of the people, connected or not: so that all chats are known.
    Everybody,
    /// To the connected ones in turn, until then.
    Connected(Instant),
}

/// What became of the messages of a sender, or of several.
#[derive(Default)]
pub(crate) struct Outcome {
    /// How long each took until it was accepted.
    pub(crate) accepted: Vec<Duration>,
    /// How long each took until its receipt was back.
    pub(crate) receipts: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.receipts.extend(other.receipts);
    }
}

struct Trip {
    id: u64,
    begun: Instant,
    /// Whether its receiver is connected, and confirms it.
    confirmed: bool,
    message: Option<MessageId>,
}

/// See the module.
pub(crate) struct Sender<P> {
    pub(crate) protocol: P,
    pub(crate) no: usize,
    pub(crate) line: Line,
    next_id: u64,
    next_to: usize,
    seq: u64,
    trips: Vec<Trip>,
    /// Delivered before it was heard that they were accepted.
    early: Vec<MessageId>,
    outcome: Outcome,
}

impl<P: Protocol> Sender<P> {
    pub(crate) async fn join(protocol: P, no: usize) -> Self {
        Self {
            line: protocol.join(Who::Sender(no)).await,
            protocol,
            no,
            next_id: 0,
            // Each begins elsewhere, so that they do not all write to one.
            next_to: no * 25,
            seq: 0,
            trips: Vec::new(),
            early: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// The next of the connected people.
    pub(crate) fn next_connected(&mut self) -> usize {
        self.next_to += 1;
        self.next_to % CONNECTED
    }

    /// Sends, with so many under way at once, and returns when all are back.
    pub(crate) async fn run(mut self, width: usize, to: To) -> (Self, Outcome) {
        let mut sent = 0;
        loop {
            while self.trips.len() < width
                && let Some(to) = self.next(to, sent)
            {
                self.begin(to);
                sent += 1;
            }
            if self.trips.is_empty() {
                break;
            }
            self.line.flush().await;
            self.line.fill().await;
            self.hear();
        }
        assert!(
            self.early.is_empty(),
            "a receipt of what was not sent, or a second one"
        );
        let outcome = std::mem::take(&mut self.outcome);
        (self, outcome)
    }

    /// Only listens, until then.
    pub(crate) async fn rest(mut self, until: Instant) -> (Self, Outcome) {
        let end = tokio::time::sleep_until(until.into());
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return (self, Outcome::default()),
                () = self.line.fill() => {}
            }
            // Pings are answered on the way.
            self.hear();
            self.line.flush().await;
        }
    }

    fn next(&mut self, to: To, sent: usize) -> Option<usize> {
        match to {
            To::Everybody => (sent < PEOPLE).then_some(sent),
            To::Connected(end) => (Instant::now() < end).then(|| self.next_connected()),
        }
    }

    fn begin(&mut self, to: usize) {
        self.next_id += 1;
        self.protocol
            .send(&mut self.line.out, self.next_id, self.no, to);
        self.trips.push(Trip {
            id: self.next_id,
            begun: Instant::now(),
            confirmed: to < CONNECTED,
            message: None,
        });
    }

    fn hear(&mut self) {
        let now = Instant::now();
        let Self {
            protocol,
            line,
            seq,
            trips,
            early,
            outcome,
            ..
        } = self;
        protocol.hear(line, |said, _| match said {
            Said::Accepted { id, message } => {
                let at = trips.iter().position(|trip| trip.id == id).unwrap();
                outcome.accepted.push(now - trips[at].begun);
                trips[at].message = Some(message);
                let known = early.iter().position(|id| *id == message);
                if let Some(place) = known {
                    early.swap_remove(place);
                    outcome.receipts.push(now - trips[at].begun);
                }
                if known.is_some() || !trips[at].confirmed {
                    trips.swap_remove(at);
                }
            }
            Said::Delivered { seq: no, message } => {
                follow(seq, no);
                match trips.iter().position(|trip| trip.message == Some(message)) {
                    Some(at) => outcome.receipts.push(now - trips.swap_remove(at).begun),
                    None => early.push(message),
                }
            }
            Said::Received { .. } => panic!("nobody writes to a sender"),
        });
    }

    /// Receipts that came since, where messages went another way than this line.
    pub(crate) fn receipts(&mut self, mut tell: impl FnMut(MessageId)) {
        let seq = &mut self.seq;
        self.protocol.hear(&mut self.line, |said, _| match said {
            Said::Delivered { seq: no, message } => {
                follow(seq, no);
                tell(message);
            }
            other => panic!("{other:?}"),
        });
    }
}

/// A log has no gaps, and says nothing twice.
fn follow(last: &mut u64, seq: Option<u64>) {
    if let Some(seq) = seq {
        assert_eq!(seq, *last + 1, "a gap or a repetition in a log");
        *last = seq;
    }
}
