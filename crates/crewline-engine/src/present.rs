//! Who is there, at whichever node: the edge of each node says who follows the own log there, and the store tells the others.
//!
//! What is said is collected for a moment and written together. It counts for the life of the node, which says it again in
//! time; and where somebody came or went the others are told to look. A node that is alone says nothing to anybody.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crewline_core::{ParticipantNo, PresentAt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, warn};

use crate::Engine;
use crate::engine::Inner;

/// Least time between two notes in the store, and between two looks at it.
const REST: Duration = Duration::from_millis(100);

#[derive(Default)]
struct State {
    /// Everybody who is here.
    here: BTreeSet<ParticipantNo>,
    /// Who came or went since the store was told: `true`, who came.
    news: HashMap<ParticipantNo, bool>,
    /// Who is at other nodes.
    elsewhere: HashSet<ParticipantNo>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Presence {
    state: Mutex<State>,
    changed: Notify,
}

impl Presence {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, no: ParticipantNo, is_here: bool) {
        let mut state = self.lock();
        let known = if is_here {
            !state.here.insert(no)
        } else {
            !state.here.remove(&no)
        };
        if !known {
            state.news.insert(no, is_here);
            drop(state);
            self.changed.notify_one();
        }
    }
}

impl Engine {
    /// Says to the other nodes that somebody follows the own log here, or not any more.
    pub fn note_present(&self, no: ParticipantNo, is_here: bool) {
        if self.inner.among.is_some() {
            self.inner.presence.note(no, is_here);
        }
    }

    /// Whether somebody follows the own log at another node, as far as is known.
    pub fn is_present_elsewhere(&self, no: ParticipantNo) -> bool {
        self.inner.among.is_some() && self.inner.presence.lock().elsewhere.contains(&no)
    }

    /// Says who is here, and looks who is elsewhere, for as long as the engine lives.
    pub(crate) fn keep_present(&self) {
        let Some(among) = self.inner.among.clone() else {
            return;
        };
        let (presence, weak) = (
            Arc::clone(&self.inner.presence),
            Arc::downgrade(&self.inner),
        );
        let life = among.others.life;
        self.upkeep(tell(Arc::clone(&presence), weak.clone(), life));
        let every = among.others.look_every;
        let mut said = among.people.subscribe();
        self.upkeep(async move {
            loop {
                if look(&presence, &weak).await {
                    among.people_shown.send_modify(|version| *version += 1);
                }
                sleep(REST).await;
                let next = Instant::now() + every;
                // Also when nobody said anything: a node may be gone, or its word lost.
                if matches!(timeout_at(next, said.changed()).await, Ok(Err(_))) {
                    return;
                }
            }
        });
    }

    /// Says that this node leaves.
    pub(crate) async fn leave(&self) {
        if self.inner.among.is_none() {
            return;
        }
        let (node, now) = (self.inner.leases.node, self.now());
        let left = self.note(move |nodes| {
            nodes.note_present(&PresentAt {
                node,
                now,
                life: Duration::ZERO,
                afresh: false,
                came: &[],
                gone: &[],
            })
        });
        match left.await {
            Ok(Ok(_)) => self.note_people(),
            Ok(Err(error)) => debug!(%error, "it could not be noted that this node leaves"),
            Err(error) => debug!(%error, "it could not be noted that this node leaves"),
        }
    }
}

/// Who came and who went since this was last asked; everybody, where it is to be said afresh.
fn take_news(state: &mut State, afresh: bool) -> (Vec<ParticipantNo>, Vec<ParticipantNo>) {
    let news = take(&mut state.news);
    if afresh {
        return (state.here.iter().copied().collect(), Vec::new());
    }
    let of = |here: bool| news.iter().filter(move |(_, is_here)| **is_here == here);
    let nos = |here: bool| of(here).map(|(no, _)| *no).collect();
    (nos(true), nos(false))
}

/// Tells the store who is here: at once where somebody came or went, and a third of the life apart.
async fn tell(presence: Arc<Presence>, weak: Weak<Inner>, life: Duration) {
    let mut afresh = true;
    loop {
        let (came, gone) = take_news(&mut presence.lock(), afresh);
        let is_news = afresh || !came.is_empty() || !gone.is_empty();
        let Some(engine) = weak.upgrade().map(Engine::of) else {
            return;
        };
        let (node, now) = (engine.inner.leases.node, engine.now());
        let noted = engine.note(move |nodes| {
            nodes.note_present(&PresentAt {
                node,
                now,
                life,
                afresh,
                came: &came,
                gone: &gone,
            })
        });
        match noted.await {
            Ok(Ok(known)) => {
                afresh = !known;
                if is_news {
                    engine.note_people();
                }
            }
            Ok(Err(error)) => {
                // What was to be said is said with everything.
                warn!(%error, "it could not be noted who is here; it is tried again");
                afresh = true;
            }
            Err(_) => afresh = true,
        }
        drop(engine);
        sleep(REST).await;
        if !afresh {
            // It may be that nobody comes or goes for as long.
            let _ = timeout_at(Instant::now() + life / 3, presence.changed.notified()).await;
        }
    }
}

/// Looks who is elsewhere; says whether that is news.
async fn look(presence: &Presence, weak: &Weak<Inner>) -> bool {
    let Some(engine) = weak.upgrade().map(Engine::of) else {
        return false;
    };
    let (node, now) = (engine.inner.leases.node, engine.now());
    // What could not be read was logged, and is read at the next look.
    let Ok(found) = engine
        .read(move |reader| reader.present_elsewhere(node, now))
        .await
    else {
        return false;
    };
    let found: HashSet<_> = found.into_iter().collect();
    let mut state = presence.lock();
    let news = state.elsewhere != found;
    state.elsewhere = found;
    news
}
