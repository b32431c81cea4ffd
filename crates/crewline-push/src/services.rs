//! Push services: how many pushes go to each at once, and which of them do not answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{info, warn};

/// Pushes to one service at once; the rest waits for that service alone.
const AT_ONCE: usize = 32;
/// A service that takes some pushes and others not must not fill the log.
const TOLD_EVERY: Duration = Duration::from_hours(1);

/// How a service does.
#[derive(Default)]
struct Known {
    failing: bool,
    /// When the log was last told that it fails.
    told: Option<Instant>,
    /// Whether that was the last thing that the log was told.
    open: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Services {
    places: Mutex<HashMap<String, Weak<Semaphore>>>,
    known: Mutex<BTreeMap<String, Known>>,
}

impl Services {
    /// A place for a push to a service. `None` cannot be: the semaphore is never closed.
    pub(crate) async fn place(&self, authority: &str) -> Option<OwnedSemaphorePermit> {
        let semaphore = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = places.get(authority).and_then(Weak::upgrade) {
                known
            } else {
                // There are no more than services that are pushed to at this moment.
                places.retain(|_, known| known.strong_count() > 0);
                let new = Arc::new(Semaphore::new(AT_ONCE));
                places.insert(authority.to_owned(), Arc::downgrade(&new));
                new
            }
        };
        semaphore.acquire_owned().await.ok()
    }

    /// Notes whether a service takes pushes. The log is told once, not for each push.
    pub(crate) fn note(&self, host: &str, trouble: Option<&str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let one = known.entry(host.to_owned()).or_default();
        one.failing = trouble.is_some();
        let is_time = one.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        match trouble {
            Some(error) if is_time && !one.open => {
                (one.told, one.open) = (Some(Instant::now()), true);
                warn!(
                    host,
                    error,
                    "a push service takes no pushes: devices whose app is closed are not woken by it; it is tried again"
                );
            }
            None if one.open => {
                one.open = false;
                info!(host, "a push service takes pushes again");
            }
            _ => {}
        }
        count(&known);
    }

    /// Forgets services that nobody has a subscription at any more.
    pub(crate) fn keep(&self, hosts: &BTreeSet<&str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|host, _| hosts.contains(host.as_str()));
        count(&known);
    }
}

fn count(known: &BTreeMap<String, Known>) {
    let failing = known.values().filter(|one| one.failing).count();
    gauge!("crewline_push_services_failing").set(failing as f64);
}
