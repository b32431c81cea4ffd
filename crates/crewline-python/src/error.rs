//! Errors of the contract, as exceptions of the package.

use crewline_api::{ApiError, ErrorCode, FieldCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception for an error. Which class it is, the package decides.
pub(crate) fn exception(py: Python<'_>, error: &ApiError) -> PyErr {
    match made(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(instead) => instead,
    }
}

/// The same, not raised: it is kept for whoever waits for it.
pub(crate) fn made<'py>(py: Python<'py>, error: &ApiError) -> PyResult<Bound<'py, PyAny>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = MAKE.import(py, "crewline._errors", "_made")?;
    let fields: Vec<_> = error
        .fields
        .iter()
        .map(|field| (&field.field, word(field.code), &field.detail))
        .collect();
    // These are no words of the contract: no server says them.
    let own = match error.detail.as_str() {
        CLOSED => Some("closed"),
        FORKED => Some("forked"),
        _ => None,
    };
    let code = own.unwrap_or(error.code.as_str());
    let later = own.is_none() && error.code.retryable();
    make.call1((code, &error.detail, fields, later))
}

fn word(code: FieldCode) -> &'static str {
    match code {
        FieldCode::Required => "required",
        FieldCode::UnknownField => "unknown_field",
        FieldCode::WrongType => "wrong_type",
        FieldCode::Empty => "empty",
        FieldCode::TooLong => "too_long",
        FieldCode::TooMany => "too_many",
        FieldCode::OutOfRange => "out_of_range",
        FieldCode::Malformed => "malformed",
        FieldCode::Conflict => "conflict",
        FieldCode::UnknownRecipient => "unknown_recipient",
        FieldCode::UnknownMessage => "unknown_message",
        // The list may grow; a word that is not known here is no reason to fail.
        _ => "invalid",
    }
}

const CLOSED: &str = "This handle was closed.";
const FORKED: &str = "This handle was made before a fork, and belongs to the parent: open or connect again in this process.";

/// The handle was closed.
pub(crate) fn closed() -> ApiError {
    ApiError::new(ErrorCode::Stopping, CLOSED)
}

/// The handle is the parent process's.
pub(crate) fn forked() -> ApiError {
    ApiError::new(ErrorCode::Stopping, FORKED)
}

/// An argument of the wrong type.
pub(crate) fn wrong_type(field: &str, wanted: &str, given: &Bound<'_, PyAny>) -> PyErr {
    let name = given.get_type().name();
    let name = name.map_or_else(|_| "something else".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{field} must be {wanted}, not {name}"))
}

/// An argument with a value that cannot be.
pub(crate) fn wrong_value(field: &str, why: &str) -> PyErr {
    PyValueError::new_err(format!("{field} {why}"))
}
