//! The hub: who follows which log, and the newest events of those logs.
//!
//! A follower is woken by a number, never by content; wakes coalesce. The ring is a help, not a source: who is behind
//! it reads the store. It holds what this node wrote: where another node has written since, it is empty.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crewline_api::{EventKinds, Seq};
use crewline_core::{PAGE_BYTES_MAX, ParticipantNo};
use tokio::sync::watch;

use crate::page::{EncodedEvent, Page};

/// Logs are spread over this many locks.
const SHARDS: usize = 64;
/// Most events that the ring keeps of one log.
const EVENTS_MAX: usize = 128;
/// Most bytes that the ring keeps of all logs. Bodies that logs share count in each.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// How far a log is known to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Raised {
    /// Its last event, as far as this node wrote or read it; 0 until then.
    pub(crate) head: Seq,
    /// Counts what other nodes said of it that went beyond. It is to be read in the store, whether true or not.
    pub(crate) hints: u64,
}

struct Followed {
    head: watch::Sender<Raised>,
    /// What another node said last.
    hinted: Seq,
    followers: usize,
    ring: VecDeque<EncodedEvent>,
}

type Shard = Mutex<HashMap<ParticipantNo, Followed>>;

/// See the module.
pub(crate) struct Hub {
    shards: Vec<Shard>,
    bytes: AtomicUsize,
    followers: AtomicUsize,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            bytes: AtomicUsize::new(0),
            followers: AtomicUsize::new(0),
        }
    }
}

impl Hub {
    fn shard(
        &self,
        participant: ParticipantNo,
    ) -> MutexGuard<'_, HashMap<ParticipantNo, Followed>> {
        let shard = &self.shards[participant.0 as usize % SHARDS];
        // Nothing under this lock panics half-way through a change.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody follows any log.
    pub(crate) fn is_idle(&self) -> bool {
        // Who began to follow after the commit reads the store, and needs nothing of this batch.
        self.followers.load(Ordering::SeqCst) == 0
    }

    /// Whether anyone follows this log: only then its events are worth keeping.
    pub(crate) fn is_followed(&self, participant: ParticipantNo) -> bool {
        self.shard(participant).contains_key(&participant)
    }

    /// Begins to follow. Subscribe first, then read: what is committed after is a wake.
    pub(crate) fn follow(self: &Arc<Self>, participant: ParticipantNo) -> Subscription {
        self.followers.fetch_add(1, Ordering::SeqCst);
        let mut shard = self.shard(participant);
        let followed = shard.entry(participant).or_insert_with(|| Followed {
            head: watch::Sender::new(Raised::default()),
            hinted: 0,
            followers: 0,
            ring: VecDeque::new(),
        });
        followed.followers += 1;
        Subscription {
            head: followed.head.subscribe(),
            hub: Arc::clone(self),
            participant,
        }
    }

    /// Keeps events of a log, in ascending order without a gap to those before, and wakes whoever follows it.
    pub(crate) fn publish(&self, participant: ParticipantNo, events: Vec<EncodedEvent>, head: Seq) {
        let mut shard = self.shard(participant);
        let Some(followed) = shard.get_mut(&participant) else {
            return;
        };
        // Who began to follow after the events were put together has a gap here, and begins with an empty ring.
        if events.last().map(EncodedEvent::seq) == Some(head) {
            let last = followed.ring.back().map(EncodedEvent::seq);
            if last.is_some_and(|last| events.first().map(EncodedEvent::seq) != Some(last + 1)) {
                self.drop_ring(followed);
            }
            for event in events {
                self.bytes.fetch_add(event.bytes(), Ordering::Relaxed);
                followed.ring.push_back(event);
            }
        } else {
            self.drop_ring(followed);
        }
        while followed.ring.len() > EVENTS_MAX || self.bytes.load(Ordering::Relaxed) > BYTES_MAX {
            let Some(event) = followed.ring.pop_front() else {
                break;
            };
            self.bytes.fetch_sub(event.bytes(), Ordering::Relaxed);
        }
        // Another node may have written behind it since, and its hint was quicker.
        followed
            .head
            .send_modify(|raised| raised.head = raised.head.max(head));
        if followed.head.borrow().head > head {
            self.drop_ring(followed);
        }
    }

    /// Another node says that a log goes so far: whoever follows it reads the store.
    pub(crate) fn hint(&self, participant: ParticipantNo, head: Seq) {
        let mut shard = self.shard(participant);
        let Some(followed) = shard.get_mut(&participant) else {
            return;
        };
        let known = followed.head.borrow().head;
        if head > known && head != followed.hinted {
            followed.hinted = head;
            followed.head.send_modify(|raised| raised.hints += 1);
        }
    }

    /// The store was read, and a log goes so far: whoever follows it is woken where that is news. Says whether it is.
    pub(crate) fn found(&self, participant: ParticipantNo, head: Seq) -> bool {
        let mut shard = self.shard(participant);
        let Some(followed) = shard.get_mut(&participant) else {
            return false;
        };
        let news = followed.head.send_if_modified(|raised| {
            let news = head > raised.head;
            raised.head = head.max(raised.head);
            news
        });
        if news && followed.ring.back().is_some_and(|event| event.seq() < head) {
            self.drop_ring(followed);
        }
        news
    }

    /// Every log that is followed, in the order of numbers.
    pub(crate) fn followed(&self) -> Vec<ParticipantNo> {
        let mut followed = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            followed.extend(shard.keys().copied());
        }
        followed.sort_unstable();
        followed
    }

    /// A page from the ring, if the ring reaches back to `after`.
    pub(crate) fn page(
        &self,
        participant: ParticipantNo,
        after: Seq,
        kinds: EventKinds,
        limit: usize,
    ) -> Option<Page> {
        let shard = self.shard(participant);
        let ring = &shard.get(&participant)?.ring;
        let (first, head) = (ring.front()?.seq(), ring.back()?.seq());
        if first > after + 1 || after > head {
            return None;
        }
        let (mut events, mut next, mut bytes) = (Vec::new(), after, 0);
        for event in ring.range((after + 1 - first) as usize..) {
            if events.len() == limit || bytes >= PAGE_BYTES_MAX {
                break;
            }
            next = event.seq();
            if kinds.contains(event.kind()) {
                bytes += event.bytes();
                events.push(event.clone());
            }
        }
        Some(Page {
            events,
            next,
            head,
            held: None,
        })
    }

    fn drop_ring(&self, followed: &mut Followed) {
        let bytes: usize = followed.ring.drain(..).map(|event| event.bytes()).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn unfollow(&self, participant: ParticipantNo) {
        self.followers.fetch_sub(1, Ordering::SeqCst);
        let mut shard = self.shard(participant);
        let Some(followed) = shard.get_mut(&participant) else {
            return;
        };
        followed.followers -= 1;
        if followed.followers == 0 {
            self.drop_ring(followed);
            shard.remove(&participant);
        }
    }
}

/// That someone follows a log; ends when it is dropped.
pub(crate) struct Subscription {
    /// How far the log is known to go.
    pub(crate) head: watch::Receiver<Raised>,
    hub: Arc<Hub>,
    participant: ParticipantNo,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.unfollow(self.participant);
    }
}
