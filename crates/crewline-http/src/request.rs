//! What surrounds every request: its id, its span, its line in the log, its figures, and the net under a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::app::Edge;
use crate::auth::presented;
use crate::problem::{self, Refusal};
use crate::room::LIST_BYTES;
use crate::{answer, browser};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The id of a request, for handlers that outlive their answer.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// A request id of a caller is taken up to this length, so that it fits into a line of a log.
const REQUEST_ID_BYTES_MAX: usize = 64;

pub(crate) fn describe_metrics() {
    describe_counter!(
        "crewline_http_requests_total",
        "HTTP requests, by route, method and status"
    );
    describe_histogram!(
        "crewline_http_request_seconds",
        Unit::Seconds,
        "Time until a request was answered, long polls included, by route and method"
    );
    describe_gauge!(
        "crewline_ready",
        "Whether the server takes writes, as /readyz says it: 1 or 0"
    );
    describe_gauge!(
        "crewline_sessions",
        "Open event streams and sockets, by kind"
    );
    describe_counter!(
        "crewline_sessions_closed_total",
        "Sockets that ended, by close code, or gone where the client went without one"
    );
}

/// Wraps every call, and what is no call.
pub(crate) async fn handle(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers(), &edge);
    if request.headers().contains_key(header::UPGRADE) {
        // A session says it in its problem documents.
        request.extensions_mut().insert(RequestId(id.clone()));
    }
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = tracing::info_span!("request", id = id.as_str(), method, route);
    let answered = async {
        let listed = is_list(request.method(), route);
        let called = async {
            if !listed {
                return next.run(request).await;
            }
            let (parts, body) = request.into_parts();
            let whose = presented(&parts, &edge.settings)
                .ok()
                .map(|(secret, _)| secret);
            let request = Request::from_parts(parts, body);
            match edge.room.of_answer(whose, LIST_BYTES).await {
                Ok(held) => answer::holding(next.run(request).await, held),
                Err(busy) => Refusal(busy).into_response(),
            }
        };
        let response = match AssertUnwindSafe(called).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                tracing::error!(
                    panic = panic_text(panic.as_ref()),
                    "a request ended in a panic"
                );
                Refusal(problem::internal()).into_response()
            }
        };
        let response = finish(response, &id);
        let duration = started.elapsed();
        let status = response.status();
        tracing::debug!(
            status = status.as_u16(),
            duration_ms = duration.as_secs_f64() * 1e3,
            "answered"
        );
        counter!("crewline_http_requests_total",
            "route" => route.to_owned(), "method" => method, "status" => status.as_str().to_owned())
        .increment(1);
        histogram!("crewline_http_request_seconds", "route" => route.to_owned(), "method" => method)
            .record(duration.as_secs_f64());
        response
    };
    answered.instrument(span).await
}

/// Writes the problem document where there is one, and the headers that all answers carry.
fn finish(mut response: Response, id: &str) -> Response {
    if let Some(Refusal(error)) = response.extensions_mut().remove::<Refusal>() {
        response = problem::write(response, &error, id);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    browser::protect(headers);
    response
}

/// Gives ids to requests: each once, and none that another start of the server has given.
pub(crate) struct RequestIds {
    random: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// Ids that begin at a random place.
    pub(crate) fn new(random: [u8; 32]) -> Self {
        Self {
            random: random
                .iter()
                .take(8)
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // An odd factor maps each count to a place of its own, and neighbours far apart.
        let id = self.random ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{id:016x}")
    }
}

/// The caller's own id for the request where it is well formed, else a new one.
fn request_id(headers: &HeaderMap, edge: &Edge) -> String {
    let given = headers.get(&REQUEST_ID).map(HeaderValue::as_bytes);
    let given = given.filter(|id| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()));
    let given = given.filter(|id| id.iter().all(u8::is_ascii_graphic));
    if let Some(text) = given.and_then(|id| std::str::from_utf8(id).ok()) {
        return text.to_owned();
    }
    edge.request_ids.next()
}

/// Whether a call answers with what may be long. Streams, sockets and those that wait for events hold nothing while they wait.
fn is_list(method: &Method, route: &str) -> bool {
    let waits = ["/events", "/socket", "/presence", "/reach"];
    *method == Method::GET
        && route.starts_with("/api/v1/")
        && !waits.iter().any(|end| route.ends_with(end))
}

/// The methods by name; all others together, so that nobody can fill the metrics with names of their own.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}
