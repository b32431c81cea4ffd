//! Whether the store takes writes, as far as the engine knows: what failed last, and whether the writer has been at one thing
//! for too long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crewline_api::{ApiError, ErrorCode};
use crewline_core::StoreError;
use tokio::sync::Notify;

use crate::Engine;

/// After this long at one thing the writer is believed to wait for a store that is away: a database that does not say what became
/// of a commit, a network in which nothing passes, a disk that hangs. Waiting for a turn behind a server that was paused takes
/// three seconds.
const STALLED: Duration = Duration::from_secs(5);

/// How often it is looked whether commands wait behind a writer that waits for the store.
const LOOK_FOR_STALL: Duration = Duration::from_secs(1);

/// Whether the store takes writes.
#[derive(Default)]
pub(crate) struct Health {
    trouble: Mutex<Option<ApiError>>,
    /// Since when the writer has been at what it does.
    at_work: Mutex<Option<Instant>>,
    lost: AtomicBool,
    /// What was said of it.
    loss: Mutex<Option<String>>,
    was_lost: Notify,
}

/// What is answered while the store does not take writes.
pub(crate) fn unavailable() -> ApiError {
    ApiError::new(
        ErrorCode::StorageUnavailable,
        "The store does not take writes; nothing was stored. Try again later.",
    )
}

impl Health {
    /// Notes the trouble, or that there is none; returns whether that is news.
    pub(crate) fn set(&self, trouble: Option<ApiError>) -> bool {
        let mut kept = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *kept != trouble;
        *kept = trouble;
        news
    }

    /// What a command would be answered now.
    pub(crate) fn ready(&self) -> Result<(), ApiError> {
        if self.is_lost() {
            return Err(ApiError::new(
                ErrorCode::StorageUnavailable,
                "The store is lost; the server stops.",
            ));
        }
        self.not_stalled()?;
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().map_or(Ok(()), Err)
    }

    /// Whether nothing is known to have failed.
    pub(crate) fn is_ready(&self) -> bool {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.is_none() && !self.is_lost()
    }

    /// The writer begins something, or has ended it.
    pub(crate) fn works(&self, at_work: bool) {
        let mut since = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        *since = at_work.then(Instant::now);
    }

    /// Refuses where the writer has been at one thing for too long: what would be put behind it now would wait for as long.
    pub(crate) fn not_stalled(&self) -> Result<(), ApiError> {
        let since = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        match *since {
            Some(since) if since.elapsed() > STALLED => Err(unavailable()),
            _ => Ok(()),
        }
    }

    /// Says that the store is lost; returns whether that is news.
    pub(crate) fn lose(&self, why: &StoreError) -> bool {
        self.loss
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| why.to_string());
        let news = !self.lost.swap(true, Ordering::AcqRel);
        self.was_lost.notify_waiters();
        news
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

impl Engine {
    /// Whether the store takes writes, as far as is known.
    ///
    /// # Errors
    /// What a command would be answered now.
    pub fn ready(&self) -> Result<(), ApiError> {
        self.inner.health.ready()
    }

    /// Returns when it is not known any more whether what was written is durable (a failed fsync), or the logs of the store do not
    /// go on as they were (a standby without what was answered has taken over): the process must end.
    pub async fn lost(&self) {
        let lost = self.inner.health.was_lost.notified();
        if !self.inner.health.is_lost() {
            lost.await;
        }
    }

    /// What was said of it, where that is so.
    pub fn loss(&self) -> Option<String> {
        let loss = self.inner.health.loss.lock();
        loss.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refuses what waits behind a writer that waits for the store, so that it can go to another node: none of it was begun.
    pub(crate) fn refuse_behind_a_stall(&self) {
        if self.inner.gate.is_some() {
            return;
        }
        let (health, queue) = (
            Arc::clone(&self.inner.health),
            Arc::clone(&self.inner.queue),
        );
        self.upkeep(async move {
            let mut every = tokio::time::interval(LOOK_FOR_STALL);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                if let Err(why) = health.not_stalled() {
                    queue.refuse(&why);
                }
            }
        });
    }
}
