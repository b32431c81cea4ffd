//! Everything bad at once, beside many sessions: the server stays below 512 MiB, and nobody good is refused or loses anything.
//!
//! 1,000 sessions, or as many as `CREWLINE_HOSTILE_SESSIONS` says (`make hostile`: 10,000); of each kind of bad client a
//! twentieth of that. What is measured is the peak of what the process has resident (`VmHWM`): the limit of a container
//! counts no more than that. How long the good ones wait is printed, and nowhere asserted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::server::{Server, Store};
use crate::sessions::{Pair, many};
use crate::wire::Wire;

/// What a small container has.
const MIB_MAX: u64 = 512;
/// Round trips of the good pair once all bad ones are at it.
const ROUNDS: usize = 50;
const TICK: Duration = Duration::from_secs(1);

/// What all bad clients share.
struct Bad {
    address: SocketAddr,
    url: String,
    alice: String,
    chat: String,
    /// How many are at it.
    ready: AtomicUsize,
    /// How often one of them was turned away.
    refused: AtomicUsize,
    changed: Notify,
    stop: AtomicBool,
}

impl Bad {
    async fn connect(&self, receive: Option<u32>) -> Option<TcpStream> {
        let tcp = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive {
            tcp.set_recv_buffer_size(bytes).unwrap();
        }
        tcp.connect(self.address).await.ok()
    }

    /// One who is turned away, since there are so many of them, comes back. `None` when all is over.
    async fn socket(&self, receive: Option<u32>) -> Option<Wire> {
        while !self.stops() {
            match Wire::try_connect(&self.url, &self.alice, receive).await {
                Ok(wire) => return Some(wire),
                Err(_) => self.refused.fetch_add(1, Ordering::SeqCst),
            };
        }
        None
    }

    fn ready(&self) {
        self.ready.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn get(&self, path: &str, accept: &str) -> String {
        let alice = &self.alice;
        format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {alice}\r\naccept: {accept}\r\n\r\n"
        )
    }

    /// Writes a byte a second, until it is closed or all is over.
    async fn drip(&self, stream: &mut TcpStream) {
        let mut ticks = tokio::time::interval(TICK);
        while !self.stops() && stream.write_all(b"a").await.is_ok() {
            ticks.tick().await;
        }
    }

    /// Holds a connection and takes nothing, until all is over.
    async fn hold(&self, _stream: impl Sized) {
        let mut ticks = tokio::time::interval(TICK);
        while !self.stops() {
            ticks.tick().await;
        }
    }
}

/// What one bad client does; most go on until all is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    SlowHead,
    SlowBody,
    SlowFrame,
    Garbage,
    Nothing,
    NoHello,
    Lists,
    Stream,
    Backlog,
    LargeBody,
    LargeSignIn,
    LargeFrame,
    Resets,
}

const ALL: [Does; 13] = [
    Does::SlowHead,
    Does::SlowBody,
    Does::SlowFrame,
    Does::Garbage,
    Does::Nothing,
    Does::NoHello,
    Does::Lists,
    Does::Stream,
    Does::Backlog,
    Does::LargeBody,
    Does::LargeSignIn,
    Does::LargeFrame,
    Does::Resets,
];

async fn behave(bad: Arc<Bad>, does: Does) {
    let receive = matches!(does, Does::Lists | Does::Stream | Does::Backlog).then_some(4096);
    match does {
        Does::SlowFrame | Does::NoHello | Does::Backlog | Does::LargeFrame => {
            let Some(mut wire) = bad.socket(receive).await else {
                return;
            };
            match does {
                Does::Backlog => wire.say(&json!({"hello": {}})).await,
                // Masked text frames of 2,097,152 bytes.
                Does::SlowFrame | Does::LargeFrame => {
                    wire.say(&json!({"hello": {"after": 1}})).await;
                    wire.raw(&[0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0])
                        .await;
                }
                _ => {}
            }
            bad.ready();
            match does {
                Does::SlowFrame => bad.drip(wire.socket.get_mut()).await,
                Does::LargeFrame => {
                    large(&bad, wire.socket.get_mut(), 2_097_151).await;
                    bad.hold(wire).await;
                }
                _ => bad.hold(wire).await,
            }
        }
        Does::Garbage => garbage(&bad).await,
        Does::Resets => resets(&bad).await,
        _ => on_http(&bad, does, receive).await,
    }
}

