//! The pool of connections that read: made when they are needed, never more than so many.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crewline_core::{MessageBodies, StoreError, StoreErrorKind};

use crate::connect::{Connector, Purpose, Rest};
use crate::error::Fault;
use crate::sql::Sql;

/// What one connection has.
pub(crate) struct Reading {
    pub(crate) sql: Sql,
    /// Bodies of messages that were put together on it before.
    pub(crate) bodies: MessageBodies,
    /// How often texts had been removed then.
    pub(crate) forgotten: u64,
}

#[derive(Default)]
struct State {
    free: Vec<Reading>,
    /// How many there are, free or not.
    made: usize,
    rest: Rest,
}

/// See the module.
pub(crate) struct Pool {
    connector: Connector,
    max: usize,
    patience: Duration,
    state: Mutex<State>,
    /// Told when a connection is free again, or gone.
    returned: Condvar,
}

impl Pool {
    pub(crate) fn new(connector: Connector, max: usize, patience: Duration) -> Self {
        Self {
            connector,
            max: max.max(1),
            patience,
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A list and a count: whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is free, or a new one. Readings are short: who finds none waits, but not for ever.
    pub(crate) fn take(&self, doing: &str) -> Result<Reading, StoreError> {
        let since = Instant::now();
        let mut state = self.lock();
        loop {
            while let Some(reading) = state.free.pop() {
                if !reading.sql.is_closed() {
                    return Ok(reading);
                }
                state.made -= 1;
            }
            if let Some(error) = state.rest.why(&self.connector) {
                return Err(error);
            }
            if state.made < self.max {
                state.made += 1;
                drop(state);
                return self.make();
            }
            let left = self.patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                let place = self.connector.place();
                let what = "all connections are in use";
                return Err(place.explain(StoreErrorKind::Unavailable, doing, &what));
            }
            let waited = self.returned.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn make(&self) -> Result<Reading, StoreError> {
        let before = self.connector.made();
        match self.connector.connect(Purpose::Read) {
            Ok(sql) => Ok(Reading {
                sql,
                bodies: MessageBodies::new(),
                forgotten: 0,
            }),
            Err(error) => {
                let mut state = self.lock();
                state.rest.begin(before, &error);
                state.made -= 1;
                self.returned.notify_all();
                Err(error)
            }
        }
    }

    /// Lets go of all that are free: what ended one of them may have ended them all, and not be noticed yet.
    fn forget_free(&self) {
        let mut state = self.lock();
        state.made -= state.free.len();
        state.free.clear();
        drop(state);
        self.returned.notify_all();
    }

    /// Gives a connection back. One on which something failed is not used again.
    pub(crate) fn give(&self, reading: Reading, failed: bool) {
        let mut state = self.lock();
        if failed || reading.sql.is_closed() {
            state.made -= 1;
        } else {
            reading.sql.end_reading();
            state.free.push(reading);
        }
        drop(state);
        self.returned.notify_one();
    }

    /// Reads one state of the store. A connection that had ended while nobody used it is no reason to fail: it is tried once
    /// more, on a new one.
    pub(crate) fn read<T>(
        &self,
        doing: &str,
        forgotten: u64,
        mut read: impl FnMut(&mut Reading) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut again = true;
        loop {
            let mut lent = Lent {
                pool: self,
                reading: Some(self.take(doing)?),
                failed: true,
            };
            let Some(reading) = &mut lent.reading else {
                continue;
            };
            if reading.forgotten != forgotten {
                reading.forgotten = forgotten;
                reading.bodies.clear();
            }
            reading.sql.begin_lazily();
            match read(reading) {
                Ok(found) => {
                    lent.failed = false;
                    return Ok(found);
                }
                Err(fault) if again && fault.kind() == StoreErrorKind::Unavailable => {
                    tracing::debug!(%fault, "a connection to the database has ended; another one is made");
                    again = false;
                    drop(lent);
                    self.forget_free();
                }
                Err(fault) => return Err(self.connector.place().error(doing, fault)),
            }
        }
    }
}

/// A connection in use; it is given back whatever happens.
struct Lent<'a> {
    pool: &'a Pool,
    reading: Option<Reading>,
    failed: bool,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.pool.give(reading, self.failed);
        }
    }
}
