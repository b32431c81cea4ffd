//! A consumer, as the package sees it: batches of events, and the word that they are done.

use std::sync::Arc;

use crewline_api::{EventKind, ParticipantId, PayloadFired, ReceivedMessage, Seq};
use pyo3::prelude::*;
use pyo3::types::PyList;
use tokio::sync::{Mutex, watch};

use crate::backend::Shared;
use crate::error::exception;
use crate::source::Source;
use crate::value;

const MESSAGES: &[EventKind] = &[EventKind::MessageReceived];
pub(crate) const PAYLOADS: &[EventKind] = &[EventKind::MessageDelivered, EventKind::MessageRead];

/// A consumer of one external, for messages or for payloads.
#[pyclass(frozen, module = "crewline._native")]
pub(crate) struct Consumer {
    shared: Arc<Shared>,
    source: Mutex<Option<Source>>,
    stopping: watch::Sender<bool>,
    payloads: bool,
}

impl Consumer {
    pub(crate) fn new(
        py: Python<'_>,
        shared: Arc<Shared>,
        external: ParticipantId,
        name: &str,
        payloads: bool,
    ) -> PyResult<Self> {
        let cursor = value::cursor(py, name)?;
        let kinds = if payloads { PAYLOADS } else { MESSAGES };
        let (backend, _permit) = shared.enter().map_err(|error| exception(py, &error))?;
        Ok(Self {
            source: Mutex::new(Some(Source::new(backend, external, cursor, kinds))),
            shared,
            stopping: watch::Sender::new(false),
            payloads,
        })
    }
}

impl Drop for Consumer {
    /// In a child by fork nothing is dropped that might wait for the parent's threads.
    fn drop(&mut self) {
        if !self.shared.is_at_home() {
            std::mem::forget(self.source.get_mut().take());
        }
    }
}

#[pymethods]
impl Consumer {
    /// The next events, and the seq up to which they reach; waits. None when it was stopped. There may be no event for
    /// the package among those that came.
    fn next<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
    ) -> PyResult<Option<(Bound<'py, PyList>, Seq)>> {
        let mut stopping = self.stopping.subscribe();
        let taken = py.detach(|| {
            self.shared.runtime().block_on(async {
                let mut source = self.source.lock().await;
                let source = source.as_mut()?;
                tokio::select! {
                    biased;
                    _ = stopping.wait_for(|stopping| *stopping) => None,
                    events = source.next(limit) => Some(events),
                }
            })
        });
        let Some(events) = taken else { return Ok(None) };
        let events = events.map_err(|error| exception(py, &error))?;
        let upto = events.last().map_or(0, |event| event.seq);
        let list = PyList::empty(py);
        for event in &events {
            if self.payloads {
                if let Some(fired) = PayloadFired::from_event(event) {
                    list.append(value::fired(py, &fired)?)?;
                }
            } else if let Some(message) = ReceivedMessage::from_event(event) {
                list.append(value::received(py, &message)?)?;
            }
        }
        Ok(Some((list, upto)))
    }

    /// Says that everything up to `seq` is done.
    fn confirm(&self, py: Python<'_>, seq: Seq) -> PyResult<()> {
        let confirmed = py.detach(|| {
            self.shared.runtime().block_on(async {
                match self.source.lock().await.as_mut() {
                    Some(source) => source.confirm(seq).await,
                    None => Ok(()),
                }
            })
        });
        confirmed.map_err(|error| exception(py, &error))
    }

    /// Waits so many seconds, or until it is stopped; tells whether it was.
    fn rest(&self, py: Python<'_>, seconds: f64) -> bool {
        let mut stopping = self.stopping.subscribe();
        let pause = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        py.detach(|| {
            self.shared.runtime().block_on(async {
                let stopped = stopping.wait_for(|stopping| *stopping);
                tokio::time::timeout(pause, stopped).await.is_ok()
            })
        })
    }

    /// Ends a wait, and all waits to come.
    fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Ends it, when what was confirmed is stored.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.stop();
        let finished = py.detach(|| {
            self.shared.runtime().block_on(async {
                match self.source.lock().await.take() {
                    Some(source) => source.finish().await,
                    None => Ok(()),
                }
            })
        });
        finished.map_err(|error| exception(py, &error))
    }
}
