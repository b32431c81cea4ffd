//! A handle, as the package sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, NewMessage};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::backend::{Backend, Shared};
use crate::call::{Done, Outcome, wait};
use crate::consumer::Consumer;
use crate::error::{closed, exception, made};
use crate::person::Person;
use crate::value;

/// A handle on an engine. The package wraps it.
#[pyclass(frozen, module = "crewline._native")]
pub(crate) struct Core {
    shared: Option<Arc<Shared>>,
    done: Arc<Done>,
}

impl Core {
    fn new(
        py: Python<'_>,
        make: impl FnOnce() -> Result<Arc<Shared>, ApiError> + Send,
    ) -> PyResult<Self> {
        let shared = py.detach(make).map_err(|error| exception(py, &error))?;
        Ok(Self {
            shared: Some(shared),
            done: Arc::new(Done::new()?),
        })
    }

    #[expect(clippy::expect_used, reason = "only `drop` takes it")]
    fn shared(&self) -> &Arc<Shared> {
        self.shared
            .as_ref()
            .expect("it is there until it is dropped")
    }

    /// Has a call made by the runtime; its answer is fetched by [`Core::take`].
    fn begin<F>(&self, py: Python<'_>, ticket: u64, call: impl FnOnce(Backend) -> F) -> PyResult<()>
    where
        F: Future<Output = Result<Outcome, ApiError>> + Send + 'static,
    {
        let shared = self.shared();
        let (backend, permit) = shared.enter().map_err(|error| exception(py, &error))?;
        let remote = matches!(backend, Backend::Remote(_));
        let (mut call, done) = (Box::pin(call(backend)), Arc::clone(&self.done));
        let closing = shared.closing();
        // Begun here, and not by a thread of the runtime: with the engine in this process, what one caller asks for is
        // carried out in the order in which it was asked for.
        let begun = {
            let _inside = shared.runtime().enter();
            call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        if let Poll::Ready(outcome) = begun {
            done.put(ticket, outcome);
            return Ok(());
        }
        shared.runtime().spawn(async move {
            let outcome = tokio::select! {
                biased;
                outcome = call => outcome,
                () = closing, if remote => Err(closed()),
            };
            done.put(ticket, outcome);
            drop(permit);
        });
        Ok(())
    }
}

#[pymethods]
impl Core {
    /// The engine in this process, on the store at this path.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Self::new(py, move || Shared::open(path))
    }

    /// A server. Nothing is connected yet.
    #[staticmethod]
    fn connect(
        py: Python<'_>,
        url: &Bound<'_, PyAny>,
        token: &Bound<'_, PyAny>,
        ca_file: Option<PathBuf>,
        patience: Option<f64>,
    ) -> PyResult<Self> {
        let (url, token) = (value::text(url, "url")?, value::text(token, "token")?);
        let patience = patience.map_or(Ok(Duration::MAX), Duration::try_from_secs_f64);
        let patience = patience
            .map_err(|_| crate::error::wrong_value("patience", "must be seconds, 0 or more"))?;
        Self::new(py, move || Shared::connect(&url, &token, ca_file, patience))
    }

    /// Sends, and waits for the answer.
    fn send<'py>(
        &self,
        py: Python<'py>,
        message: &Bound<'py, PyAny>,
        key: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let message = new_message(message, key)?;
        let call = |backend: Backend| async move { backend.send(message).await };
        value::sent(py, &wait(py, self.shared(), call)?)
    }

    /// Sends, and waits until it is stored.
    fn send_only(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let message = new_message(message, None)?;
        let call = |backend: Backend| async move { backend.send(message).await };
        wait(py, self.shared(), call).map(drop)
    }

    /// Makes a chat, and waits for it.
    fn create_chat(
        &self,
        py: Python<'_>,
        from: &Bound<'_, PyAny>,
        to: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (from, to) = (
            value::id(from, "fromExtUserId")?,
            value::ids(to, "toUserIds")?,
        );
        let call = |backend: Backend| async move { backend.create_chat(from, to).await };
        wait(py, self.shared(), call).map(drop)
    }

