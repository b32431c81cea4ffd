//! Open sessions and streams: who holds one, and that it ends when its credential does, when its reader watches that log
//! no more, or when the server stops.
//!
//! When the directory changes, one sweep looks at the credentials and watchers of all that are open, in a few readings. So
//! nothing that is open has to wake for each change.
//!
//! **Invariant:** nothing stays open for longer than a second after its credential, or its watching, ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crewline_api::Timestamp;
use crewline_core::{CredentialSource, ParticipantNo, Reader, Scope, SecretHash, StoreError};
use crewline_engine::Engine;
use tokio::sync::{oneshot, watch};

use crate::acting::{Access, Owner};
use crate::app::{Edge, Shared};
use crate::auth::Caller;

/// How many credentials one reading looks at, so that others read between.
const LOOKED_AT_ONCE: usize = 500;
/// After a reading that failed, the next one.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Why something open must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its credential ended: revoked, signed out, disabled.
    Revoked,
    /// Who reads there does not watch that log any more.
    Unwatched,
    /// The server stops.
    Stopping,
}

struct Open {
    caller: Caller,
    /// Where the log of another is read: who watches, and whom.
    watching: Option<(ParticipantNo, ParticipantNo)>,
    /// Whose own log is read.
    own: Option<ParticipantNo>,
    end: oneshot::Sender<End>,
    kind: &'static str,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    /// How many of them read the log of their own participant: who has one is there.
    followed: HashMap<ParticipantNo, usize>,
    stopping: bool,
}

impl State {
    /// One more, or one less, reads the own log; says whether somebody came or went by it.
    fn count(&mut self, own: ParticipantNo, more: bool) -> bool {
        let count = self.followed.entry(own).or_default();
        if more {
            *count += 1;
            return *count == 1;
        }
        *count = count.saturating_sub(1);
        let gone = *count == 0;
        if gone {
            self.followed.remove(&own);
        }
        gone
    }
}

/// Everything that is open.
pub(crate) struct Live {
    /// Who tells other nodes.
    engine: Engine,
    state: Mutex<State>,
    /// Grows whenever somebody comes or goes, and with what else the list of people shows.
    version: watch::Sender<u64>,
}

impl Live {
    /// With nothing open. Versions begin with the time, so that one of a server before this one is never taken for news.
    pub(crate) fn new(engine: Engine, now: Timestamp) -> Self {
        Self {
            engine,
            state: Mutex::default(),
            version: watch::Sender::new(now.as_millis() as u64),
        }
    }

    /// Whether somebody follows the own log now.
    pub(crate) fn is_followed(&self, no: ParticipantNo) -> bool {
        self.lock().followed.contains_key(&no)
    }

    /// The version of who is there.
    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// The versions to come.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Something changed here that the list of people shows.
    pub(crate) fn note_change(&self) {
        self.show_change();
        self.engine.note_people();
    }

    fn show_change(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// One more, or one less, reads the own log. Others are told while the state is held, so that they hear of it in order.
    fn note_follows(&self, state: &mut State, own: Option<ParticipantNo>, more: bool) {
        if let Some(own) = own
            && state.count(own, more)
        {
            self.show_change();
            self.engine.note_present(own, more);
        }
    }

    fn remove(&self, key: u64) -> Option<Open> {
        let mut state = self.lock();
        let open = state.open.remove(&key)?;
        self.note_follows(&mut state, open.own, false);
        Some(open)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends everything that is open, and what opens from now on.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        for (_, open) in state.open.drain() {
            // Whoever does not listen any more has ended.
            let _ = open.end.send(End::Stopping);
        }
    }

    /// How many of a kind are open.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        let state = self.lock();
        state.open.values().filter(|open| open.kind == kind).count() as u64
    }

    fn end(&self, ended: &[(u64, End)]) {
        for (key, why) in ended {
            if let Some(open) = self.remove(*key) {
                let _ = open.end.send(*why);
            }
        }
    }

    /// What is open, and what it rests on.
    fn look(&self) -> Vec<Looked> {
        let state = self.lock();
        let open = state.open.iter();
        open.map(|(key, open)| Looked {
            key: *key,
            secret: open.caller.secret(),
            source: open.caller.credential().source,
            watching: open.watching,
        })
        .collect()
    }
}

/// Something open, and what it rests on.
#[derive(Debug, Clone, Copy)]
struct Looked {
    key: u64,
    /// The secret that it was opened by.
    secret: SecretHash,
    source: CredentialSource,
    watching: Option<(ParticipantNo, ParticipantNo)>,
}

