//! An engine without threads, for simulations: everything is done in turn, in the runtime that it was started in, so that on a
//! paused clock the same draw gives the same course. It can be paused and killed as a process can.

use std::pin::pin;

use tokio::sync::watch;

/// How a simulated node fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fate {
    /// It runs.
    #[default]
    Runs,
    /// It does nothing, and does not know it: as after SIGSTOP.
    Paused,
    /// It is no more: what it was at is not finished.
    Killed,
}

/// Lets the parts of a node run, or not.
#[derive(Debug, Clone)]
pub struct Gate(watch::Receiver<Fate>);

impl Gate {
    /// A gate, and what moves it.
    pub fn new() -> (watch::Sender<Fate>, Self) {
        let (sender, receiver) = watch::channel(Fate::Runs);
        (sender, Self(receiver))
    }

    /// Does work as a part of the node; `None` where the node was killed before it was done.
    pub async fn through<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut fate = self.0.clone();
        let mut work = pin!(work);
        loop {
            let now = fate.wait_for(|fate| *fate != Fate::Paused).await;
            if now.map_or(Fate::Killed, |fate| *fate) == Fate::Killed {
                return None;
            }
            tokio::select! {
                biased;
                // Whoever moves the gate is gone: so is the node.
                changed = fate.wait_for(|fate| *fate != Fate::Runs) => if changed.is_err() { return None },
                done = &mut work => return Some(done),
            }
        }
    }
}