async fn on_http(bad: &Bad, does: Does, receive: Option<u32>) {
    let Some(mut stream) = bad.connect(receive).await else {
        return bad.ready();
    };
    let alice = &bad.alice;
    let head = match does {
        Does::SlowHead => "GET /healthz HTTP/1.1\r\nx: ".to_owned(),
        Does::SlowBody | Does::LargeSignIn => {
            "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 2097152\r\n\r\n".to_owned()
        }
        Does::LargeBody => format!(
            "POST /api/v1/chats/{}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {alice}\r\ntransfer-encoding: chunked\r\n\r\n1fffff\r\n",
            bad.chat
        ),
        Does::Lists => lists(bad),
        Does::Stream => bad.get("/api/v1/participants/me/events", "text/event-stream"),
        _ => String::new(),
    };
    let _ = stream.write_all(head.as_bytes()).await;
    bad.ready();
    match does {
        Does::SlowHead | Does::SlowBody => bad.drip(&mut stream).await,
        Does::LargeBody | Does::LargeSignIn => large(bad, &mut stream, 2_097_150).await,
        _ => {}
    }
    bad.hold(stream).await;
}

/// Everything that can be asked for, one after the other on one connection.
fn lists(bad: &Bad) -> String {
    let chat = format!("/api/v1/chats/{}/messages?limit=1000", bad.chat);
    let paths = [
        chat.as_str(),
        "/api/v1/participants/me/events?limit=1000",
        "/api/v1/search?q=all&limit=1000",
        "/api/v1/me/chats?limit=1000",
        "/api/v1/people?limit=1000",
    ];
    let asked = paths.iter().map(|path| bad.get(path, "*/*"));
    asked.collect::<String>().repeat(4)
}

