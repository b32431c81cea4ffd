//! The server of the live view: the page, the state as JSON, and the state again and again as server-sent events.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

const PAGE: &str = include_str!("page.html");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";
/// Connections at once; the next one waits.
const CONNECTIONS: usize = 64;

type Body = BoxBody<Bytes, Infallible>;

/// Serves until the program ends; returns where.
pub(crate) async fn serve(
    at: SocketAddr,
    states: watch::Receiver<Arc<str>>,
) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind(at)
        .await
        .map_err(|error| format!("cannot serve the live view at {at}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::spawn(async move {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let states = states.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request, states.clone());
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A browser that goes away is no fault.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                drop(place);
            });
        }
    });
    Ok(address)
}

fn answer(request: &Request<Incoming>, states: watch::Receiver<Arc<str>>) -> Response<Body> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => (
            StatusCode::OK,
            "text/html; charset=utf-8",
            whole(PAGE.into()),
        ),
        (&Method::GET, "/state") => (
            StatusCode::OK,
            "application/json",
            whole(states.borrow().as_bytes().to_vec().into()),
        ),
        (&Method::GET, "/states") => (StatusCode::OK, "text/event-stream", again_and_again(states)),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            whole("There is one page: /\n".into()),
        ),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ] {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    answer
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).boxed()
}

/// The state now, and each one after it. Who is slow misses some, and gets the newest.
fn again_and_again(mut states: watch::Receiver<Arc<str>>) -> Body {
    states.mark_changed();
    let events = stream::unfold(states, |mut states| async move {
        states.changed().await.ok()?;
        let event = format!("data: {}\n\n", &*states.borrow_and_update());
        Some((Ok(Frame::data(Bytes::from(event))), states))
    });
    StreamBody::new(events).boxed()
}
