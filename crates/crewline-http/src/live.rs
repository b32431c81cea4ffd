//! Open sessions and streams: who holds one, and that it ends when its credential does, or when the server stops.
//!
//! When the directory changes, one sweep looks at the credentials of all that are open, in a few readings. So nothing
//! that is open has to wake for each change: a thousand people who sign in cost the others nothing.
//!
//! **Invariant:** nothing stays open for longer than a second after its credential ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crewline_api::Timestamp;
use crewline_core::{CredentialSource, Reader, SecretHash, StoreError};
use tokio::sync::{oneshot, watch};

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
    /// The server stops.
    Stopping,
}

struct Open {
    caller: Caller,
    end: oneshot::Sender<End>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    stopping: bool,
}

/// Everything that is open.
#[derive(Default)]
pub(crate) struct Live {
    state: Mutex<State>,
}

impl Live {
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

    fn end(&self, ended: &[u64]) {
        let mut state = self.lock();
        for key in ended {
            if let Some(open) = state.open.remove(key) {
                let _ = open.end.send(End::Revoked);
            }
        }
    }

    /// What is open, with the secret that it was opened by.
    fn look(&self) -> Vec<(u64, SecretHash, CredentialSource)> {
        let state = self.lock();
        let open = state.open.iter();
        open.map(|(key, open)| {
            let source = open.caller.credential().source;
            (*key, open.caller.secret(), source)
        })
        .collect()
    }
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
                end: sender,
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

impl Drop for Entered {
    fn drop(&mut self) {
        self.edge.live.lock().open.remove(&self.key);
        metrics::gauge!("crewline_sessions", "kind" => self.kind).decrement(1.0);
    }
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

/// Of what is open, that whose credential has ended.
fn ended(
    reader: &dyn Reader,
    open: &[(u64, SecretHash, CredentialSource)],
    now: Timestamp,
) -> Result<Vec<u64>, StoreError> {
    // One token may hold a thousand sessions.
    let mut known: HashMap<SecretHash, Option<CredentialSource>> = HashMap::new();
    let mut ended = Vec::new();
    for (key, secret, source) in open {
        let stands = if let Some(stands) = known.get(secret) {
            *stands
        } else {
            let credential = reader.credential(secret, now)?;
            let stands = credential.map(|credential| credential.source);
            known.insert(*secret, stands);
            stands
        };
        if stands != Some(*source) {
            ended.push(*key);
        }
    }
    Ok(ended)
}
