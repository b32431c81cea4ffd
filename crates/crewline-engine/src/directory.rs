//! Acts on the directory, and noticing those of others.

use std::sync::Arc;
use std::time::Duration;

use crewline_api::{ApiError, Timestamp};
use crewline_core::node::AUDIT;
use crewline_core::{Directory, DirectoryError, Nodes, Writer};
use tokio::sync::{oneshot, watch};
use tracing::error;

use crate::Engine;
use crate::engine::stopped;
use crate::queue::{Act, Work};

/// How often what is old is looked for in the audit.
const FORGET_EVERY: Duration = Duration::from_mins(10);
/// How many rows of it go at once.
const FORGET_ROWS: usize = 500;
/// For how long others write before more goes.
const FORGET_PAUSE: Duration = Duration::from_millis(50);
/// How often the engine looks whether another process changed the directory. The contract allows a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Engine {
    /// Carries an act on the directory out, between two batches. The outer error is the engine's (503); the inner one
    /// is the directory's own refusal.
    ///
    /// # Errors
    /// Where there is no room, or the server is stopping.
    ///
    /// # Cancellation
    /// An act that was taken is carried out, whether its caller waits or not.
    pub async fn directory<T, F>(&self, act: F) -> Result<Result<T, DirectoryError>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Directory, Timestamp) -> Result<T, DirectoryError> + Send + 'static,
    {
        let fence = self.fence;
        let (now, known) = (self.now(), *self.inner.directory_version.borrow());
        let result = self.act(move |writer| {
            writer.nodes().fence(fence);
            let result = act(writer.directory(), now);
            writer.nodes().fence(None);
            result
        });
        let result = result.await?;
        // Whoever is told that a session was closed may rely on it from now on.
        let version = self.read(|reader| reader.directory_version()).await?;
        note(&self.inner.directory_version, version);
        if let Some(among) = self.inner.among.as_ref().filter(|_| version != known) {
            among.tell_directory();
        }
        Ok(result)
    }

    /// Has the writer do something between two batches.
    pub(crate) async fn act<T, F>(&self, act: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Writer) -> T + Send + 'static,
    {
        self.between_batches(Work::Act, act).await
    }

    /// The same with what this node says of itself.
    pub(crate) async fn note<T, F>(&self, note: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Nodes) -> T + Send + 'static,
    {
        self.between_batches(Work::Note, |writer| note(writer.nodes()))
            .await
    }

    async fn between_batches<T, F>(&self, work: fn(Act) -> Work, act: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Writer) -> T + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let act: Act = Box::new(move |writer: &mut dyn Writer| {
            // Who does not wait any more does not want to know.
            let _ = sender.send(act(writer));
        });
        self.inner.queue.push_act(work(act))?;
        answer.await.map_err(|_| stopped())
    }

    /// Changes whenever a user, a token or a watcher changed, or a session was closed, also by another process (noticed
    /// within half a second): open streams then look again whether they may go on. Signing in does not change it.
    pub fn directory_changes(&self) -> watch::Receiver<u64> {
        self.inner.directory_version.subscribe()
    }

    /// Looks at the directory's version for as long as the engine lives.
    pub(crate) fn watch_directory(&self) {
        let weak = Arc::downgrade(&self.inner);
        let among = self.inner.among.clone();
        let simulated = self.inner.gate.is_some();
        self.upkeep(async move {
            let mut every = tokio::time::interval(LOOK_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let told = async || match &among {
                Some(among) => among.directory.notified().await,
                None => std::future::pending().await,
            };
            loop {
                tokio::select! {
                    _ = every.tick() => {}
                    () = told() => {}
                }
                let Some(inner) = weak.upgrade() else { return };
                let reader = Arc::clone(&inner.reader);
                drop(inner);
                let version = if simulated {
                    Ok(reader.directory_version())
                } else {
                    tokio::task::spawn_blocking(move || reader.directory_version()).await
                };
                let Some(inner) = weak.upgrade() else { return };
                match version {
                    Ok(Ok(version)) => note(&inner.directory_version, version),
                    Ok(Err(error)) => error!(%error, "the directory's version could not be read"),
                    // The runtime is stopping.
                    Err(_) => return,
                }
            }
        });
    }
}

impl Engine {
    /// Removes what is old from the audit, for as long as the engine lives: a few rows at once, so that nobody waits.
    pub(crate) fn forget_audit(&self, keep: Duration) {
        let weak = Arc::downgrade(&self.inner);
        let mut lease = self.lease(AUDIT);
        let forget = async move {
            let mut every = tokio::time::interval(FORGET_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                let held = lease.taken().await;
                while let Some(inner) = weak.upgrade() {
                    if !forget_some(&Engine::of(inner).under(&held), keep).await {
                        break;
                    }
                    tokio::time::sleep(FORGET_PAUSE).await;
                }
            }
        };
        self.upkeep(forget);
    }
}

/// Removes some rows; returns whether there may be more to remove now.
async fn forget_some(engine: &Engine, keep: Duration) -> bool {
    let before = engine.now().minus(keep);
    let forgotten = engine
        .directory(move |directory, _| directory.forget_audit(before, FORGET_ROWS))
        .await;
    match forgotten {
        Ok(Ok(count)) => count == FORGET_ROWS as u64,
        Ok(Err(error)) => {
            error!(%error, "what is old could not be removed from the audit");
            false
        }
        // There is no room now, or the engine stops.
        Err(_) => false,
    }
}

/// Notes a version that was read. Two readings may end in the other order than they began: an older one must not take a
/// newer one back, or whoever remembers what held before it would take it for what holds now.
fn note(sender: &watch::Sender<u64>, version: u64) {
    sender.send_if_modified(|known| {
        let news = version > *known;
        *known = version.max(*known);
        news
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_reading_that_ends_later_takes_nothing_back() {
        let (sender, mut receiver) = watch::channel(7);
        note(&sender, 9);
        assert_eq!(*receiver.borrow_and_update(), 9);
        note(&sender, 8);
        assert!(!receiver.has_changed().unwrap());
        assert_eq!(*receiver.borrow(), 9);
    }
}
