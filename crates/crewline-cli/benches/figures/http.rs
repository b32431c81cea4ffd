//! HTTP: the server as its own process, and a client that does as little as it can.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::live::protocol::body;
use crate::live::runtime;
use crate::machine::{Turn, median, median_and_p99};
use crate::server::{People, Process, serve};
use crate::table::Table;
use crate::{PEOPLE, TURNS, cost};

const CONNECTIONS: usize = 64;

/// What a turn measured, and how long answers took: the middle one, and the p99.
struct HttpTurn {
    turn: Turn,
    answered: (f64, f64),
}

/// Measures.
pub(crate) fn measure(folder: &Path, time: Duration, table: &mut Table) {
    eprintln!("HTTP, 64 connections …");
    let turns: Vec<_> = (0..TURNS).map(|turn| run(folder, turn, time)).collect();
    let wal = wal_bytes(folder);
    let all: Vec<Turn> = turns.iter().map(|turn| turn.turn).collect();
    let note = format!(
        "answered in {:.1} ms, p99 {:.1} ms; CPU is the server's",
        median(turns.iter().map(|turn| turn.answered.0)),
        median(turns.iter().map(|turn| turn.answered.1))
    );
    let mut section = cost::section("A message over HTTP");
    section.row(cost::row("HTTP", CONNECTIONS, &all, Some(wal), note));
    table.section(section);
    let cpu = median(all.iter().map(Turn::cpu_us));
    table.aim(
        "HTTP: below 80 µs of server CPU a message",
        format!("{cpu:.1} µs"),
        cpu < 80.0,
    );
}

struct Server {
    process: Process,
    token: String,
}

fn start(folder: &Path, turn: usize, checkpoint_pages: u32) -> Server {
    let store = folder.join(format!("http-{turn}.db"));
    let people = People {
        users: PEOPLE,
        with_token: 0,
        externals: 1,
    };
    let mut tokens = people.fill(&store);
    let pages = (
        "CREWLINE_SQLITE_CHECKPOINT_PAGES",
        checkpoint_pages.to_string(),
    );
    Server {
        process: serve(&store, &[], &[pages]),
        token: tokens.externals.remove(0),
    }
}

/// One request after the other on one connection, until `end`.
async fn connection(
    address: String,
    token: String,
    next: Arc<AtomicU64>,
    end: Instant,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut message, mut request, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut answer = vec![0u8; 16 * 1024];
    while Instant::now() < end {
        let to = next.fetch_add(1, Ordering::Relaxed) as usize % PEOPLE;
        message.clear();
        body(&mut message, 0, [to]);
        request.clear();
        write!(
            request,
            "POST /api/v1/messages HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            message.len()
        )
        .unwrap();
        request.extend_from_slice(&message);
        let begun = Instant::now();
        stream.write_all(&request).await.unwrap();
        let mut filled = 0;
        loop {
            let read = stream.read(&mut answer[filled..]).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if is_whole(&answer[..filled]) {
                break;
            }
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 201"),
            "{}",
            String::from_utf8_lossy(&answer[..filled])
        );
        times.push(begun.elapsed());
    }
    times
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .unwrap();
    answer.len() >= head + 4 + length.trim().parse::<usize>().unwrap()
}

/// Loads a server from all connections for a time; returns how long each answer took.
fn load(server: &Server, time: Duration) -> Vec<Duration> {
    let runtime = runtime();
    let (next, end) = (Arc::<AtomicU64>::default(), Instant::now() + time);
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, token) = (server.process.address.clone(), server.token.clone());
            runtime.spawn(connection(address, token, Arc::clone(&next), end))
        })
        .collect();
    runtime.block_on(async {
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        times
    })
}

fn run(folder: &Path, turn: usize, time: Duration) -> HttpTurn {
    let server = start(folder, turn, 16_000);
    load(&server, Duration::from_millis(500));
    let (begun, used) = (Instant::now(), server.process.cpu());
    let times = load(&server, time);
    let turn = Turn {
        messages: times.len() as u64,
        time: begun.elapsed(),
        cpu: server.process.cpu().saturating_sub(used),
    };
    HttpTurn {
        turn,
        answered: median_and_p99(times),
    }
}

/// Bytes of WAL for each message: from a short load, before any page is moved.
fn wal_bytes(folder: &Path) -> f64 {
    const TURN: usize = 1_000;
    let server = start(folder, TURN, 1_000_000);
    let wal = || {
        std::fs::metadata(folder.join(format!("http-{TURN}.db-wal")))
            .unwrap()
            .len()
    };
    load(&server, Duration::from_millis(500));
    let before = wal();
    let messages = load(&server, Duration::from_millis(500)).len();
    let after = wal();
    assert!(after > before, "pages were moved while this was measured");
    (after - before) as f64 / messages as f64
}
