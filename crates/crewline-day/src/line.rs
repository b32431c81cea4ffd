//! The bad connection of one crew: a port of its own before the server, which is cut, slow, or swallows everything.
//!
//! What was half-open stays so: a connection that has lost something never works again, and neither end is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::Clock;

/// How long the other end of a half-open connection is kept, after one end has given up.
const HELD: Duration = Duration::from_mins(2);
/// Not up, as a time.
const DOWN: u64 = u64::MAX;

/// What a line is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// What comes in goes out, after this time.
    Fair(Duration),
    /// What comes in is lost; connections stand.
    HalfOpen,
    /// Nobody is connected.
    Cut,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    weather: watch::Sender<Weather>,
    /// Connections that work.
    open: AtomicUsize,
    /// Since when it works, in milliseconds of the day.
    up_since: AtomicU64,
}

/// A line; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Line {
    /// Before a server.
    pub(crate) async fn before(server: SocketAddr, clock: Clock) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            clock,
            weather: watch::Sender::new(Weather::Fair(Duration::ZERO)),
            open: AtomicUsize::new(0),
            up_since: AtomicU64::new(DOWN),
        });
        let over = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Whoever is not let in is closed by being dropped.
                if *over.weather.borrow() != Weather::Cut {
                    tokio::spawn(carry(client, server, Arc::clone(&over)));
                }
            }
        });
        Ok(Self { address, shared })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
        let is_fair = weather == Weather::Fair(Duration::ZERO);
        let up = is_fair && self.shared.open.load(Ordering::Relaxed) > 0;
        let since = if up { self.shared.clock.ms() } else { DOWN };
        self.shared.up_since.store(since, Ordering::Relaxed);
    }

    /// Breaks what stands; the next connection is let in.
    pub(crate) fn shake(&self) {
        self.set(Weather::Cut);
        self.set(Weather::Fair(Duration::ZERO));
    }

    /// Whether a connection stands that works.
    pub(crate) fn is_up(&self) -> bool {
        self.shared.open.load(Ordering::Relaxed) > 0
    }

    /// Since when a connection stands, without any trouble, in milliseconds of the day.
    pub(crate) fn up_since(&self) -> Option<u64> {
        Some(self.shared.up_since.load(Ordering::Relaxed)).filter(|since| *since != DOWN)
    }
}

impl Shared {
    fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        if *self.weather.borrow() == Weather::Fair(Duration::ZERO) {
            self.up_since.store(self.clock.ms(), Ordering::Relaxed);
        }
    }

    fn closed(&self) {
        if self.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.up_since.store(DOWN, Ordering::Relaxed);
        }
    }
}

/// One connection, and whether it has lost something.
struct Carried {
    shared: Arc<Shared>,
    is_broken: AtomicBool,
}

impl Carried {
    fn new(shared: Arc<Shared>) -> Self {
        shared.opened();
        let is_broken = AtomicBool::new(false);
        Self { shared, is_broken }
    }

    fn lose(&self) {
        if !self.is_broken.swap(true, Ordering::Relaxed) {
            self.shared.closed();
        }
    }

    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.lose();
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let carried = Carried::new(shared);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let passing = async {
        let there = pass(from_client, to_server, &carried);
        let back = pass(from_server, to_client, &carried);
        tokio::pin!(there, back);
        tokio::select! {
            () = &mut there => if carried.is_broken() { let _ = timeout(HELD, back).await; },
            () = &mut back => if carried.is_broken() { let _ = timeout(HELD, there).await; },
        }
    };
    let cut = async {
        loop {
            match *weather.borrow_and_update() {
                Weather::Cut => return,
                Weather::HalfOpen => carried.lose(),
                Weather::Fair(_) => {}
            }
            if weather.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = passing => {}
        () = cut => {}
    }
}

/// Passes bytes on until the one who says them is gone.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    carried: &Carried,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let weather = *carried.shared.weather.borrow();
        if let Weather::Fair(late) = weather
            && !late.is_zero()
        {
            tokio::time::sleep(late).await;
        }
        if !carried.is_broken() && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// A server that says what it hears, and a line before it.
    async fn echo() -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        Line::before(address, Clock::new(Instant::now(), 1.0))
            .await
            .unwrap()
    }

    async fn said(stream: &mut TcpStream, what: &[u8]) -> bool {
        let mut heard = vec![0; what.len()];
        stream.write_all(what).await.is_ok()
            && stream.read_exact(&mut heard).await.is_ok()
            && heard == what
    }

    async fn open(line: &Line) -> TcpStream {
        TcpStream::connect(line.address).await.unwrap()
    }

    #[tokio::test]
    async fn a_cut_breaks_what_stands_and_lets_nobody_in_until_it_is_mended() {
        let line = echo().await;
        let mut stream = open(&line).await;
        assert!(said(&mut stream, b"before").await && line.is_up() && line.up_since().is_some());
        line.set(Weather::Cut);
        assert!(!said(&mut stream, b"meanwhile").await && line.up_since().is_none());
        assert!(!said(&mut open(&line).await, b"again").await);
        line.set(Weather::Fair(Duration::ZERO));
        assert!(said(&mut open(&line).await, b"after").await);
    }

    #[tokio::test]
    async fn what_was_half_open_never_works_again_and_another_connection_does() {
        let line = echo().await;
        let mut stream = open(&line).await;
        assert!(said(&mut stream, b"before").await);
        line.set(Weather::HalfOpen);
        stream.write_all(b"lost").await.unwrap();
        line.set(Weather::Fair(Duration::ZERO));
        let mut other = open(&line).await;
        assert!(said(&mut other, b"after").await);
        stream.write_all(b"lost too").await.unwrap();
        assert!(said(&mut other, b"and after").await);
        let mut byte = [0];
        let heard = stream.try_read(&mut byte);
        assert_eq!(heard.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
