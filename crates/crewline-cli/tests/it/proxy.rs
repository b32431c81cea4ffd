//! A proxy between a client and the server, which can lose what it carries: so faults come when a test wants them.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to the next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is closed at once: the request is lost.
    RequestLost,
    /// The request arrives and is answered, but nothing of the answer comes back.
    ResponseLost,
}

/// A proxy on a port of its own.
pub(crate) struct Proxy {
    pub(crate) url: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    /// Where the server is; none while it is away.
    target: Option<String>,
    faults: Vec<Fault>,
    /// Connections that are open, to be cut.
    open: Vec<TcpStream>,
}

impl Proxy {
    /// A proxy of the server at `url`, with faults for the first connections.
    pub(crate) fn new(url: &str, mut faults: Vec<Fault>) -> Self {
        faults.reverse();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner {
            target: Some(host(url)),
            faults,
            open: Vec::new(),
        };
        let inner = Arc::new(Mutex::new(inner));
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || carry(client, &shared));
            }
        });
        Self { url: own, inner }
    }

    /// The server goes away: open connections break, new ones are refused.
    pub(crate) fn cut(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.target = None;
        for stream in inner.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The server is back, perhaps on another port.
    pub(crate) fn mend(&self, url: &str) {
        self.inner.lock().unwrap().target = Some(host(url));
    }

    /// Faults that have not come yet.
    pub(crate) fn faults_left(&self) -> usize {
        self.inner.lock().unwrap().faults.len()
    }
}

fn host(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

fn carry(client: TcpStream, inner: &Mutex<Inner>) {
    let (server, fault) = {
        let mut inner = inner.lock().unwrap();
        let Some(server) = inner
            .target
            .as_ref()
            .and_then(|target| TcpStream::connect(target).ok())
        else {
            return;
        };
        let fault = inner.faults.pop();
        if fault == Some(Fault::RequestLost) {
            return;
        }
        inner
            .open
            .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        (server, fault)
    };
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    if fault == Some(Fault::ResponseLost) {
        // The answer has come: so the request was carried out.
        let _ = from_server.read(&mut [0; 64]);
        let _ = to_client.shutdown(Shutdown::Both);
        return;
    }
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from_server.read(&mut buffer) {
        if to_client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to_client.shutdown(Shutdown::Both);
}
