//! Calls: some wait for their answer, with the interpreter's lock let go; others are told of by a byte in a pipe.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

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
    let (call, closing) = (call(backend), shared.closing());
    let mut call = pin!(async move {
        tokio::select! {
            biased;
            done = call => done,
            () = closing, if remote => Err(closed()),
        }
    });
    let _inside = shared.runtime().enter();
    let waker = Waker::from(Arc::new(Caller(std::thread::current())));
    loop {
        let done = py.detach(|| {
            let mut context = Context::from_waker(&waker);
            let until = Instant::now() + SIGNALS_EVERY;
            loop {
                if let Poll::Ready(done) = call.as_mut().poll(&mut context) {
                    return Some(done);
                }
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                std::thread::park_timeout(left);
            }
        });
        match done {
            Some(done) => return done.map_err(|error| exception(py, &error)),
            None => py.check_signals()?,
        }
    }
}

/// The thread that waits. A timer of the runtime for each call would cost more than the call's own wait.
struct Caller(Thread);

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
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
