//! What comes from Python, checked and named; and what goes there.

use crewline_api::{
    ApiError, CursorName, FieldCode, MessageId, NewMessage, NewMessageUser, ParticipantId, Payload,
    PayloadFired, PayloadKind, Priority, ReceivedMessage, SentMessage,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyInt, PyIterator, PyList, PyString, PyTuple};

use crate::error::{exception, wrong_type, wrong_value};

/// Text. Python's may hold halves of surrogate pairs, which no other text can hold.
pub(crate) fn text(value: &Bound<'_, PyAny>, field: &str) -> PyResult<String> {
    let text = value
        .cast::<PyString>()
        .map_err(|_| wrong_type(field, "str", value))?;
    match text.to_cow() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(wrong_value(
            field,
            "holds half of a surrogate pair, which is no character",
        )),
    }
}

/// An id.
pub(crate) fn id(value: &Bound<'_, PyAny>, field: &str) -> PyResult<ParticipantId> {
    ParticipantId::new(text(value, field)?)
        .map_err(|error| refused(value.py(), field, &error.to_string()))
}

/// A list of ids. A single text is a list of letters to Python, and never what was meant.
pub(crate) fn ids(value: &Bound<'_, PyAny>, field: &str) -> PyResult<Vec<ParticipantId>> {
    let one =
        |(at, value): (usize, PyResult<Bound<'_, PyAny>>)| id(&value?, &format!("{field}[{at}]"));
    list(value, field, "a list of str")?
        .enumerate()
        .map(one)
        .collect()
}

/// The name of a cursor.
pub(crate) fn cursor(py: Python<'_>, name: &str) -> PyResult<CursorName> {
    CursorName::new(name).map_err(|error| refused(py, "consumer", &error.to_string()))
}

/// The id of a message, as it was given out.
pub(crate) fn message_id(value: &Bound<'_, PyAny>, field: &str) -> PyResult<MessageId> {
    let id = text(value, field)?.parse();
    id.map_err(|_| refused(value.py(), field, "is not the id of a message"))
}

pub(crate) fn refused(py: Python<'_>, field: &str, why: &str) -> PyErr {
    exception(py, &ApiError::field(field, FieldCode::Malformed, why))
}

/// The elements of a list. A text is one to Python, and what has no end is none to us.
fn list<'py>(
    value: &Bound<'py, PyAny>,
    field: &str,
    wanted: &str,
) -> PyResult<Bound<'py, PyIterator>> {
    let whole = !value.is_instance_of::<PyString>() && !value.is_instance_of::<PyBytes>();
    if !whole || value.len().is_err() {
        return Err(wrong_type(field, wanted, value));
    }
    value
        .try_iter()
        .map_err(|_| wrong_type(field, wanted, value))
}

/// A message, with every argument named that is not as it must be.
pub(crate) fn message(value: &Bound<'_, PyAny>, key: Option<String>) -> PyResult<NewMessage> {
    let py = value.py();
    let from = text(
        &field(value, intern!(py, "fromExtUserId"))?,
        "fromExtUserId",
    )?;
    let name = text(
        &field(value, intern!(py, "fromExtUserName"))?,
        "fromExtUserName",
    )?;
    let body = text(&field(value, intern!(py, "message"))?, "message")?;
    let priority = priority(&field(value, intern!(py, "priority"))?)?;
    let users = field(value, intern!(py, "toUsers"))?;
    let mut builder = NewMessage::builder(from, name, body).priority(priority);
    let users = list(&users, "toUsers", "a list of NewMessageUser")?;
    for (at, user) in users.enumerate() {
        builder = builder.to(recipient(&user?, at)?);
    }
    if let Some(key) = key {
        builder = builder.idempotency_key(key);
    }
    builder.build().map_err(|error| exception(py, &error))
}

/// An attribute of a message.
fn field<'py>(
    value: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    value
        .getattr(name)
        .map_err(|_| wrong_type("newMessage", "a NewMessage", value))
}

