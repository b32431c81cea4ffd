//! A receiver of webhooks over TCP, in threads of this process: it keeps what came, and can fall over as a killed one does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A post as it came.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) body: String,
    /// What was found out about the one who connected.
    pub(crate) poster: Option<u32>,
}

impl Post {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.json()["data"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[derive(Default)]
struct Shared {
    posts: Mutex<Vec<Post>>,
    open: Mutex<Vec<TcpStream>>,
    /// It accepts and answers nothing.
    down: AtomicBool,
    status: AtomicU16,
}

/// A receiver.
pub(crate) struct Hook {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Hook {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| None)
    }

    /// One that finds out who posts: it asks by the port from which somebody connects.
    pub(crate) fn start_with(who: impl Fn(u16) -> Option<u32> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        shared.status.store(204, Ordering::SeqCst);
        let kept = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                kept.open.lock().unwrap().push(stream.try_clone().unwrap());
                let poster = stream.peer_addr().ok().and_then(|peer| who(peer.port()));
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, poster, &kept));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Cuts every connection in the middle of whatever goes on, and answers nothing until it is up again.
    pub(crate) fn kill(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn revive(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// What came and was answered well, so far.
    pub(crate) fn posts(&self) -> Vec<Post> {
        self.shared.posts.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, poster: Option<u32>, shared: &Shared) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(mut post) = read(&mut reader) {
        if shared.down.load(Ordering::SeqCst) {
            break;
        }
        post.poster = poster;
        // It has taken it, and may be killed before it has said so.
        shared.posts.lock().unwrap().push(post);
        let status = shared.status.load(Ordering::SeqCst);
        let length = if status == 204 {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        let answer = format!("HTTP/1.1 {status} X\r\n{length}\r\n");
        if writer.write_all(answer.as_bytes()).is_err() {
            break;
        }
    }
    let _ = writer.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Post> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let (mut id, mut timestamp, mut signature) = (String::new(), String::new(), String::new());
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "webhook-id" => value.clone_into(&mut id),
            "webhook-timestamp" => value.clone_into(&mut timestamp),
            "webhook-signature" => value.clone_into(&mut signature),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Post {
        id,
        timestamp,
        signature,
        body,
        poster: None,
    })
}
