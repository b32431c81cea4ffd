//! Calls: some wait for their answer, with the interpreter's lock let go; others are told of by a byte in a pipe.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crewline_api::{ApiError, SentMessage};
use pyo3::prelude::*;

use crate::backend::{Backend, Shared};
use crate::error::{closed, exception};

/// Signals (Ctrl-C) are looked for so often while a call waits.
const SIGNALS_EVERY: Duration = Duration::from_millis(200);

/// Waits for a call. Closing the handle cuts short what is asked of a server: it might try for long.
pub(crate) fn wait<T, F>(
    py: Python<'_>,
    shared: &Shared,
    call: impl FnOnce(Backend) -> F,
) -> PyResult<T>
where
    T: Send,
    F: Future<Output = Result<T, ApiError>> + Send,
{
    let (backend, _permit) = shared.enter().map_err(|error| exception(py, &error))?;
    let remote = matches!(backend, Backend::Remote(_));
    let mut call = pin!(call(backend));
    loop {
        let done = py.detach(|| {
            shared.runtime().block_on(async {
                tokio::select! {
                    biased;
                    done = &mut call => Some(done),
                    () = shared.closing(), if remote => Some(Err(closed())),
                    () = tokio::time::sleep(SIGNALS_EVERY) => None,
                }
            })
        });
        match done {
            Some(done) => return done.map_err(|error| exception(py, &error)),
            None => py.check_signals()?,
        }
    }
}

/// What a call that nobody waits for has come to.
pub(crate) enum Outcome {
    Sent(SentMessage),
    Done,
}

/// Calls that were answered, until Python fetches them: as many as may be under way. A byte in the pipe says that there are some.
pub(crate) struct Done {
    answered: Mutex<VecDeque<(u64, Result<Outcome, ApiError>)>>,
    bell: UnixStream,
    ear: UnixStream,
}

impl Done {
    pub(crate) fn new() -> std::io::Result<Self> {
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Self {
            answered: Mutex::default(),
            bell,
            ear,
        })
    }

    /// What an event loop waits for to be readable.
    pub(crate) fn fd(&self) -> i32 {
        self.ear.as_raw_fd()
    }

    pub(crate) fn put(&self, ticket: u64, outcome: Result<Outcome, ApiError>) {
        let mut answered = self.answered();
        let first = answered.is_empty();
        answered.push_back((ticket, outcome));
        if first {
            // A pipe that is full has rung already.
            let _ = (&self.bell).write(&[1]);
        }
    }

    pub(crate) fn take(&self) -> VecDeque<(u64, Result<Outcome, ApiError>)> {
        let mut answered = self.answered();
        // Within the lock: a byte that comes after it belongs to what comes after it.
        let _ = (&self.ear).read(&mut [0; 64]);
        std::mem::take(&mut *answered)
    }

    fn answered(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, Result<Outcome, ApiError>)>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