    /// Sends; the answer is fetched under this ticket.
    fn begin_send(
        &self,
        py: Python<'_>,
        ticket: u64,
        message: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let message = new_message(message, key)?;
        self.begin(py, ticket, |backend| async move {
            backend.send(message).await.map(Outcome::Sent)
        })
    }

    /// Makes a chat; the answer is fetched under this ticket.
    fn begin_create_chat(
        &self,
        py: Python<'_>,
        ticket: u64,
        from: &Bound<'_, PyAny>,
        to: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (from, to) = (
            value::id(from, "fromExtUserId")?,
            value::ids(to, "toUserIds")?,
        );
        self.begin(py, ticket, |backend| async move {
            backend.create_chat(from, to).await.map(|_| Outcome::Done)
        })
    }

    /// A file descriptor that is readable when there are answers to fetch.
    fn fileno(&self) -> i32 {
        self.done.fd()
    }

    /// The answers that have come: `(ticket, whether it went well, what was sent or the exception)`.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (ticket, outcome) in self.done.take() {
            let answer = match outcome {
                Ok(Outcome::Sent(sent)) => value::sent(py, &sent)?.into_any(),
                Ok(Outcome::Done) => py.None().into_bound(py),
                Err(error) => {
                    list.append((ticket, false, made(py, &error)?))?;
                    continue;
                }
            };
            list.append((ticket, true, answer))?;
        }
        Ok(list)
    }

    /// A consumer of messages (or of payloads) of an external, under this name.
    fn consumer(
        &self,
        py: Python<'_>,
        external: &Bound<'_, PyAny>,
        name: &str,
        payloads: bool,
    ) -> PyResult<Consumer> {
        let field = if payloads {
            "fromExtUserId"
        } else {
            "toExtUserId"
        };
        let external = value::id(external, field)?;
        Consumer::new(py, Arc::clone(self.shared()), external, name, payloads)
    }

    /// The external that the token names, where it names exactly one. Asks the server.
    fn me(&self, py: Python<'_>) -> PyResult<Option<String>> {
        wait(py, self.shared(), |backend| async move {
            match backend {
                Backend::Embedded(_) => Ok(None),
                Backend::Remote(client) => match client.head(None).await {
                    Ok(head) => Ok(head.participant.map(String::from)),
                    // A token of several names none of them.
                    Err(error) if error.code == ErrorCode::NotFound => Ok(None),
                    Err(error) if error.code == ErrorCode::Invalid => Ok(None),
                    Err(error) => Err(error.into()),
                },
            }
        })
    }

    /// The externals that have something for a consumer of payloads of this name, where the engine is in this process.
    fn waiting(&self, py: Python<'_>, name: &str) -> PyResult<Vec<String>> {
        let cursor = value::cursor(py, name)?;
        let kinds = crate::consumer::PAYLOADS.iter().copied().collect();
        wait(py, self.shared(), |backend| async move {
            match backend {
                Backend::Embedded(crewline) => {
                    let found = crewline.waiting(cursor, kinds).await?;
                    Ok(found.into_iter().map(String::from).collect())
                }
                Backend::Remote(_) => Ok(Vec::new()),
            }
        })
    }

    /// A person to act as, with the engine in this process.
    fn person(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Person> {
        let id = value::text(id, "userId")?;
        Person::open(py, Arc::clone(self.shared()), id)
    }

    /// Waits for calls under way, and ends all threads.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.shared().close());
    }

    /// Whether this process made it.
    fn is_at_home(&self) -> bool {
        self.shared().is_at_home()
    }
}

impl Drop for Core {
    /// Whoever forgot to close it does so here; the interpreter goes on meanwhile.
    fn drop(&mut self) {
        let shared = self.shared.take();
        let _ = Python::try_attach(|py| py.detach(|| drop(shared)));
    }
}

fn new_message(message: &Bound<'_, PyAny>, key: Option<&Bound<'_, PyAny>>) -> PyResult<NewMessage> {
    let key = key
        .map(|key| value::text(key, "idempotencyKey"))
        .transpose()?;
    value::message(message, key)
}
