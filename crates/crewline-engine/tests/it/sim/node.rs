//! The nodes of a simulation: each runs, is paused, or is killed and begins anew.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crewline_api::{GroupId, Timestamp};
use crewline_core::{GroupRow, MemoryStore};
use crewline_engine::{Clock, Engine, Fate, Gate, Others};
use crewline_testkit::Random;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::bus::LossyBus;
use crate::options;

/// How long a node is believed to be there.
pub(super) const LIFE: Duration = Duration::from_secs(2);
/// How often it looks for what was not said.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The lease of what is done here on time.
const ON_TIME: &str = "on-time";
/// How often that is.
const EVERY: Duration = Duration::from_millis(250);

/// A clock that goes with the runtime's.
pub(super) struct SimClock {
    begun: Instant,
    draws: AtomicU64,
}

impl SimClock {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            begun: Instant::now(),
            draws: AtomicU64::new(seed << 20),
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + self.begun.elapsed().as_millis() as i64)
    }

    fn random(&self) -> u64 {
        Random::new(self.draws.fetch_add(1, Ordering::SeqCst)).bits()
    }
}

/// A node as those who call it have it.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) engine: Engine,
    pub(super) gate: Gate,
}

pub(super) struct Node {
    pub(super) bus: LossyBus,
    store: MemoryStore,
    clock: Arc<SimClock>,
    running: Mutex<(watch::Sender<Fate>, Handle)>,
    /// Acts that were done on time, by their number.
    done: Arc<Mutex<Vec<u64>>>,
}

impl Node {
    pub(super) fn start(
        store: &MemoryStore,
        bus: LossyBus,
        clock: &Arc<SimClock>,
        done: &Arc<Mutex<Vec<u64>>>,
    ) -> Self {
        let running = begin(store, &bus, clock, done);
        Self {
            bus,
            store: store.clone(),
            clock: Arc::clone(clock),
            running: Mutex::new(running),
            done: Arc::clone(done),
        }
    }

    pub(super) fn handle(&self) -> Handle {
        self.running.lock().unwrap().1.clone()
    }

    /// Moves its gate; says whether it is alive.
    pub(super) fn fate(&self, fate: Fate) -> bool {
        let running = self.running.lock().unwrap();
        // Nobody rises again.
        running.0.send_if_modified(|is| {
            let changes = *is != Fate::Killed;
            if changes {
                *is = fate;
            }
            changes
        })
    }

    /// Kills it; it begins anew after a while.
    pub(super) async fn kill(&self, away: Duration) {
        if !self.fate(Fate::Killed) {
            return;
        }
        sleep(away).await;
        let anew = begin(&self.store, &self.bus, &self.clock, &self.done);
        *self.running.lock().unwrap() = anew;
    }
}

fn begin(
    store: &MemoryStore,
    bus: &LossyBus,
    clock: &Arc<SimClock>,
    done: &Arc<Mutex<Vec<u64>>>,
) -> (watch::Sender<Fate>, Handle) {
    let (fate, gate) = Gate::new();
    let others = Others {
        bus: Some(Arc::new(bus.clone())),
        look_every: LOOK_EVERY,
        life: LIFE,
    };
    let engine = Engine::start_simulated(
        gate.clone(),
        others,
        store.open(),
        options(),
        Arc::clone(clock) as Arc<dyn Clock>,
    );
    let engine = engine.unwrap();
    let (handle, work) = (
        Handle {
            engine: engine.clone(),
            gate: gate.clone(),
        },
        act_on_time(engine, Arc::clone(done)),
    );
    tokio::spawn(async move { gate.through(work).await });
    (fate, handle)
}

/// Does one numbered thing after the other, each once: of all nodes the one that holds the lease. What is done has no protection
/// of its own but the lease: a group of that number is put, and would be put again as well.
async fn act_on_time(engine: Engine, done: Arc<Mutex<Vec<u64>>>) {
    let mut lease = engine.lease(ON_TIME);
    loop {
        let held = lease.taken().await;
        let engine = engine.under(&held);
        // Whoever takes over looks how far the one before came.
        let Ok(page) = engine.read(|reader| reader.groups(None, 1_000)).await else {
            continue;
        };
        let ids = page.groups.iter().map(|group| group.group_id.as_str());
        let numbers = ids.filter_map(|id| id.strip_prefix("act-")?.parse().ok());
        let mut last = numbers.max().unwrap_or(0);
        while held.stands() {
            let next = last + 1;
            // Between looking and doing anything may happen: another one may have done it.
            sleep(EVERY).await;
            let group = GroupRow {
                id: GroupId::new(format!("act-{next:06}")).unwrap(),
                name: "done".to_owned(),
                members: Vec::new(),
            };
            let put = engine.directory(move |directory, now| directory.put_groups(&[group], now));
            // Else it is superseded, or there is no room. One that is there already is in the list twice then.
            if let Ok(Ok(_)) = put.await {
                done.lock().unwrap().push(next);
                last = next;
            }
        }
    }
}
