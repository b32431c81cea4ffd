//! Answers in JSON, written once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use serde::Serialize;

use crate::problem::{Refusal, internal};
use crate::room::{HeldAnswer, SMALL, shrink};

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

/// An answer that keeps the room it needs until it was taken. It is given out in parts: the server takes a whole one at once,
/// however slowly the other end takes it, and lets go of the answer when it has the last.
pub(crate) fn holding(response: Response, held: HeldAnswer) -> Response {
    let length = length(&response);
    match shrink(held, length) {
        None => response,
        Some(held) => response.map(|body| {
            Body::new(Holding {
                body: Some(body),
                part: Bytes::new(),
                left: length as u64,
                held: Some(held),
            })
        }),
    }
}

/// How many bytes an answer has, where that is known already.
pub(crate) fn length(response: &Response) -> usize {
    let length = response.body().size_hint().exact();
    length.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// Bytes of an answer that are handed to the connection at once.
const PART: usize = 2 * SMALL;

struct Holding {
    /// `None` once all of it was given out.
    body: Option<Body>,
    /// What is left of the part of the body that came last.
    part: Bytes,
    /// Bytes that are left.
    left: u64,
    held: Option<HeldAnswer>,
}

impl Holding {
    fn give(&mut self) -> Bytes {
        let part = self.part.split_to(PART.min(self.part.len()));
        self.left = self.left.saturating_sub(part.len() as u64);
        if self.left > 0 {
            return part;
        }
        // The last part would keep all of it in memory, without room.
        let last = Bytes::copy_from_slice(&part);
        (self.body, self.part, self.held) = (None, Bytes::new(), None);
        last
    }
}

impl HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.part.is_empty() {
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.part = data,
                    // Trailers hold no room.
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(self.give()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::room::{LIST_BYTES, Room};

    #[tokio::test]
    async fn a_large_answer_is_given_out_in_parts_and_its_room_is_given_back_with_the_last() {
        let room = Room::new();
        let bytes: Vec<u8> = (0..LIST_BYTES).map(|at| (at % 251) as u8).collect();
        let held = room.of_answer(None, LIST_BYTES).await.unwrap();
        let free = room.free_for_answers();
        let response = json_bytes(StatusCode::OK, bytes.clone());
        let mut body = holding(response, held).into_body();
        assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        let mut given = Vec::new();
        while let Some(frame) = body.frame().await {
            let part = frame.unwrap().into_data().unwrap();
            assert!(part.len() <= PART);
            given.extend_from_slice(&part);
            let is_all = given.len() == bytes.len();
            assert_eq!(room.free_for_answers() > free, is_all, "{}", given.len());
            assert_eq!(body.is_end_stream(), is_all);
        }
        assert!(given == bytes);
    }
}
