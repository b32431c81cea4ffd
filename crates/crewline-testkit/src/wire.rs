//! The network between a client and a server, which fails when a test says so: cut, silent, or slow.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the network is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// What comes in goes out, after this time.
    Fair(Duration),
    /// Connections stand, and nothing passes: what comes in waits.
    Silent,
    /// Nobody is connected with anybody.
    Cut,
}

/// What becomes of the commit at which the wire is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It arrives, and its answer does not.
    Arrives,
    /// It does not arrive.
    IsLost,
}

struct Shared {
    weather: Weather,
    /// At the next commit of a transaction in which this is said the wire is cut.
    at_commit: Option<(&'static str, Last)>,
    /// Connections that are open, to be cut.
    open: Vec<TcpStream>,
}

struct Sky {
    shared: Mutex<Shared>,
    changed: Condvar,
}

/// A wire before a server of this machine; see the module. Its threads end with their connections.
pub struct Wire {
    port: u16,
    sky: Arc<Sky>,
}

impl Wire {
    /// Before a server that listens on this port.
    ///
    /// # Panics
    /// Where the machine has no port left.
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let sky = Arc::new(Sky {
            shared: Mutex::new(Shared {
                weather: Weather::Fair(Duration::ZERO),
                at_commit: None,
                open: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let over = Arc::clone(&sky);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                connect(&client, server, &over);
            }
        });
        Self { port, sky }
    }

    /// The same address, by way of this.
    #[must_use]
    pub fn instead_of(&self, url: &str, server: u16) -> String {
        url.replace(&format!(":{server}/"), &format!(":{}/", self.port))
    }

    /// Breaks every connection, and lets nobody connect.
    pub fn cut(&self) {
        self.sky.cut();
    }

    /// The same as soon as a client ends a transaction in which it has said this.
    pub fn cut_at_commit(&self, of: &'static str, last: Last) {
        self.sky.shared().at_commit = Some((of, last));
    }

    /// Whether it is cut.
    pub fn is_cut(&self) -> bool {
        self.sky.shared().weather == Weather::Cut
    }

    /// Nothing passes from now on, and nobody is told.
    pub fn silence(&self) {
        drop(self.sky.set(Weather::Silent));
    }

    /// Everything arrives late by this, each way.
    pub fn delay(&self, by: Duration) {
        drop(self.sky.set(Weather::Fair(by)));
    }

    /// All is well; what waited arrives.
    pub fn mend(&self) {
        self.delay(Duration::ZERO);
    }
}

impl Sky {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        let mut shared = self.set(Weather::Cut);
        for stream in shared.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// What becomes of these bytes of a client, where the wire is to be cut now. `said` is whether its transaction is the one.
    fn last(&self, bytes: &[u8], said: &Cell<bool>) -> Option<Last> {
        let mut shared = self.shared();
        let (of, last) = shared.at_commit?;
        if has(bytes, of.as_bytes()) {
            said.set(true);
        }
        if !tells_commit(bytes) || !said.take() {
            return None;
        }
        shared.at_commit = None;
        Some(last)
    }

    fn set(&self, weather: Weather) -> MutexGuard<'_, Shared> {
        let mut shared = self.shared();
        shared.weather = weather;
        self.changed.notify_all();
        shared
    }

    /// Waits until something may pass; returns how late it is to arrive. `None` where the connection is cut.
    fn may_pass(&self) -> Option<Duration> {
        let shared = self.shared();
        let silent = |shared: &mut Shared| shared.weather == Weather::Silent;
        let waited = self.changed.wait_while(shared, silent);
        match waited.unwrap_or_else(PoisonError::into_inner).weather {
            Weather::Fair(late) => Some(late),
            Weather::Silent | Weather::Cut => None,
        }
    }
}

/// Whether this ends a transaction of PostgreSQL, by itself or with the next beginning behind it, or says that one has ended.
pub fn tells_commit(bytes: &[u8]) -> bool {
    has(bytes, b"COMMIT\0") || has(bytes, b"COMMIT;")
}

