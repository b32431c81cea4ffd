//! The day itself: everybody comes on, the script is played, and at the end all is calm until nothing is missing any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cast::Who;
use crate::person::{Order, Person};
use crate::scada;
use crate::script::{Act, Script};
use crate::stage::Stage;
use crate::world::World;

/// Orders that wait for one player; then the script waits.
const ORDERS: usize = 1_024;
/// How long everything may take to arrive when the storm is over: a device notices a dead connection, and comes back.
const CALM: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How far the day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Playing,
    /// No more trouble, and nothing new.
    Settling,
    Over,
}

/// Everybody, on the stage.
pub(crate) struct Day {
    world: Arc<World>,
    scada: mpsc::Sender<scada::Order>,
    people: Vec<mpsc::Sender<Order>>,
    tasks: Vec<JoinHandle<()>>,
    first: Who,
}

impl Day {
    /// Signs everybody in.
    pub(crate) async fn begin(world: &Arc<World>, stage: &Stage) -> Result<Self, String> {
        let (scada, orders) = mpsc::channel(ORDERS);
        let mut tasks = Vec::new();
        let (over, token) = (Arc::clone(world), stage.token.clone());
        tasks.push(tokio::spawn(async move {
            if let Err(fault) = scada::play(Arc::clone(&over), token, orders).await {
                over.ledger().refused(fault);
            }
        }));
        // Two at a time: the server hashes passwords on as many cores as there are.
        let mut people = Vec::new();
        let all: Vec<_> = world.cast.people().collect();
        for pair in all.chunks(2) {
            let signing = pair.iter().map(|who| {
                let password = stage.passwords[usize::from(*who)].clone();
                Person::sign_in(*who, Arc::clone(world), password)
            });
            for person in futures_util::future::try_join_all(signing).await? {
                let (sender, orders) = mpsc::channel(ORDERS);
                tasks.push(tokio::spawn(person.play(orders)));
                people.push(sender);
            }
        }
        let first = all.first().copied().unwrap_or_default();
        Ok(Self {
            world: Arc::clone(world),
            scada,
            people,
            tasks,
            first,
        })
    }

    /// Plays the script, until it is over or `stop` says so.
    pub(crate) async fn play(&self, script: &Script, stop: &mut watch::Receiver<bool>) {
        let clock = &self.world.clock;
        let playing = async {
            for minute in 0u32.. {
                let from_s = f64::from(minute) * 60.0;
                if from_s >= script.length_s {
                    break;
                }
                for step in script.minute(u64::from(minute)) {
                    sleep_until(clock.at(step.at_s)).await;
                    self.give(step.act).await;
                }
            }
            sleep_until(clock.at(script.length_s)).await;
        };
        tokio::select! {
            () = playing => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn give(&self, act: Act) {
        match act {
            Act::Send { to, priority, text } => {
                // Whoever has ended has said why in the ledger.
                let _ = self.scada.send(scada::Order { to, priority, text }).await;
            }
            Act::Call {
                desk,
                to,
                priority,
                text,
            } => self.order(desk, Order::Call { to, priority, text }).await,
            Act::Sos { crew } => self.order(crew, Order::Sos).await,
            Act::Fail {
                crew,
                trouble,
                for_s,
                late_ms,
            } => {
                self.order(
                    crew,
                    Order::Fail {
                        trouble,
                        for_s,
                        late_ms,
                    },
                )
                .await;
            }
        }
    }

    async fn order(&self, who: Who, order: Order) {
        if let Some(sender) = self.people.get(usize::from(who - self.first)) {
            let _ = sender.send(order).await;
        }
    }

    /// No more trouble: waits until nothing is missing, or for as long as one may.
    pub(crate) async fn settle(&self) {
        for sender in &self.people {
            let _ = sender.send(Order::Finish).await;
        }
        let until = Instant::now() + CALM;
        let mut calm = 0;
        while Instant::now() < until && calm < 3 {
            sleep(LOOK_EVERY).await;
            let is_calm = self.world.is_idle() && self.world.ledger().is_settled();
            calm = if is_calm { calm + 1 } else { 0 };
        }
    }

    /// Everybody goes home.
    pub(crate) fn end(self) {
        for task in self.tasks {
            task.abort();
        }
    }
}
