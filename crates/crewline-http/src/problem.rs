//! Problem documents: every refusal and every fault leaves as `application/problem+json` (RFC 9457).
//!
//! A handler says only what was wrong; the document is made where the request id is known (see [`crate::request`]).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use crewline_api::{ApiError, ErrorCode, Problem};

/// An error on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(pub(crate) ApiError);

/// What a handler returns.
pub(crate) type Answered = Result<Response, Refusal>;

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(&self.0);
        response.extensions_mut().insert(self);
        response
    }
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Writes the document of a refusal into its response.
pub(crate) fn write(response: Response, error: &ApiError, request_id: &str) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = status(error);
    let document = document(error, request_id);
    write_headers(&mut parts.headers, error);
    Response::from_parts(
        parts,
        Body::from(serde_json::to_vec(&document).unwrap_or_default()),
    )
}

/// The document of an error. What went wrong inside is for the log, whoever wrote the detail.
pub(crate) fn document(error: &ApiError, request_id: &str) -> Problem {
    if error.code == ErrorCode::Internal {
        Problem::new(&internal(), request_id)
    } else {
        Problem::new(error, request_id)
    }
}

fn write_headers(headers: &mut HeaderMap, error: &ApiError) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = error.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.code.status() == 401 {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"crewline\""),
        );
    }
}

/// A fault of the server, as callers see it.
pub(crate) fn internal() -> ApiError {
    ApiError::new(
        ErrorCode::Internal,
        "Something went wrong in the server. Tell the administrator the requestId: the log has it too.",
    )
}