/// All but the end of something large, as fast as it is taken.
async fn large(bad: &Bad, stream: &mut TcpStream, bytes: usize) {
    let part = [b'a'; 8_192];
    let mut left = bytes;
    while left > 0 && !bad.stops() {
        let now = left.min(part.len());
        // It waits where there is no room: until then is long enough.
        match tokio::time::timeout(TICK, stream.write_all(&part[..now])).await {
            Ok(Ok(())) => left -= now,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

async fn garbage(bad: &Bad) {
    let mut random = crewline_testkit::Random::new(7);
    let mut first = true;
    while !bad.stops() {
        if let Some(mut stream) = bad.connect(None).await {
            let bytes: Vec<u8> = (0..512).flat_map(|_| random.bits().to_le_bytes()).collect();
            let _ = stream.write_all(&bytes).await;
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(TICK, stream.read_to_end(&mut answer)).await;
        }
        if std::mem::take(&mut first) {
            bad.ready();
        }
    }
}

async fn resets(bad: &Bad) {
    let mut first = true;
    while !bad.stops() {
        if let Some(mut stream) = bad.connect(None).await {
            let _ = stream.write_all(b"GET / HT").await;
            // Closing sends a reset.
            let _ = stream.set_zero_linger();
        }
        if std::mem::take(&mut first) {
            bad.ready();
        }
        tokio::task::yield_now().await;
    }
}

/// Sends ordinary messages by HTTP, one after the other; gives how many.
fn sends(server: &Server, bad: &Arc<Bad>) -> JoinHandle<usize> {
    let (client, bad) = (server.client(), Arc::clone(bad));
    tokio::spawn(async move {
        let mut sent = 0;
        while !bad.stops() {
            let body = message("carol", &format!("{sent}"));
            let key = format!("good-{sent}");
            let (status, answer) = client
                .post_with_key("scada", "/api/v1/messages", &key, &body)
                .await;
            assert_eq!(status, 201, "a good client is refused: {answer}");
            sent += 1;
        }
        sent
    })
}

fn message(to: &str, text: &str) -> Value {
    json!({"fromExtUserId": "scada:3", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": to}], "message": text})
}

/// A log of some megabytes for alice; gives the chat.
async fn fill(server: &Server) -> String {
    let hello = json!({"participant": "scada:3"});
    let mut wire = Wire::open(server.address(), server.token("scada"), hello).await;
    let text = format!("all {}", "é".repeat(3_900));
    let mut chat = String::new();
    for turn in 0..8 {
        for id in 0..100 {
            let send = message("alice", &format!("{turn} {id} {text}"));
            wire.say(&json!({"do": {"id": id, "send": send}})).await;
        }
        let mut done = 0;
        while done < 100 {
            let frame = wire.hear().await;
            // Externals are told of nothing here but of what they did.
            let sent = frame["done"]["ok"]["chatId"].as_str();
            sent.unwrap_or_else(|| panic!("{frame}"))
                .clone_into(&mut chat);
            done += 1;
        }
    }
    chat
}

/// Stays for as long as it is let; gives the code of the close.
async fn answer_pings(mut wire: Wire) -> u16 {
    wire.closed().await
}

/// As many files as this process may have open.
fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, wanted).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn below_512_mib_nobody_good_is_refused_while_others_do_all_that_is_bad_at_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    raise_files();
    let asked = std::env::var("CREWLINE_HOSTILE_SESSIONS");
    let sessions: usize = asked.map_or(1_000, |text| text.parse().unwrap());
    let of_each = sessions / 20;
    let store = Store::make();
    let server = Server::start(&store).await;
    let chat = fill(&server).await;
    let head = server.client().head("alice", "alice").await;
    let mut quiet = JoinSet::new();
    while quiet.len() < sessions {
        let count = 500.min(sessions - quiet.len());
        for wire in many(&server, count, json!({"after": head})).await {
            quiet.spawn(answer_pings(wire));
        }
    }
    println!("{sessions} sessions: {} MiB", server.resident_mib());

    let bad = Arc::new(Bad {
        address: server
            .address()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap(),
        url: server.address().to_owned(),
        alice: server.token("alice").to_owned(),
        chat,
        ready: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        changed: Notify::new(),
        stop: AtomicBool::new(false),
    });
    let pair = Pair::start(&server).await;
    let sender = sends(&server, &bad);
    let mut attack = JoinSet::new();
    for does in ALL {
        for _ in 0..of_each {
            attack.spawn(behave(Arc::clone(&bad), does));
        }
    }
    while bad.ready.load(Ordering::SeqCst) < ALL.len() * of_each {
        tokio::select! {
            () = bad.changed.notified() => {}
            Some(ended) = attack.join_next() => ended.unwrap(),
        }
    }
    pair.rounds(pair.made() + ROUNDS).await;
    // Lists, too, are answered to whoever is not one of them.
    let _ = server.client().log("carol").await;
    let during = server.resident_mib();
    bad.stop.store(true, Ordering::SeqCst);
    let sent = sender.await.unwrap();
    pair.end("the good pair, beside all that is bad").await;
    // Some may be in the middle of a connection that nobody takes any more.
    attack.shutdown().await;

    let log = server.client().log("carol").await;
    let texts: Vec<&str> = log
        .iter()
        .filter_map(|event| event["data"]["message"].as_str())
        .collect();
    let expected: Vec<String> = (0..sent).map(|number| number.to_string()).collect();
    assert_eq!(
        texts, expected,
        "what was answered is there, once and in order"
    );
    let peak = server.peak_mib();
    let refused = bad.refused.load(Ordering::SeqCst);
    println!(
        "{sent} messages sent beside it; {during} MiB then, {peak} MiB at most; {refused} bad ones were turned away"
    );
    assert!(peak < MIB_MAX, "{peak} MiB");
    let closed = quiet.try_join_next();
    assert_eq!(
        closed.map(Result::unwrap),
        None,
        "a quiet session was closed"
    );
    server.kill().await;
    store.check();
}
