//! Everybody who is connected: receivers who confirm what they get, and senders.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::protocol::{Protocol, Said, Who};
use super::sender::{CONNECTED, Outcome, Sender, To};

/// Senders, each an external with a connection of its own.
pub(crate) const SENDERS: usize = 8;
/// Messages that each has under way, where there are 64.
pub(crate) const EACH: usize = 8;

/// How long after the end of a turn all is back, or lost.
const PATIENCE: Duration = Duration::from_mins(1);

/// See the module.
pub(crate) struct Crowd<P> {
    pub(crate) senders: Vec<Sender<P>>,
    received: Arc<AtomicU64>,
    sent: u64,
    receivers: JoinSet<()>,
}

impl<P: Protocol> Crowd<P> {
    /// Connects everybody, and has each sender write once to each of the people.
    pub(crate) async fn gather(protocol: P) -> Self {
        let received = Arc::<AtomicU64>::default();
        let mut receivers = JoinSet::new();
        for no in 0..CONNECTED {
            let line = protocol.join(Who::User(no)).await;
            receivers.spawn(receive(protocol.clone(), line, Arc::clone(&received)));
        }
        let mut senders = Vec::new();
        for no in 0..SENDERS {
            senders.push(Sender::join(protocol.clone(), no).await);
        }
        let mut crowd = Self {
            senders,
            received,
            sent: 0,
            receivers,
        };
        let mut working = JoinSet::new();
        for sender in crowd.senders.drain(..) {
            working.spawn(sender.run(EACH, To::Everybody));
        }
        crowd.finish(working, Duration::ZERO).await;
        crowd
    }

    /// So many senders with so many messages under way each, for a time. The others listen.
    pub(crate) async fn turn(&mut self, senders: usize, each: usize, time: Duration) -> Outcome {
        let end = Instant::now() + time;
        let mut working = JoinSet::new();
        for (place, sender) in self.senders.drain(..).enumerate() {
            if place < senders {
                working.spawn(sender.run(each, To::Connected(end)));
            } else {
                working.spawn(sender.rest(end));
            }
        }
        self.finish(working, time).await
    }

    /// Waits for the senders; then everything that was sent to those who are here was received, once.
    pub(crate) async fn finish(
        &mut self,
        mut working: JoinSet<(Sender<P>, Outcome)>,
        time: Duration,
    ) -> Outcome {
        let mut all = Outcome::default();
        let patience = tokio::time::sleep(time + PATIENCE);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                done = working.join_next() => match done {
                    None => break,
                    Some(done) => {
                        let (sender, outcome) = done.unwrap();
                        self.senders.push(sender);
                        all.add(outcome);
                    }
                },
                Some(ended) = self.receivers.join_next() => panic!("a receiver has ended: {ended:?}"),
                () = &mut patience => panic!(
                    "not all is back {PATIENCE:?} after the end: {} senders are done; {} messages were received in all, {} of them before",
                    self.senders.len(),
                    self.received.load(Ordering::Relaxed),
                    self.sent
                ),
            }
        }
        self.senders.sort_by_key(|sender| sender.no);
        self.sent += all.receipts.len() as u64;
        let received = self.received.load(Ordering::Relaxed);
        assert_eq!(
            received, self.sent,
            "received, and sent to those who are here"
        );
        all
    }
}

/// Confirms what comes, all that came together by its last.
async fn receive<P: Protocol>(protocol: P, mut line: super::line::Line, received: Arc<AtomicU64>) {
    let mut last = 0;
    loop {
        line.fill().await;
        let before = last;
        let mut count = 0;
        protocol.hear(&mut line, |said, _| match said {
            Said::Received { seq } => {
                assert!(seq > last, "told twice, or out of order");
                last = seq;
                count += 1;
            }
            other => panic!("a receiver sends nothing: {other:?}"),
        });
        received.fetch_add(count, Ordering::Relaxed);
        if last > before {
            protocol.ack(&mut line.out, last);
        }
        line.flush().await;
    }
}
