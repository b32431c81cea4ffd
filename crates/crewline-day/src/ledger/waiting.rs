//! Who has not got which message, by age.

use std::collections::{BTreeSet, HashMap};

use crewline_client::api::MessageId;

use crate::cast::Who;

/// Copies that were accepted and not received.
#[derive(Debug)]
pub(super) struct Waiting {
    by_age: BTreeSet<(u64, MessageId, Who)>,
    since: HashMap<(MessageId, Who), u64>,
    of: Vec<usize>,
}

impl Waiting {
    pub(super) fn new(players: usize) -> Self {
        Self {
            by_age: BTreeSet::new(),
            since: HashMap::new(),
            of: vec![0; players],
        }
    }

    pub(super) fn add(&mut self, who: Who, id: MessageId, now: u64) {
        if self.since.insert((id, who), now).is_none() {
            self.by_age.insert((now, id, who));
            self.of[usize::from(who)] += 1;
        }
    }

    pub(super) fn remove(&mut self, who: Who, id: MessageId) {
        if let Some(since) = self.since.remove(&(id, who)) {
            self.by_age.remove(&(since, id, who));
            self.of[usize::from(who)] -= 1;
        }
    }

    pub(super) fn of(&self, who: Who) -> usize {
        self.of[usize::from(who)]
    }

    pub(super) fn oldest(&self, most: usize) -> Vec<(u64, MessageId, Who)> {
        self.by_age.iter().take(most).copied().collect()
    }
}
