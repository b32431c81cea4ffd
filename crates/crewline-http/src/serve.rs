//! Listening: connections, and how they end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::middleware::map_response;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::app::Edge;
use crate::stalled::Stalled;
use crate::tls::{self, Tls};
use crate::{App, proxy, router};

/// How long a connection may take to send the head of its next request, or rest between two.
const HEAD_WAIT: Duration = Duration::from_secs(75);
/// How long running requests may take when the server stops. Then their connections are closed.
const STOP_WAIT: Duration = Duration::from_secs(8);
/// Largest head of a request, and what is read ahead of its body. By itself it would be some 400 KiB for each connection.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How much the machine keeps of what a client does not take. By itself it would be some megabytes for each.
const SEND_BYTES: usize = 256 * 1024;
/// How long nobody is let in when the machine gives no more connections.
const FULL_WAIT: Duration = Duration::from_millis(100);

/// Serves the API on a listener until `shutdown` is done; then takes no more connections, ends event streams and long
/// polls, lets running requests finish for up to 8 seconds, and returns.
///
/// # Errors
/// None at present: what goes wrong with one connection ends that one.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let edge = app.edge.clone();
    listen(listener, None, edge, router(app), shutdown).await
}

/// Like [`serve()`], by TLS.
///
/// # Errors
/// None at present: what goes wrong with one connection ends that one.
pub async fn serve_tls(
    listener: TcpListener,
    tls: Tls,
    app: App,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let edge = app.edge.clone();
    let router = router(app).layer(map_response(tls::strict_transport));
    listen(listener, Some(tls), edge, router, shutdown).await
}

async fn listen(
    listener: TcpListener,
    tls: Option<Tls>,
    edge: Edge,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let stopping = edge.stopping.clone();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Those that ended are forgotten, so that the set holds the open ones only.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    prepare(&stream);
                    let (router, stopping) = (router.clone(), stopping.clone());
                    match tls.clone() {
                        None => connections.spawn(connection(stream, peer, router, stopping)),
                        Some(tls) => connections.spawn(secured(stream, peer, tls, edge.clone(), router)),
                    };
                }
                Err(error) => rest(&error).await,
            },
        }
    }
    drop(listener);
    stopping.cancel();
    edge.live.stop();
    edge.upgraded.close();
    tracing::info!(
        connections = connections.len(),
        sockets = edge.upgraded.len(),
        "stopping: running requests are finished"
    );
    let all_ended = async {
        while connections.join_next().await.is_some() {}
        edge.upgraded.wait().await;
    };
    if tokio::time::timeout(STOP_WAIT, all_ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections that did not end in time are closed"
        );
        connections.shutdown().await;
    }
    edge.seen.flush(&edge).await;
    Ok(())
}

/// What holds for each connection. Where the machine refuses, the connection works all the same.
fn prepare(stream: &TcpStream) {
    // Answers are small and whole: none waits to be sent together with the next.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_send_buffer_size(SEND_BYTES);
}

/// A connection that broke before it was accepted is nobody's trouble; when the machine has no more of them, wait.
async fn rest(error: &io::Error) {
    let broken = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
    ];
    if !broken.contains(&error.kind()) {
        tracing::warn!(%error, "no connection could be accepted; is the limit of open files reached?");
        tokio::time::sleep(FULL_WAIT).await;
    }
}

/// A connection by TLS: the handshake, and then one like any other. Nothing was asked before the handshake is done, so
/// that nothing is lost when the server stops in the middle of it.
async fn secured(stream: TcpStream, peer: SocketAddr, tls: Tls, edge: Edge, router: Router) {
    let stopping = edge.stopping.clone();
    let stream = {
        // What only the handshake needs is given back after it: most connections rest for most of their time.
        let many = proxy::is_trusted(peer.ip(), &edge.settings.trusted_proxies);
        let handshake = Box::pin(tls.secure(stream, (peer, many), || edge.request_ids.next()));
        tokio::select! {
            stream = handshake => stream,
            () = stopping.cancelled() => None,
        }
    };
    drop((tls, edge));
    if let Some(stream) = stream {
        connection(stream, peer, router, stopping).await;
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    stopping: CancellationToken,
) {
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX);
    let connection = http
        .serve_connection(TokioIo::new(Stalled::new(stream)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            // What a client does wrong on the level of HTTP/1.1 was answered by hyper, with 400 or by closing.
            _ = connection.as_mut() => return,
            () = stopping.cancelled(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.call(request).await
}
