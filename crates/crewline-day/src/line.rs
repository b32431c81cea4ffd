//! The bad connection of one crew: a port of its own before the server, which is cut, slow, or swallows everything.
//!
//! What was half-open stays so: a connection that has lost something never works again, and neither end is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::Clock;

/// How long the other end of a half-open connection is kept, after one end has given up.
const HELD: Duration = Duration::from_mins(2);
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

/// The weather, and how often it has broken what stood: who looks late must not miss that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sky {
    weather: Weather,
    half_opened: u64,
    cut: u64,
}

impl Sky {
    const FAIR: Self = Self {
        weather: Weather::Fair(Duration::ZERO),
        half_opened: 0,
        cut: 0,
    };

    fn is_clear(&self) -> bool {
        self.weather == Weather::Fair(Duration::ZERO)
    }

    /// Whether a connection that was made under this one has lost something.
    fn breaks(&self, made: &Self) -> bool {
        (self.half_opened, self.cut) != (made.half_opened, made.cut)
    }
}

/// Connections that work.
#[derive(Debug, Default)]
struct Open {
    count: usize,
    /// Since when, without trouble, in milliseconds of the day.
    up_since: Option<u64>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    sky: watch::Sender<Sky>,
    open: Mutex<Open>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            sky: watch::Sender::new(Sky::FAIR),
            open: Mutex::default(),
        });
        let over = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Whoever is not let in is closed by being dropped.
                if over.sky.borrow().weather != Weather::Cut {
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
        // Under one lock: what is opened meanwhile is opened before or after it.
        let mut open = self.shared.open();
        let mut sky = *self.shared.sky.borrow();
        sky.weather = weather;
        sky.half_opened += u64::from(weather == Weather::HalfOpen);
        sky.cut += u64::from(weather == Weather::Cut);
        if matches!(weather, Weather::HalfOpen | Weather::Cut) {
            open.count = 0;
        }
        open.up_since = (sky.is_clear() && open.count > 0).then(|| self.shared.clock.ms());
        self.shared.sky.send_replace(sky);
    }

    /// Breaks what stands; the next connection is let in.
    pub(crate) fn shake(&self) {
        self.set(Weather::Cut);
        self.set(Weather::Fair(Duration::ZERO));
    }

    /// Whether a connection stands that works.
    pub(crate) fn is_up(&self) -> bool {
        self.shared.open().count > 0
    }

    /// Since when a connection stands, without any trouble, in milliseconds of the day.
    pub(crate) fn up_since(&self) -> Option<u64> {
        self.shared.open().up_since
    }
}

/// One connection, and under which sky it was made.
struct Carried {
    shared: Arc<Shared>,
    made: Sky,
}

impl Carried {
    fn new(shared: Arc<Shared>) -> Self {
        let mut open = shared.open();
        let made = *shared.sky.borrow();
        if made.weather != Weather::HalfOpen {
            open.count += 1;
        }
        if made.is_clear() {
            open.up_since = Some(shared.clock.ms());
        }
        drop(open);
        Self { shared, made }
    }

    /// Whether it has lost something, or will.
    fn is_broken(&self) -> bool {
        let sky = *self.shared.sky.borrow();
        sky.breaks(&self.made) || self.made.weather == Weather::HalfOpen
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let mut open = self.shared.open();
        // What was broken is not counted any more.
        if !self.is_broken() {
            open.count = open.count.saturating_sub(1);
            if open.count == 0 {
                open.up_since = None;
            }
        }
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let mut sky = shared.sky.subscribe();
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
        let is_cut = |sky: &Sky| sky.cut != carried.made.cut;
        // The line is there as long as its connections.
        let _ = sky.wait_for(is_cut).await;
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
        let weather = carried.shared.sky.borrow().weather;
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
