//! The body of a request: at most 2 MiB of JSON in UTF-8, and an object.
//!
//! The header `Content-Type` is not looked at: a body is JSON or it is not, and `curl -d` says that everything is a form.
//! Pages of other origins are kept out by `Origin` (see [`crate::origin`]), not by this.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::{Bytes, BytesMut};
use crewline_api::limits::REQUEST_BYTES_MAX;
use crewline_api::{ApiError, ErrorCode, FieldCode};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::app::Edge;
use crate::fault::Faults;
use crate::fields::Fields;
use crate::json::Json;
use crate::problem::Refusal;
use crate::room::{Coming, Held};

/// Longest time between two parts of a body. Who is slower has lost the connection.
const PART_WAIT: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and dropped, so that the caller can read the answer.
const DROPPED_BYTES_MAX: usize = 8 * REQUEST_BYTES_MAX;

/// A body, not yet read as JSON.
pub(crate) struct JsonBody(
    Bytes,
    #[expect(dead_code, reason = "held until the body is read")] Option<Held>,
);

impl From<Bytes> for JsonBody {
    fn from(bytes: Bytes) -> Self {
        Self(bytes, None)
    }
}

impl FromRequest<Edge> for JsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let (bytes, held) = read(&parts.headers, body, edge.room.of_body()).await?;
        Ok(Self(bytes, held))
    }
}

impl JsonBody {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Json<'_>, ApiError> {
        let text = std::str::from_utf8(&self.0).map_err(|error| {
            let (line, column) = place(&self.0, error.valid_up_to());
            not_json(format!(
                "The body is not UTF-8: see line {line}, column {column}."
            ))
        })?;
        serde_json::from_str(text).map_err(|error| not_read(&error))
    }

    /// The same; a body of nothing is an empty object.
    pub(crate) fn or_nothing(self) -> Self {
        if self.0.is_empty() {
            Self(Bytes::from_static(b"{}"), None)
        } else {
            self
        }
    }

    /// The fields of the object that the body is. What is wrong with it as a whole is told at once.
    pub(crate) fn fields<'b, 'f>(&'b self, faults: &'f Faults) -> Result<Fields<'b, 'f>, ApiError> {
        Fields::of_body(self.json()?, faults)
    }
}

/// Why a body cannot be read. A number that is too large is still JSON: its value is at fault, not the body.
fn not_read(error: &serde_json::Error) -> ApiError {
    let detail = error.to_string();
    if detail.starts_with("number out of range") {
        ApiError::field("body", FieldCode::OutOfRange, format!("holds a {detail}"))
    } else {
        not_json(format!("The body is not JSON: {detail}."))
    }
}

fn not_json(detail: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::NotJson, detail)
}

fn too_large() -> ApiError {
    ApiError::new(
        ErrorCode::TooLarge,
        format!("The body has more than {REQUEST_BYTES_MAX} bytes (2 MiB). Send less at once."),
    )
}

/// The line and column of a byte, counted from 1.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at.min(bytes.len())];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    (
        before.split(|byte| *byte == b'\n').count(),
        at - line_start + 1,
    )
}

async fn read(
    headers: &HeaderMap,
    mut body: Body,
    mut room: Coming,
) -> Result<(Bytes, Option<Held>), ApiError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(announced_length);
    if announced.is_some_and(|length| length > REQUEST_BYTES_MAX as u64) {
        // Who asks first (`Expect: 100-continue`) will not send it, and need not be waited for.
        if !headers.contains_key(header::EXPECT) {
            drop_rest(body).await;
        }
        return Err(too_large());
    }
    // Nearly every body comes in one part, which is taken as it is.
    let Some(first) = part(&mut body, None).await? else {
        return Ok((Bytes::new(), None));
    };
    let mut whole: Option<BytesMut> = None;
    let mut length = first.len();
    while let Some(more) = part(&mut body, room.until()).await? {
        length += more.len();
        if length > REQUEST_BYTES_MAX {
            drop((room, whole, first));
            drop_rest(body).await;
            return Err(too_large());
        }
        room.grow(length).await?;
        whole
            .get_or_insert_with(|| BytesMut::from(&first[..]))
            .extend_from_slice(&more);
    }
    if length > REQUEST_BYTES_MAX {
        return Err(too_large());
    }
    let held = room.into_held();
    Ok((whole.map_or(first, BytesMut::freeze), held))
}

fn announced_length(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

/// The next part of a body that is not empty; `None` at its end. `until`: by when all of it must be there.
async fn part(body: &mut Body, until: Option<Instant>) -> Result<Option<Bytes>, ApiError> {
    loop {
        let own = Instant::now() + PART_WAIT;
        let end = until.map_or(own, |until| own.min(until));
        let frame = timeout_at(end, body.frame()).await;
        let broken = || not_json("The body did not arrive as a whole. Send the request again.");
        match frame.map_err(|_| broken())? {
            None => return Ok(None),
            Some(Err(_)) => return Err(broken()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}

async fn drop_rest(mut body: Body) {
    let mut dropped = 0;
    while let Ok(Some(more)) = part(&mut body, None).await {
        dropped += more.len();
        if dropped > DROPPED_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column() {
        assert_eq!(place(b"ab\ncd", 0), (1, 1));
        assert_eq!(place(b"ab\ncd", 4), (2, 2));
    }
}
