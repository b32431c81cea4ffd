//! What may have to wake a device, and when: a rule without clock and network.
//!
//! There are two queues, so that an emergency waits for nothing but emergencies. Emergencies that have gone out once are pushed
//! again at fixed times after they were sent, so that a restart need not know how often that was done.

use std::collections::VecDeque;
use std::time::Duration;

use crewline_api::{Priority, Seq, Timestamp};
use crewline_core::PushPlaces;

use crate::body::Named;
use crate::settings::{REPEATS_MAX, Settings};

/// Most messages that wait and are no emergencies. The oldest go: a device that has others to be woken by misses nothing.
pub(crate) const OTHERS_MAX: usize = 256;
/// Most emergencies, of those that wait for their first push and of those that are repeated. The log is not read on then.
pub(crate) const EMERGENCIES_MAX: usize = 64;

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Others,
    Emergencies,
}

/// A message that may have to wake a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wake {
    pub(crate) seq: Seq,
    pub(crate) named: Named,
    /// When it was stored.
    pub(crate) at: Timestamp,
    /// When it is to be looked at.
    pub(crate) due: Timestamp,
    /// How often a push of it was refused in a row.
    pub(crate) refusals: u64,
    /// Whether it has been pushed, or stored, before.
    pub(crate) again: bool,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It is settled: pushed, or it need not be.
    Settled,
    /// Nobody need be woken for it any more: it was acknowledged, or is too old.
    Over,
    /// It is tried again after this long.
    Later(Duration),
}

/// What waits for one subscription.
pub(crate) struct Waiting {
    others: VecDeque<Wake>,
    emergencies: VecDeque<Wake>,
    repeats: Vec<Wake>,
    /// Up to where the log was read.
    read_to: Seq,
    /// Where it began: what lies before was settled.
    began: PushPlaces,
    /// How many were dropped.
    pub(crate) dropped: u64,
}

impl Waiting {
    pub(crate) fn new(began: PushPlaces) -> Self {
        Self {
            others: VecDeque::new(),
            emergencies: VecDeque::new(),
            repeats: Vec::new(),
            read_to: began.first(),
            began,
            dropped: 0,
        }
    }

    /// Whether the log is to be read on.
    pub(crate) fn has_room(&self) -> bool {
        self.emergencies.len() < EMERGENCIES_MAX && self.repeats.len() < EMERGENCIES_MAX
    }

    /// The log was read up to here.
    pub(crate) fn read_to(&mut self, seq: Seq) {
        self.read_to = self.read_to.max(seq);
    }

    /// Takes a message of the log in.
    pub(crate) fn take_in(
        &mut self,
        seq: Seq,
        named: Named,
        at: Timestamp,
        now: Timestamp,
        settings: &Settings,
    ) {
        let delay = settings.delay(named.priority);
        let wake = Wake {
            seq,
            named,
            at,
            // A clock that was put back must not silence anybody.
            due: at.plus(delay).min(now.plus(delay)),
            refusals: 0,
            again: false,
        };
        if is_old(&wake, now, settings) {
            return;
        }
        if named.priority != Priority::Emergency {
            if seq > self.began.seq {
                self.others.push_back(wake);
            }
            if self.others.len() > OTHERS_MAX {
                self.others.pop_front();
                self.dropped += 1;
            }
        } else if seq > self.began.emergencies {
            self.emergencies.push_back(wake);
        } else if seq > self.began.repeats {
            self.repeat(wake, now, settings);
        }
    }

    /// The next one to look at, of a queue.
    pub(crate) fn next(&self, lane: Lane) -> Option<Wake> {
        match lane {
            Lane::Others => self.others.front().copied(),
            Lane::Emergencies => {
                let first = self.emergencies.front().into_iter();
                first
                    .chain(&self.repeats)
                    .min_by_key(|wake| wake.due)
                    .copied()
            }
        }
    }

    /// Takes note of what became of the one that was looked at.
    pub(crate) fn tried(&mut self, wake: &Wake, tried: Tried, now: Timestamp, settings: &Settings) {
        let queue = match wake.named.priority {
            Priority::Emergency => &mut self.emergencies,
            _ => &mut self.others,
        };
        if let Tried::Later(wait) = tried {
            let same = queue.iter_mut().chain(&mut self.repeats);
            for kept in same.filter(|kept| kept.seq == wake.seq) {
                kept.due = now.plus(wait);
                kept.refusals += 1;
            }
            return;
        }
        // It may have been dropped meanwhile.
        queue.retain(|kept| kept.seq != wake.seq);
        self.repeats.retain(|kept| kept.seq != wake.seq);
        if tried == Tried::Settled && wake.named.priority == Priority::Emergency {
            self.repeat(*wake, now, settings);
        }
    }

    /// Keeps an emergency for the next of the times at which it is pushed again, if there is one.
    fn repeat(&mut self, wake: Wake, now: Timestamp, settings: &Settings) {
        let every = settings.repeat_emergency.as_millis() as i64;
        if every == 0 {
            return;
        }
        let age = now.as_millis().saturating_sub(wake.at.as_millis()).max(0);
        let next = age / every + 1;
        if next <= REPEATS_MAX {
            let due = wake.at.plus_millis(next * every);
            self.repeats.push(Wake {
                due: due.min(now.plus_millis(every)),
                refusals: 0,
                again: true,
                ..wake
            });
        }
    }

    /// Up to where everything is settled.
    pub(crate) fn places(&self) -> PushPlaces {
        let before =
            |first: Option<Seq>, began: Seq| first.map_or(self.read_to.max(began), |seq| seq - 1);
        let others = self.others.front().map(|wake| wake.seq);
        let emergencies = self.emergencies.front().map(|wake| wake.seq);
        let repeats = self.repeats.iter().map(|wake| wake.seq).min();
        let first = emergencies.into_iter().chain(repeats).min();
        PushPlaces {
            seq: before(others, self.began.seq),
            emergencies: before(emergencies, self.began.emergencies),
            repeats: before(first, self.began.repeats),
        }
    }
}

/// Whether nobody is woken for it any more.
pub(crate) fn is_old(wake: &Wake, now: Timestamp, settings: &Settings) -> bool {
    now > wake.at.plus(settings.lives.of(wake.named.priority))
}

#[cfg(test)]
mod tests;
