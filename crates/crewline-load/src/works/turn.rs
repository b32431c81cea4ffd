//! Messages of one sender, so many in flight, each until its receipt is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::fault::{Done, Fault};
use crate::system::{Said, Sender, Urgency};

/// To whom a sender sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    /// So many messages, each to the next of these users. Only the first ones are connected: the others' have no receipt.
    Each {
        first: usize,
        users: usize,
        connected: usize,
        count: usize,
    },
    /// So many messages to one user, who is away: they have no receipts before it is back.
    Away { user: usize, count: usize },
    /// To these users in turn, who are all connected, until then.
    Until { users: usize, end: Instant },
}

/// What became of the messages of a sender, or of several.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How long each took until it was accepted.
    pub(crate) accepted: Vec<Duration>,
    /// How long each took until its receipt was back.
    pub(crate) receipts: Vec<Duration>,
    /// Each message that was sent.
    pub(crate) sent: Vec<Sent>,
    /// How often something was said again that had been said of a message before.
    pub(crate) again: usize,
}

/// A message that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) no: u64,
    pub(crate) to: usize,
    pub(crate) at: Instant,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.receipts.extend(other.receipts);
        self.sent.extend(other.sent);
        self.again += other.again;
    }
}

struct Trip {
    no: u64,
    begun: Instant,
    accepted: bool,
    /// Whether nothing more is to come back but that it is accepted.
    confirmed: bool,
}

/// A sender, and the number of its last message.
pub(crate) struct Trips<S> {
    sender: S,
    no: usize,
    last: u64,
    under_way: Vec<Trip>,
}

impl<S: Sender> Trips<S> {
    pub(crate) fn new(sender: S, no: usize) -> Self {
        Self {
            sender,
            no,
            last: crate::text::first(no),
            under_way: Vec::new(),
        }
    }

    /// The number of the last message.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Goes on with the numbers of one who sent before.
    pub(crate) fn go_on_after(&mut self, last: u64) {
        self.last = last;
    }

    /// Sends, with so many in flight, and returns when everything is back. What comes is counted where others see it.
    pub(crate) async fn run(
        &mut self,
        in_flight: usize,
        to: To,
        heard: &AtomicUsize,
    ) -> Done<Outcome> {
        let mut outcome = Outcome::default();
        loop {
            while self.under_way.len() < in_flight
                && let Some((user, connected)) = self.next(to, outcome.sent.len())
            {
                self.last += 1;
                let (no, at) = (self.last, Instant::now());
                self.sender.send(no, &[user], Urgency::Usual);
                outcome.sent.push(Sent { no, to: user, at });
                self.under_way.push(Trip {
                    no,
                    begun: at,
                    accepted: false,
                    confirmed: !connected,
                });
            }
            if self.under_way.is_empty() {
                return Ok(outcome);
            }
            let trips = &mut self.under_way;
            self.sender
                .hear(&mut |said| hear(trips, said, &mut outcome))
                .await
                .map_err(|fault| Fault(format!("sender {}: {fault}", self.no)))?;
            heard.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Only listens, and counts what comes back, until the connection ends.
    pub(crate) async fn listen(mut self, receipts: Arc<AtomicUsize>) -> Fault {
        loop {
            let mut count = |said| {
                if matches!(said, Said::Receipt(_)) {
                    receipts.fetch_add(1, Ordering::Relaxed);
                }
            };
            if let Err(fault) = self.sender.hear(&mut count).await {
                return Fault(format!("sender {}: {fault}", self.no));
            }
        }
    }

    fn next(&self, to: To, sent: usize) -> Option<(usize, bool)> {
        match to {
            To::Each {
                first,
                users,
                connected,
                count,
            } => {
                let user = (first + sent) % users;
                (sent < count).then_some((user, user < connected))
            }
            To::Away { user, count } => (sent < count).then_some((user, false)),
            // Each begins elsewhere, so that they do not all write to one.
            To::Until { users, end } => {
                (Instant::now() < end).then_some(((self.no * 25 + sent) % users, true))
            }
        }
    }
}

fn hear(trips: &mut Vec<Trip>, said: Said, outcome: &mut Outcome) {
    let now = Instant::now();
    let (Said::Accepted(no) | Said::Receipt(no)) = said;
    let Some(at) = trips.iter().position(|trip| trip.no == no) else {
        outcome.again += 1;
        return;
    };
    let trip = &mut trips[at];
    let (done, times) = match said {
        Said::Accepted(_) => (&mut trip.accepted, &mut outcome.accepted),
        Said::Receipt(_) => (&mut trip.confirmed, &mut outcome.receipts),
    };
    if std::mem::replace(done, true) {
        outcome.again += 1;
        return;
    }
    times.push(now - trip.begun);
    if trip.accepted && trip.confirmed {
        trips.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trip(no: u64, confirmed: bool) -> Trip {
        Trip {
            no,
            begun: Instant::now(),
            accepted: false,
            confirmed,
        }
    }

    #[test]
    fn a_trip_ends_when_it_is_accepted_and_confirmed_in_any_order() {
        let (mut trips, mut outcome) = (vec![trip(1, false), trip(2, false)], Outcome::default());
        hear(&mut trips, Said::Receipt(2), &mut outcome);
        hear(&mut trips, Said::Accepted(1), &mut outcome);
        assert_eq!(trips.len(), 2);
        hear(&mut trips, Said::Accepted(2), &mut outcome);
        hear(&mut trips, Said::Receipt(1), &mut outcome);
        assert!(trips.is_empty());
        assert_eq!((outcome.accepted.len(), outcome.receipts.len()), (2, 2));
    }

    #[test]
    fn a_second_receipt_is_seen_and_who_is_away_has_none() {
        let (mut trips, mut outcome) = (vec![trip(1, false)], Outcome::default());
        hear(&mut trips, Said::Receipt(1), &mut outcome);
        hear(&mut trips, Said::Receipt(1), &mut outcome);
        hear(&mut trips, Said::Accepted(7), &mut outcome);
        assert_eq!(outcome.again, 2);
        trips = vec![trip(3, true)];
        hear(&mut trips, Said::Accepted(3), &mut outcome);
        assert!(trips.is_empty());
        assert_eq!(outcome.receipts.len(), 1);
    }
}
