//! A system with those who are connected to it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::board::{Board, Came, Difference, difference};
use super::turn::{Outcome, To, Trips};
use crate::fault::{Done, Fault, When as _};
use crate::figures::Figures;
use crate::system::System;

/// How long nothing comes before what has not come is lost: a slow system may take as long as it goes on.
const PATIENCE: Duration = Duration::from_mins(2);
/// How many connect at a time, where it is not the work itself.
const AT_ONCE: usize = 50;

/// See the module.
pub(crate) struct Stage<S: System> {
    pub(crate) system: Arc<S>,
    pub(crate) board: Board,
    /// The devices. They end only by a fault.
    pub(crate) devices: JoinSet<Fault>,
    pub(crate) senders: Vec<Trips<S::Sender>>,
}

impl<S: System> Stage<S> {
    pub(crate) fn new(system: S) -> Self {
        Self {
            system: Arc::new(system),
            board: Board::default(),
            devices: JoinSet::new(),
            senders: Vec::new(),
        }
    }

    /// Connects the devices of these users.
    pub(crate) async fn connect(&mut self, users: Range<usize>) -> Done {
        for first in users.clone().step_by(AT_ONCE) {
            let mut connecting = JoinSet::new();
            for user in first..users.end.min(first + AT_ONCE) {
                let system = Arc::clone(&self.system);
                connecting.spawn(async move { (user, system.receiver(user).await) });
            }
            while let Some(done) = connecting.join_next().await {
                let (user, receiver) = done?;
                let receiver = receiver.when(format_args!("the device of user {user}"))?;
                self.board.follow(user, receiver, &mut self.devices);
            }
        }
        Ok(())
    }

    /// `kill -9`, and starts it again. Whoever was connected is not any more.
    pub(crate) async fn kill_and_start_again(&mut self) -> Done {
        self.senders.clear();
        self.devices.shutdown().await;
        let system = Arc::get_mut(&mut self.system);
        let system = system.ok_or_else(|| Fault::new("somebody is still at work"))?;
        system.kill().await?;
        system.start_again().await
    }

    /// Connects senders until there are so many.
    pub(crate) async fn connect_senders(&mut self, count: usize, in_flight: usize) -> Done {
        while self.senders.len() < count {
            let no = self.senders.len();
            let sender = self.system.sender(no, in_flight).await?;
            self.senders.push(Trips::new(sender, no));
        }
        Ok(())
    }

    /// All senders send, and everything has come back.
    pub(crate) async fn turn(
        &mut self,
        in_flight: usize,
        to: impl Fn(usize) -> To,
    ) -> Done<Outcome> {
        let begun = Instant::now();
        let heard = Arc::<AtomicUsize>::default();
        let mut before = 0;
        let mut working = JoinSet::new();
        for (no, mut sender) in self.senders.drain(..).enumerate() {
            let (to, heard) = (to(no), Arc::clone(&heard));
            working.spawn(async move {
                let outcome = sender.run(in_flight, to, &heard).await;
                (no, sender, outcome)
            });
        }
        let mut all = Outcome::default();
        let mut back = Vec::new();
        while !working.is_empty() {
            let patience = tokio::time::sleep(PATIENCE);
            tokio::select! {
                Some(done) = working.join_next() => {
                    let (no, sender, outcome) = done?;
                    all.add(outcome?);
                    back.push((no, sender));
                }
                Some(ended) = self.devices.join_next() => return Err(ended?),
                () = patience => {
                    let now = heard.load(Ordering::Relaxed);
                    if now > std::mem::replace(&mut before, now) {
                        continue;
                    }
                    return Err(Fault(format!(
                        "{} senders still wait {:.0?} after they began, and have heard nothing for {PATIENCE:?}: {} messages were received",
                        working.len(), begun.elapsed(), self.board.len()
                    )));
                }
            }
        }
        back.sort_by_key(|(no, _)| *no);
        self.senders = back.into_iter().map(|(_, sender)| sender).collect();
        Ok(all)
    }

    /// Waits until what came is enough.
    pub(crate) async fn received(&mut self, enough: impl Fn(&[Came]) -> bool) -> Done {
        let mut before = self.board.len();
        loop {
            tokio::select! {
                () = self.board.wait_until(&enough) => return Ok(()),
                Some(ended) = self.devices.join_next() => return Err(ended?),
                () = tokio::time::sleep(PATIENCE) => {}
            }
            let now = self.board.len();
            if now == std::mem::replace(&mut before, now) {
                return Err(Fault(format!(
                    "{now} messages came, and for {PATIENCE:?} no more, which is not enough"
                )));
            }
        }
    }

    /// Takes what came, and holds it against what was sent to those who are connected.
    pub(crate) fn settle(
        &mut self,
        figures: &mut Figures,
        outcome: &Outcome,
        connected: usize,
        what: &str,
    ) -> Vec<Came> {
        let came = self.board.take();
        let sent = outcome.sent.iter().filter(|sent| sent.to < connected);
        let found = difference(&came, sent.map(|sent| (sent.no, sent.to)));
        Self::judge(figures, what, found);
        if S::KEEPS && outcome.again > 0 {
            figures.faults.push(format!(
                "{what}: {} told twice to the sender",
                outcome.again
            ));
        }
        came
    }

    /// What was lost or came twice is a fault of a system that promises otherwise.
    pub(crate) fn judge(figures: &mut Figures, what: &str, found: Difference) {
        if S::KEEPS && found != Difference::default() {
            let Difference { lost, twice } = found;
            figures
                .faults
                .push(format!("{what}: {lost} lost, {twice} twice"));
        }
    }
}
