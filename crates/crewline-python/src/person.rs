//! People, as a process with the engine in it acts for them.

use std::sync::Arc;

use crewline_api::{ApiError, ErrorCode, NewReply, ReceivedMessage};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::backend::{Backend, Shared};
use crate::call::wait;
use crate::error::exception;
use crate::value;

/// A person on a device of this process.
#[pyclass(frozen, module = "crewline._native")]
pub(crate) struct Person {
    shared: Arc<Shared>,
    id: String,
}

impl Person {
    pub(crate) fn open(py: Python<'_>, shared: Arc<Shared>, id: String) -> PyResult<Self> {
        let person = Self { shared, id };
        person.act(py, |_| async { Ok(()) })?;
        Ok(person)
    }

    fn act<T, F>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(crewline::Person) -> F + Send,
    ) -> PyResult<T>
    where
        T: Send,
        F: Future<Output = Result<T, ApiError>> + Send,
    {
        let id = self.id.clone();
        wait(py, &self.shared, |backend| async move {
            match backend {
                Backend::Embedded(crewline) => act(crewline.person(&id).await?).await,
                Backend::Remote(_) => Err(ApiError::new(
                    ErrorCode::NotAllowed,
                    "A handle on a server acts for externals; people sign in by themselves.",
                )),
            }
        })
    }
}

#[pymethods]
impl Person {
    /// Replies into a chat.
    fn reply<'py>(
        &self,
        py: Python<'py>,
        chat: &Bound<'py, PyAny>,
        message: &Bound<'py, PyAny>,
        priority: &Bound<'py, PyAny>,
        reply_to: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let chat = value::text(chat, "chatId")?
            .parse()
            .map_err(|_| value::refused(py, "chatId", "is not the id of a chat"))?;
        let mut reply =
            NewReply::new(value::text(message, "message")?).priority(value::priority(priority)?);
        if let Some(to) = reply_to {
            reply = reply.reply_to(value::message_id(to, "replyTo")?);
        }
        reply.check().map_err(|error| exception(py, &error))?;
        let sent = self.act(py, |person| async move { person.reply(chat, reply).await })?;
        value::sent(py, &sent)
    }

    /// The messages in the person's log after `after`; waits until anything is in it.
    fn received<'py>(&self, py: Python<'py>, after: u64) -> PyResult<Bound<'py, PyList>> {
        let events = self.act(py, move |person| async move { person.events(after).await })?;
        let list = PyList::empty(py);
        for message in events.iter().filter_map(ReceivedMessage::from_event) {
            list.append(value::received(py, &message)?)?;
        }
        Ok(list)
    }

    /// A device of the person has a message.
    fn delivered(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let message = value::message_id(message, "messageId")?;
        self.act(py, |person| async move { person.delivered(message).await })
    }

    /// The person has read a message.
    fn read(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let message = value::message_id(message, "messageId")?;
        self.act(py, |person| async move { person.read(message).await })
    }

    /// The person has pressed the button.
    fn acknowledge(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let message = value::message_id(message, "messageId")?;
        self.act(
            py,
            |person| async move { person.acknowledge(message).await },
        )
    }
}
