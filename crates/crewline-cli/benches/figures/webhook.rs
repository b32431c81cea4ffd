//! Webhooks to one local receiver: how many a second where many wait, and how soon one comes where few do.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crewline_api::{EventKind, EventKinds, Timestamp, WebhookUrl};
use crewline_core::{NewWebhookRow, WebhookSecret};
use crewline_store_sqlite::{Options, open_beside};
use memchr::memmem::find;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::TEXT;
use crate::live::runtime;
use crate::machine::{median, median_and_p99};
use crate::server::{People, Process, external, serve};
use crate::table::{Section, Table};

/// How many messages a second are sent where few wait.
const PACE: u64 = 200;
/// Connections that send.
const CONNECTIONS: usize = 32;
/// Turns; the middle one counts.
const TURNS: usize = 3;

/// That a message came, and when.
type Came = (String, Instant);

struct Turn {
    per_second: f64,
    cpu_us: f64,
    times: (f64, f64),
}

/// Measures.
pub(crate) fn run(folder: &Path, waiting: usize, time: Duration, table: &mut Table) {
    eprintln!("Webhooks to one local receiver …");
    let turns: Vec<Turn> = (0..TURNS)
        .map(|turn| runtime().block_on(measure(folder, turn, waiting, time)))
        .collect();
    let middle = |of: fn(&Turn) -> f64| median(turns.iter().map(of));
    let per_second = middle(|turn| turn.per_second);
    let mut section = Section::new(
        "Webhooks",
        &["", "a second", "server CPU µs each", "median ms", "p99 ms"],
    );
    section.row([
        format!(
            "{waiting} messages wait for one receiver, of an external: until it has taken the last"
        ),
        format!("{per_second:.0}"),
        format!("{:.1}", middle(|turn| turn.cpu_us)),
        String::new(),
        String::new(),
    ]);
    section.row([
        format!("{PACE} messages a second: from the answer to the sender to the receiver"),
        String::new(),
        String::new(),
        format!("{:.2}", middle(|turn| turn.times.0)),
        format!("{:.2}", middle(|turn| turn.times.1)),
    ]);
    table.section(section);
    table.aim(
        "Webhooks: 2,000 a second to one local receiver",
        format!("{per_second:.0}"),
        per_second >= 2_000.0,
    );
}

async fn measure(folder: &Path, turn: usize, waiting: usize, time: Duration) -> Turn {
    let store = folder.join(format!("webhook-{turn}.db"));
    let people = People {
        users: 1,
        with_token: 0,
        externals: 2,
    };
    let token = people.fill(&store).externals.remove(0);
    let allowed = ("CREWLINE_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8".to_owned());
    let server = serve(&store, &[], &[allowed]);
    send_all(&server, &token, waiting).await;

    let (url, mut came) = receiver().await;
    add(&store, &url);
    let mut ids = std::collections::HashSet::new();
    let first = came.recv().await.unwrap();
    let (begun, used) = (first.1, server.cpu());
    let mut last = begun;
    ids.insert(first.0);
    while ids.len() < waiting {
        let (id, at) = came.recv().await.unwrap();
        assert!(ids.insert(id), "a message came twice");
        last = at;
    }
    let cpu = server.cpu().saturating_sub(used);
    let each = (waiting - 1) as f64;
    Turn {
        per_second: each / last.duration_since(begun).as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / each,
        times: median_and_p99(paced(&server, &token, time, &mut came).await),
    }
}

/// Sends at a pace; how long each took from its answer to the receiver. One that overtakes its answer took no time.
async fn paced(
    server: &Process,
    token: &str,
    time: Duration,
    came: &mut mpsc::Receiver<Came>,
) -> Vec<Duration> {
    let mut line = Line::open(server, token).await;
    let mut answered = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / PACE));
    let count = (time.as_secs_f64() * PACE as f64) as usize;
    for _ in 0..count {
        tick.tick().await;
        let id = line.send().await;
        answered.insert(id, Instant::now());
    }
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let (id, at) = came.recv().await.unwrap();
        times.push(at.saturating_duration_since(answered[&id]));
    }
    times
}

async fn send_all(server: &Process, token: &str, count: usize) {
    let lines: Vec<_> = (0..CONNECTIONS)
        .map(|no| {
            let (address, token) = (server.address.clone(), token.to_owned());
            let share = count / CONNECTIONS + usize::from(no < count % CONNECTIONS);
            tokio::spawn(async move {
                let mut line = Line::to(&address, &token).await;
                for _ in 0..share {
                    line.send().await;
                }
            })
        })
        .collect();
    for line in lines {
        line.await.unwrap();
    }
}

/// Adds the webhook beside the server.
fn add(store: &Path, url: &str) {
    let new = NewWebhookRow {
        participant: external(1).parse().unwrap(),
        url: WebhookUrl::new(url).unwrap(),
        kinds: EventKinds::from_iter([EventKind::MessageReceived]),
        secret: WebhookSecret::from_random([7; 32]),
        after: Some(0),
    };
    let mut store = open_beside(&Options::new(store)).unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    store.directory().add_webhook(&new, now).unwrap();
}

/// A connection that sends messages to the external, one after the other.
struct Line {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Line {
    async fn open(server: &Process, token: &str) -> Self {
        Self::to(&server.address, token).await
    }

    async fn to(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (from, to) = (external(0), external(1));
        let body = format!(
            r#"{{"fromExtUserId":"{from}","fromExtUserName":"{from}","toUsers":[{{"toUserId":"{to}"}}],"message":"{TEXT}"}}"#
        );
        let mut request = Vec::new();
        write!(
            request,
            "POST /api/v1/messages HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        Self {
            stream,
            request,
            answer: vec![0; 16 * 1024],
        }
    }

    /// Sends one; its id.
    async fn send(&mut self) -> String {
        self.stream.write_all(&self.request).await.unwrap();
        let mut filled = 0;
        loop {
            filled += self.stream.read(&mut self.answer[filled..]).await.unwrap();
            let answer = &self.answer[..filled];
            if let Some(id) = message_id(answer).filter(|_| answer.ends_with(b"}")) {
                assert!(
                    answer.starts_with(b"HTTP/1.1 201"),
                    "{}",
                    String::from_utf8_lossy(answer)
                );
                return id;
            }
        }
    }
}

fn message_id(text: &[u8]) -> Option<String> {
    let name = br#""messageId":""#;
    let rest = &text[find(text, name)? + name.len()..];
    let end = find(rest, b"\"")?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// A receiver that takes everything, and costs next to nothing; where it is.
async fn receiver() -> (String, mpsc::Receiver<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, came) = mpsc::channel(100_000);
    let sender = Arc::new(sender);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(take(stream, Arc::clone(&sender)));
        }
    });
    (url, came)
}

async fn take(mut stream: TcpStream, came: Arc<mpsc::Sender<Came>>) {
    stream.set_nodelay(true).unwrap();
    let (mut buffer, mut filled) = (vec![0; 64 * 1024], 0);
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        filled += read;
        let text = &buffer[..filled];
        // One request at a time, and its body is one object.
        let Some(head) = find(text, b"\r\n\r\n") else {
            continue;
        };
        let Some(id) = message_id(&text[head..]).filter(|_| text.ends_with(b"}}")) else {
            continue;
        };
        let at = Instant::now();
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
        came.send((id, at)).await.unwrap();
        filled = 0;
    }
}