fn connect(client: &TcpStream, server: u16, sky: &Arc<Sky>) {
    // A connection that is not let in is closed by being dropped here.
    if sky.shared().weather == Weather::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    let ends = || Some((client.try_clone().ok()?, server.try_clone().ok()?));
    let (Some(there), Some(back)) = (ends(), ends()) else {
        return;
    };
    {
        let mut shared = sky.shared();
        shared.open.retain(|stream| stream.peer_addr().is_ok());
        shared
            .open
            .extend(ends().map(<[TcpStream; 2]>::from).into_iter().flatten());
    }
    for stream in [client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (over, above) = (Arc::clone(sky), Arc::clone(sky));
    std::thread::spawn(move || {
        let said = Cell::new(false);
        pass(&there.0, &there.1, |bytes| over.last(bytes, &said), &over);
    });
    std::thread::spawn(move || pass(&back.1, &back.0, |_| None, &above));
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Passes bytes on until one of the ends is closed, or they are the last ones.
fn pass(mut from: &TcpStream, mut to: &TcpStream, last: impl Fn(&[u8]) -> Option<Last>, sky: &Sky) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let Some(late) = sky.may_pass() else { break };
        if !late.is_zero() {
            std::thread::sleep(late);
        }
        let last = last(&bytes[..count]);
        if last != Some(Last::IsLost) && to.write_all(&bytes[..count]).is_err() {
            break;
        }
        if last.is_some() {
            sky.cut();
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says what it hears.
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        port
    }

    fn open(wire: &Wire) -> TcpStream {
        TcpStream::connect(("127.0.0.1", wire.port)).expect("it lets one connect")
    }

    fn said(stream: &mut TcpStream, what: &[u8]) -> bool {
        let mut heard = vec![0; what.len()];
        stream.write_all(what).is_ok() && stream.read_exact(&mut heard).is_ok() && heard == what
    }

    #[test]
    fn what_is_said_in_silence_arrives_after_it() {
        let wire = Wire::before(echo());
        let mut stream = open(&wire);
        assert!(said(&mut stream, b"before"));
        wire.silence();
        stream.write_all(b"meanwhile").expect("it is sent");
        let patience = stream.set_read_timeout(Some(Duration::from_millis(50)));
        patience.expect("it can be set");
        assert!(stream.read(&mut [0; 16]).is_err(), "nothing comes back");
        stream.set_read_timeout(None).expect("it can be set");
        wire.delay(Duration::from_millis(1));
        let mut heard = [0; 9];
        stream.read_exact(&mut heard).expect("it comes back");
        assert_eq!(&heard, b"meanwhile");
    }

    #[test]
    fn a_cut_breaks_what_stands_and_lets_nobody_in_until_it_is_mended() {
        let wire = Wire::before(echo());
        let mut stream = open(&wire);
        assert!(said(&mut stream, b"before"));
        wire.cut();
        assert!(!said(&mut stream, b"meanwhile"));
        assert!(!said(&mut open(&wire), b"again"));
        wire.mend();
        assert!(said(&mut open(&wire), b"after"));
    }

    #[test]
    fn a_commit_is_the_last_that_arrives_or_does_not() {
        for last in [Last::Arrives, Last::IsLost] {
            let (sender, heard) = std::sync::mpsc::sync_channel(1);
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let wire = Wire::before(listener.local_addr().expect("an address").port());
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("somebody connects");
                let mut all = Vec::new();
                // It ends by being cut.
                let _ = stream.read_to_end(&mut all);
                sender.send(all).expect("the test waits");
            });
            let mut stream = open(&wire);
            wire.cut_at_commit("INSERT", last);
            let transaction = b"BEGIN\0INSERT 1\0COMMIT\0";
            stream.write_all(transaction).expect("it is sent");
            let arrived = heard.recv().expect("it is cut");
            assert_eq!(arrived.is_empty(), last == Last::IsLost);
            assert!(!said(&mut open(&wire), b"again"));
        }
    }
}
