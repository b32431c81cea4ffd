//! Other nodes on the same store: what this one tells them, and what it makes of what they tell.
//!
//! After a commit the logs that grew are put into an outbox, and one task hands them to the bus: what comes while it is at work
//! goes together. What is heard raises the hub. A look at the store now and then, one query for everything that is
//! followed here, repairs what was lost. A node that is alone has none of this.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crewline_api::Seq;
use crewline_core::{Bus, Changes, HINTS_MAX, Heard, Hints, Origin, ParticipantNo};
use futures_util::StreamExt as _;
use metrics::counter;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::{debug, error};

use crate::Engine;
use crate::engine::Inner;

/// How a node finds out what the others have written.
#[derive(Clone)]
pub struct Others {
    /// Carries hints. Without it others are noticed by looking alone.
    pub bus: Option<Arc<dyn Bus>>,
    /// How often the node looks at the ends of all logs that are followed here, in case a hint was lost.
    pub look_every: Duration,
    /// For how long this node is believed to be there when it is not heard of: its leases, and who is connected here.
    pub life: Duration,
}

/// What there is to say, until it is said.
#[derive(Default)]
struct Waiting {
    /// May hold a log several times: whoever adds is the thread that answers.
    heads: Vec<(ParticipantNo, Seq)>,
    hints: Hints,
}

/// What this node has to do with others.
pub(crate) struct Among {
    pub(crate) others: Others,
    pub(crate) origin: Origin,
    waiting: Mutex<Waiting>,
    filled: Notify,
    /// Somebody says that the directory has changed.
    pub(crate) directory: Notify,
    /// Somebody says that hints were lost.
    look: Notify,
    /// Grows when another node says that the list of people shows something else.
    pub(crate) people: watch::Sender<u64>,
    /// Grows when another node says that push subscriptions changed.
    pushes: watch::Sender<u64>,
    /// Grows after that of the people, when it was looked who is where.
    pub(crate) people_shown: watch::Sender<u64>,
}

