//! Events that have come and were not taken yet: between the task that reads the socket and the one who listens.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{Error, RawEvent};

/// Bytes of events that may wait. One frame may come on top of it.
pub(super) const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Events that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    inner: Mutex<Inner>,
    /// Something came, or the session has ended.
    arrived: Notify,
    /// Something was taken.
    room: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: Vec<RawEvent>,
    bytes: usize,
    /// Nobody will take any.
    abandoned: bool,
    ended: Option<Error>,
}

impl Buffer {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked with the lock held left whole events behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events.
    pub(super) fn push(&self, events: Vec<RawEvent>) {
        let mut inner = self.inner();
        if inner.abandoned {
            return;
        }
        inner.bytes += events.iter().map(|event| event.json().len()).sum::<usize>();
        inner.events.extend(events);
        drop(inner);
        self.arrived.notify_one();
    }

    /// Whether no more should come for now.
    pub(super) fn is_full(&self) -> bool {
        self.inner().bytes >= BYTES_MAX
    }

    /// Waits until something was taken.
    pub(super) async fn room(&self) {
        self.room.notified().await;
    }

    /// Takes all events that have come, and waits for the first where there is none. What was taken is never given out
    /// again; a wait that is dropped has taken nothing.
    ///
    /// # Errors
    /// The end of the session, when all events before it were taken.
    pub(super) async fn take(&self) -> Result<Vec<RawEvent>, Error> {
        loop {
            {
                let mut inner = self.inner();
                if !inner.events.is_empty() {
                    inner.bytes = 0;
                    let events = std::mem::take(&mut inner.events);
                    drop(inner);
                    self.room.notify_one();
                    return Ok(events);
                }
                if let Some(error) = &inner.ended {
                    return Err(error.clone());
                }
            }
            // One who listens, and a permit that is kept: what comes in between is not missed.
            self.arrived.notified().await;
        }
    }

    /// Nobody will take events any more.
    pub(super) fn abandon(&self) {
        let mut inner = self.inner();
        inner.abandoned = true;
        inner.events = Vec::new();
        inner.bytes = 0;
        drop(inner);
        self.room.notify_one();
    }

    /// The session has ended, and why.
    pub(super) fn end(&self, error: Error) {
        self.inner().ended.get_or_insert(error);
        self.arrived.notify_one();
    }

    /// Why the session has ended, where it has.
    pub(super) fn ended(&self) -> Option<Error> {
        self.inner().ended.clone()
    }
}