fn recipient(value: &Bound<'_, PyAny>, at: usize) -> PyResult<NewMessageUser> {
    let py = value.py();
    let path = |name: &str| format!("toUsers[{at}].{name}");
    let Ok(id) = value.getattr(intern!(py, "toUserId")) else {
        let wanted = "a NewMessageUser";
        return Err(wrong_type(&format!("toUsers[{at}]"), wanted, value));
    };
    let payload = |name: &Bound<'_, PyString>| match value.getattr(name) {
        Ok(given) => payload(&given, || path(&name.to_string_lossy())),
        // The seed's class has both; one of another's making may have none.
        Err(_) => Ok(None),
    };
    Ok(NewMessageUser {
        to_user_id: match id.cast::<PyString>().ok().and_then(|id| id.to_cow().ok()) {
            Some(id) => id.into_owned(),
            None => text(&id, &path("toUserId"))?,
        },
        on_delivered_payload: payload(intern!(py, "onDeliveredPayload"))?,
        on_read_payload: payload(intern!(py, "onReadPayload"))?,
    })
}

/// Bytes, or bytes that can change: those are copied here, and what becomes of them later changes nothing.
fn payload(value: &Bound<'_, PyAny>, field: impl Fn() -> String) -> PyResult<Option<Payload>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(Payload::from(bytes.as_bytes())));
    }
    match value.cast::<PyByteArray>() {
        Ok(bytes) => Ok(Some(Payload::from(bytes.to_vec()))),
        Err(_) => Err(wrong_type(&field(), "bytes", value)),
    }
}

/// A priority. `True` is a number to Python, and none to us.
pub(crate) fn priority(value: &Bound<'_, PyAny>) -> PyResult<Priority> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(wrong_type("priority", "int", value));
    }
    let number = value.extract::<u64>().unwrap_or(0);
    Priority::try_from(number).map_err(|why| {
        let error = ApiError::field("priority", FieldCode::OutOfRange, why);
        exception(value.py(), &error)
    })
}

/// What was sent: `(messageId, chatId, position, sentAt in ms, [(userId, state), …])`.
pub(crate) fn sent<'py>(py: Python<'py>, sent: &SentMessage) -> PyResult<Bound<'py, PyTuple>> {
    let recipients = sent
        .recipients
        .iter()
        .map(|one| (one.user_id.as_str(), one.state.as_str()));
    let recipients: Vec<_> = recipients.collect();
    (
        sent.message_id.to_string(),
        sent.chat_id.to_string(),
        sent.position,
        sent.sent_at.as_millis(),
        recipients,
    )
        .into_pyobject(py)
}

/// A message that came: `(seq, fromUserId, allUserIds, message, priority, messageId, chatId, fromUserName, sentAt in ms)`.
pub(crate) fn received<'py>(
    py: Python<'py>,
    message: &ReceivedMessage,
) -> PyResult<Bound<'py, PyTuple>> {
    let all = message.all_user_ids.iter().map(ParticipantId::as_str);
    (
        message.seq,
        message.from_user_id.as_str(),
        PyList::new(py, all.collect::<Vec<_>>())?,
        &message.message,
        message.priority.number(),
        message.message_id.to_string(),
        message.chat_id.to_string(),
        &message.from_user_name,
        message.sent_at.as_millis(),
    )
        .into_pyobject(py)
}

/// A payload that came back: `(seq, kind, userId, messageId, chatId, payload, at in ms)`.
pub(crate) fn fired<'py>(py: Python<'py>, fired: &PayloadFired) -> PyResult<Bound<'py, PyTuple>> {
    let kind = match fired.kind {
        PayloadKind::Delivered => "delivered",
        PayloadKind::Read => "read",
    };
    (
        fired.seq,
        kind,
        fired.user_id.as_str(),
        fired.message_id.to_string(),
        fired.chat_id.to_string(),
        PyBytes::new(py, fired.payload.as_bytes()),
        fired.at.as_millis(),
    )
        .into_pyobject(py)
}
