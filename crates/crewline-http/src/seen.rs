//! When devices and tokens were last used, to the minute: collected in memory, and noted in the store together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crewline_api::Timestamp;
use crewline_core::{Credential, CredentialSource, DeviceNo, Seen};
use tokio::time::Instant;

use crate::app::Edge;

/// Least time between two notes in the store. (Each device is noted at most once in a minute.)
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// What was seen and not yet noted. At most one for each device.
#[derive(Default)]
pub(crate) struct Sightings {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: HashMap<DeviceNo, Seen>,
    /// Whether a task will note them.
    awaited: bool,
    noted_at: Option<Instant>,
}

impl Sightings {
    /// Notes that a credential was used. The first sighting is noted at once, later ones together.
    pub(crate) fn note(&self, edge: &Edge, credential: &Credential, at: Timestamp) {
        let token = match credential.source {
            CredentialSource::Token(token) => Some(token),
            CredentialSource::Session(_) => None,
        };
        let seen = Seen {
            device: credential.device,
            token,
            at,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.insert(seen.device, seen);
        if !state.awaited {
            state.awaited = true;
            let due = state
                .noted_at
                .map_or_else(Instant::now, |last| last + NOTE_EVERY);
            let edge = edge.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = edge.stopping.cancelled() => {}
                }
                edge.seen.flush(&edge).await;
            });
        }
    }

    /// Notes in the store what was seen and is not noted yet.
    pub(crate) async fn flush(&self, edge: &Edge) {
        let seen: Vec<Seen> = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.awaited = false;
            state.noted_at = Some(Instant::now());
            std::mem::take(&mut state.seen).into_values().collect()
        };
        if seen.is_empty() {
            return;
        }
        // When it fails, the next use is noted; nobody waits for this.
        match edge
            .engine
            .directory(move |directory, _| directory.note_seen(&seen))
            .await
        {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "it could not be noted which devices were seen");
            }
            Err(error) => tracing::debug!(%error, "it was not noted which devices were seen"),
        }
    }
}