/// That something is open; dropping it says that it has ended.
pub(crate) struct Entered {
    /// Says when it must end, and why.
    pub(crate) end: oneshot::Receiver<End>,
    key: u64,
    edge: Edge,
    kind: &'static str,
}

impl Entered {
    /// Registers what a caller opened. Then the credential must be looked at once more: it may have ended between the
    /// request and now. `kind` is what the figures call it.
    pub(crate) fn new(edge: &Edge, caller: &Caller, kind: &'static str) -> Self {
        let (sender, end) = oneshot::channel();
        let mut state = edge.live.lock();
        let key = state.next;
        state.next += 1;
        if state.stopping {
            let _ = sender.send(End::Stopping);
        } else {
            let caller = caller.clone();
            let open = Open {
                caller,
                watching: None,
                own: None,
                end: sender,
                kind,
            };
            state.open.insert(key, open);
        }
        drop(state);
        metrics::gauge!("crewline_sessions", "kind" => kind).increment(1.0);
        let edge = edge.clone();
        Self {
            end,
            key,
            edge,
            kind,
        }
    }
}

impl Entered {
    /// Says whose log is read, once that is known: it ends, too, when the caller watches that log no more. Then that must
    /// be looked at once more, as the credential.
    pub(crate) fn watches(&self, caller: &Caller, owner: &Owner) {
        let mut state = self.edge.live.lock();
        let Some(open) = state.open.get_mut(&self.key) else {
            return;
        };
        match (&owner.access, &caller.credential().scope) {
            (Access::Watched, Scope::User { no, .. }) => open.watching = Some((*no, owner.no)),
            (Access::Own(_), _) if open.own.is_none() => {
                open.own = Some(owner.no);
                self.edge
                    .live
                    .note_follows(&mut state, Some(owner.no), true);
            }
            _ => {}
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.edge.live.remove(self.key);
        metrics::gauge!("crewline_sessions", "kind" => self.kind).decrement(1.0);
    }
}

/// Shows what other nodes say that changed, for as long as the edge lives.
pub(crate) fn heed_others(shared: Weak<Shared>, mut others: watch::Receiver<u64>) {
    tokio::spawn(async move {
        while others.changed().await.is_ok() {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            shared.live.show_change();
        }
    });
}

/// Looks at everything that is open whenever the directory changed, for as long as the edge lives.
pub(crate) fn sweep(shared: Weak<Shared>, mut changes: watch::Receiver<u64>) {
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            loop {
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                if look(&shared).await {
                    break;
                }
                drop(shared);
                // What cannot be found out now is found out later; nothing is closed for the store's trouble.
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    });
}

/// Ends what may not go on; says whether all of it could be looked at.
async fn look(shared: &Arc<Shared>) -> bool {
    let now = shared.engine.now();
    let open = shared.live.look();
    for part in open.chunks(LOOKED_AT_ONCE) {
        let part = part.to_vec();
        let ended = shared.engine.read(move |reader| ended(reader, &part, now));
        match ended.await {
            Ok(ended) => shared.live.end(&ended),
            Err(_) => return false,
        }
    }
    true
}

/// Of what is open, that which may not go on, and why.
fn ended(
    reader: &dyn Reader,
    open: &[Looked],
    now: Timestamp,
) -> Result<Vec<(u64, End)>, StoreError> {
    // One token may hold a thousand sessions, and one user watch in a thousand of them.
    let mut known: HashMap<SecretHash, Option<CredentialSource>> = HashMap::new();
    let mut watching: HashMap<(ParticipantNo, ParticipantNo), bool> = HashMap::new();
    let mut ended = Vec::new();
    for one in open {
        let stands = if let Some(stands) = known.get(&one.secret) {
            *stands
        } else {
            let credential = reader.credential(&one.secret, now)?;
            let stands = credential.map(|credential| credential.source);
            known.insert(one.secret, stands);
            stands
        };
        if stands != Some(one.source) {
            ended.push((one.key, End::Revoked));
            continue;
        }
        let Some((user, participant)) = one.watching else {
            continue;
        };
        let still = if let Some(still) = watching.get(&(user, participant)) {
            *still
        } else {
            let still = reader.watches(user, participant)?;
            watching.insert((user, participant), still);
            still
        };
        if !still {
            ended.push((one.key, End::Unwatched));
        }
    }
    Ok(ended)
}
