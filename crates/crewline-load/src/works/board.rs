//! What the devices have received, written down by all of them and looked at when the work is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::fault::{Done, Fault};
use crate::system::Receiver;

/// See the module. All who hold it write on the same one.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Inner>);

#[derive(Default)]
struct Inner {
    came: Mutex<Vec<Came>>,
    more: Notify,
}

/// A message came to a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    pub(crate) no: u64,
    pub(crate) user: usize,
    pub(crate) at: Instant,
}

/// How what came differs from what was to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) lost: usize,
    pub(crate) twice: usize,
}

impl std::ops::AddAssign for Difference {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.twice += other.twice;
    }
}

impl Board {
    pub(crate) fn note(&self, user: usize, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let at = Instant::now();
        let mut came = self.locked();
        came.extend(numbers.iter().map(|&no| Came { no, user, at }));
        drop(came);
        self.0.more.notify_one();
    }

    /// How many came.
    pub(crate) fn len(&self) -> usize {
        self.locked().len()
    }

    /// Waits until what came is enough. One at a time may wait.
    pub(crate) async fn wait_until(&self, enough: impl Fn(&[Came]) -> bool) {
        while !enough(&self.locked()) {
            self.0.more.notified().await;
        }
    }

    /// Takes what is written there away.
    pub(crate) fn take(&self) -> Vec<Came> {
        std::mem::take(&mut *self.locked())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Came>> {
        self.0
            .came
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lets a device write down and confirm whatever comes, until the set is dropped or its connection ends.
    pub(crate) fn follow<R: Receiver>(
        &self,
        user: usize,
        receiver: R,
        devices: &mut JoinSet<Fault>,
    ) {
        self.come_back(user, std::future::ready(Ok(receiver)), devices);
    }

    /// The same of one that connects first.
    pub(crate) fn come_back<R: Receiver>(
        &self,
        user: usize,
        connecting: impl Future<Output = Done<R>> + Send + 'static,
        devices: &mut JoinSet<Fault>,
    ) {
        let board = self.clone();
        devices.spawn(async move {
            let ended = match connecting.await {
                Ok(mut receiver) => board.receive(user, &mut receiver).await,
                Err(fault) => fault,
            };
            Fault(format!("the device of user {user}: {ended}"))
        });
    }

    async fn receive<R: Receiver>(&self, user: usize, receiver: &mut R) -> Fault {
        let mut numbers = Vec::new();
        loop {
            numbers.clear();
            if let Err(fault) = receiver.hear(&mut numbers).await {
                return fault;
            }
            self.note(user, &numbers);
            if let Err(fault) = receiver.confirm().await {
                return fault;
            }
        }
    }
}

/// Compares what came with what was to come: (number, user).
pub(crate) fn difference(
    came: &[Came],
    expected: impl IntoIterator<Item = (u64, usize)>,
) -> Difference {
    let mut count: HashMap<(u64, usize), usize> = HashMap::with_capacity(came.len());
    for came in came {
        *count.entry((came.no, came.user)).or_default() += 1;
    }
    let mut difference = Difference::default();
    for pair in expected {
        match count.remove(&pair) {
            None => difference.lost += 1,
            Some(times) => difference.twice += times - 1,
        }
    }
    // What was never sent to them came too often as well.
    difference.twice += count.values().sum::<usize>();
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_and_what_came_twice_is_counted_for_each_user() {
        let at = Instant::now();
        let came = |no, user| Came { no, user, at };
        let all = [came(1, 0), came(1, 1), came(1, 1), came(2, 0), came(9, 0)];
        let expected = [(1, 0), (1, 1), (2, 0), (2, 1)];
        let found = difference(&all, expected);
        assert_eq!(found, Difference { lost: 1, twice: 2 });
        assert_eq!(
            difference(&all[..2], [(1, 0), (1, 1)]),
            Difference::default()
        );
    }
}
