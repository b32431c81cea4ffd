//! Answers in JSON, written once.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use serde::Serialize;

use crate::problem::{Refusal, internal};
use crate::room::{Held, shrink};

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => json_bytes(status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Refusal(internal()).into_response()
        }
    }
}

/// An answer that is JSON already.
pub(crate) fn json_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// A page of what was read with one more than it holds; its last row is named by `next` where there are more.
pub(crate) fn page<T, N>(rows: &mut Vec<T>, limit: usize, name: impl Fn(&T) -> N) -> Option<N> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(name)
}

/// An answer that keeps the room it needs until it was taken.
pub(crate) fn holding(response: Response, held: Held) -> Response {
    match shrink(held, length(&response)) {
        None => response,
        Some(held) => response.map(|body| Body::new(Holding { body, _held: held })),
    }
}

/// How many bytes an answer has, where that is known already.
pub(crate) fn length(response: &Response) -> usize {
    let length = response.body().size_hint().exact();
    length.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX))
}

struct Holding {
    body: Body,
    _held: Held,
}

impl HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