impl Among {
    pub(crate) fn new(others: Others, origin: Origin) -> Self {
        Self {
            others,
            origin,
            waiting: Mutex::default(),
            filled: Notify::new(),
            directory: Notify::new(),
            look: Notify::new(),
            people: watch::Sender::new(0),
            pushes: watch::Sender::new(0),
            people_shown: watch::Sender::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock panics half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which logs grew by what is durable now.
    pub(crate) fn tell(&self, changes: &Changes) {
        if self.others.bus.is_none() || changes.log.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        if waiting.heads.len() + changes.log.len() > 2 * HINTS_MAX {
            waiting.heads.clear();
            waiting.hints.look = true;
        } else {
            let rows = changes.log.iter().map(|row| (row.participant, row.seq));
            waiting.heads.extend(rows);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Says something that is no log.
    fn say(&self, say: impl FnOnce(&mut Hints)) {
        if self.others.bus.is_some() {
            say(&mut self.lock().hints);
            self.filled.notify_one();
        }
    }

    /// Says that the directory has changed.
    pub(crate) fn tell_directory(&self) {
        self.say(|hints| hints.directory = true);
    }

    /// Says that the list of people shows something else.
    pub(crate) fn tell_people(&self) {
        self.say(|hints| hints.people = true);
    }

    fn take(&self) -> Hints {
        let Waiting { heads, mut hints } = std::mem::take(&mut *self.lock());
        for (no, head) in heads {
            hints.grew(no, head);
        }
        hints
    }

    /// Hands to the bus what there is to say, for as long as the future is kept.
    async fn publish(&self, bus: &dyn Bus) {
        loop {
            self.filled.notified().await;
            let hints = self.take();
            if hints.is_empty() {
                continue;
            }
            counter!("crewline_hints_sent_total").increment(hints.heads.len() as u64);
            for text in hints.encode(&self.origin, bus.bytes_max()) {
                bus.publish(text).await;
            }
        }
    }

    /// Does what another node says.
    fn heed(&self, heard: &Heard, inner: &Inner) {
        let Heard::Text(text) = heard else {
            debug!("hints may have been missed");
            self.directory.notify_one();
            self.look.notify_one();
            self.note_people();
            self.pushes.send_modify(|version| *version += 1);
            return;
        };
        let Some((from, hints)) = Hints::decode(text) else {
            // A newer node, or somebody else's text: what is lost by it is found by looking.
            counter!("crewline_hints_not_understood_total").increment(1);
            return;
        };
        if from.epoch != self.origin.epoch || from.node == self.origin.node {
            return;
        }
        counter!("crewline_hints_heard_total").increment(hints.heads.len() as u64);
        for (no, head) in hints.heads {
            inner.hub.hint(no, head);
        }
        if hints.directory {
            self.directory.notify_one();
        }
        if hints.people {
            self.note_people();
        }
        if hints.pushes {
            self.pushes.send_modify(|version| *version += 1);
        }
        if hints.look {
            self.look.notify_one();
        }
    }

    fn note_people(&self) {
        self.people.send_modify(|version| *version += 1);
        // A group or a duty is read where it is shown.
        self.people_shown.send_modify(|version| *version += 1);
    }
}

impl Engine {
    /// Tells the others, and hears them, for as long as the engine lives.
    pub(crate) fn join(&self) {
        let Some(among) = self.inner.among.clone() else {
            return;
        };
        let weak = Arc::downgrade(&self.inner);
        if let Some(bus) = among.others.bus.clone() {
            let mut heard = bus.subscribe();
            let (hearing, listener) = (Arc::clone(&among), weak.clone());
            self.upkeep(async move {
                while let Some(heard) = heard.next().await {
                    let Some(inner) = listener.upgrade() else {
                        return;
                    };
                    hearing.heed(&heard, &inner);
                }
                error!("the bus has ended: what other nodes write is noticed later");
            });
            let telling = Arc::clone(&among);
            self.upkeep(async move { telling.publish(bus.as_ref()).await });
        }
        self.upkeep(look(among, weak));
    }

    /// Says to the other nodes that the list of people shows something else.
    pub fn note_people(&self) {
        if let Some(among) = &self.inner.among {
            among.tell_people();
        }
    }

    /// Says to the other nodes that a push subscription was put or removed.
    pub fn note_pushes(&self) {
        if let Some(among) = &self.inner.among {
            among.say(|hints| hints.pushes = true);
        }
    }

    /// Changes whenever another node says that a push subscription was put or removed. `None` where this node is alone.
    pub fn push_changes(&self) -> Option<watch::Receiver<u64>> {
        let among = self.inner.among.as_ref();
        among.map(|among| among.pushes.subscribe())
    }

    /// Changes whenever the list of people shows something else because of other nodes. `None` where this node is alone.
    pub fn people_changes(&self) -> Option<watch::Receiver<u64>> {
        let among = self.inner.among.as_ref();
        among.map(|among| among.people_shown.subscribe())
    }
}

/// Looks at the ends of the logs that are followed here, now and then, and when hints were lost.
async fn look(among: Arc<Among>, weak: Weak<Inner>) {
    let every = among.others.look_every;
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = among.look.notified() => {}
        }
        let Some(engine) = weak.upgrade().map(Engine::of) else {
            return;
        };
        let followed = engine.inner.hub.followed();
        if followed.is_empty() {
            continue;
        }
        let asked = followed.clone();
        // What could not be read was logged, and is read at the next look.
        let Ok(heads) = engine.read(move |reader| reader.heads(&asked)).await else {
            continue;
        };
        let found: BTreeSet<_> = followed.into_iter().zip(heads).collect();
        let missed = found
            .into_iter()
            .filter(|(no, head)| engine.inner.hub.found(*no, *head))
            .count();
        counter!("crewline_hints_repaired_total").increment(missed as u64);
    }
}
