//! Errors: what the server said, or why nothing could be heard of it.

use std::fmt;
use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, FieldError};

/// Why something could not be done.
///
/// It is what the server said ([`ApiError`], with the id of the request beside it), or one of two codes that only
/// clients say: [`ErrorCode::Unreachable`], after which it is not known whether what was asked for has happened, and
/// [`ErrorCode::WrongServer`]. A code of a newer server that this version does not know becomes the known one that is
/// nearest by its status; the detail names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong and what to do, for people.
    pub detail: String,
    /// The fields at fault.
    pub fields: Vec<FieldError>,
    /// When the server asks to try again.
    pub retry_after: Option<Duration>,
    /// What to tell the administrator: the server's log has it too.
    pub request_id: Option<String>,
}

impl Error {
    /// An error of this code.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            fields: Vec::new(),
            retry_after: None,
            request_id: None,
        }
    }

    /// No answer came.
    pub(crate) fn unreachable(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unreachable, detail)
    }

    /// What answers is no server that can be used.
    pub(crate) fn wrong_server(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::WrongServer, detail)
    }

    /// Whether the same may succeed later, without a change. The other errors never go away by themselves.
    pub fn is_retryable(&self) -> bool {
        self.code.retryable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl std::error::Error for Error {}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self {
            code: error.code,
            detail: error.detail,
            fields: error.fields,
            retry_after: error
                .retry_after_s
                .map(|seconds| Duration::from_secs(seconds.into())),
            request_id: None,
        }
    }
}

impl From<Error> for ApiError {
    /// The id of the request goes into the detail where the server's log is all that tells more.
    fn from(error: Error) -> Self {
        let mut api = Self::new(error.code, error.detail);
        api.fields = error.fields;
        if let Some(after) = error.retry_after {
            api.retry_after_s = u32::try_from(after.as_millis().div_ceil(1_000)).ok();
        }
        if let (ErrorCode::Internal, Some(id)) = (error.code, error.request_id) {
            api.detail = format!("{} (request {id})", api.detail);
        }
        api
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_trait_keeps_what_was_said() {
        let mut error = Error::new(ErrorCode::Busy, "Full.");
        error.retry_after = Some(Duration::from_millis(1_500));
        assert_eq!(
            ApiError::from(error),
            ApiError::new(ErrorCode::Busy, "Full.").retry_after(2)
        );
        let mut error = Error::new(ErrorCode::Internal, "Something went wrong.");
        error.request_id = Some("5f0c".to_owned());
        assert_eq!(
            ApiError::from(error).detail,
            "Something went wrong. (request 5f0c)"
        );
    }
}
