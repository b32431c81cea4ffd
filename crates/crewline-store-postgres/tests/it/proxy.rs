//! A wire between a store and its database that can be cut at the worst moment.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crewline_testkit::wire::tells_commit;

/// What happens to the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It passes.
    Pass = 0,
    /// It arrives, and its answer does not.
    LoseAnswer = 1,
    /// It does not arrive.
    LoseCommit = 2,
    /// It arrives, and the database never learns that nobody waits for the answer.
    LoseAnswerUnnoticed = 3,
}

/// See the module.
pub(crate) struct Proxy {
    port: u16,
    fate: Arc<AtomicU8>,
}

impl Proxy {
    /// Before a database that listens on this port.
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            fate: Arc::default(),
        };
        let fate = Arc::clone(&proxy.fate);
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let fate = Arc::clone(&fate);
                std::thread::spawn(move || carry(&client, port, &fate));
            }
        });
        proxy
    }

    /// The same address, by way of this.
    pub(crate) fn instead_of(&self, url: &str, port: u16) -> String {
        url.replace(&format!(":{port}/"), &format!(":{}/", self.port))
    }

    /// Says what happens to the next commit.
    pub(crate) fn next(&self, fate: Fate) {
        self.fate.store(fate as u8, Ordering::SeqCst);
    }

    /// Whether it has happened.
    pub(crate) fn happened(&self) -> bool {
        self.fate.load(Ordering::SeqCst) == Fate::Pass as u8
    }
}

fn carry(client: &TcpStream, port: u16, fate: &AtomicU8) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let (losing, unnoticed) = (AtomicBool::new(false), AtomicBool::new(false));
    let cut = || {
        let _ = client.shutdown(Shutdown::Both);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It was done before its answer is lost: whoever connects again ends what the connection before was at.
            let is_lost = |bytes: &[u8]| losing.load(Ordering::SeqCst) && tells_commit(bytes);
            pass(&server, client, |bytes| !is_lost(bytes));
            cut();
        });
        pass(client, &server, |bytes| {
            if !tells_commit(bytes) {
                return true;
            }
            let now = fate.swap(Fate::Pass as u8, Ordering::SeqCst);
            if now == Fate::LoseAnswerUnnoticed as u8 {
                // Open for as long as the test runs, and nobody looks at it.
                std::mem::forget(server.try_clone());
                unnoticed.store(true, Ordering::SeqCst);
            }
            if now == Fate::LoseAnswer as u8 || now == Fate::LoseAnswerUnnoticed as u8 {
                losing.store(true, Ordering::SeqCst);
            }
            now != Fate::LoseCommit as u8
        });
        cut();
        if !unnoticed.load(Ordering::SeqCst) {
            let _ = server.shutdown(Shutdown::Write);
        }
    });
}

/// Passes bytes on as long as `may` says so.
fn pass(mut from: &TcpStream, mut to: &TcpStream, may: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !may(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}
