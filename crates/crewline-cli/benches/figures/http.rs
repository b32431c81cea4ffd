//! HTTP: the server as its own process, and a client that does as little as it can.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::machine::{Turn, cpu};
use crate::{PEOPLE, TEXT};

const CONNECTIONS: usize = 64;

/// What a turn measured, and how long each answer took.
pub(crate) struct HttpTurn {
    pub(crate) turn: Turn,
    pub(crate) median_ms: f64,
    pub p99_ms: f64,
}

struct Server {
    child: Child,
    address: String,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn crewline(store: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crewline"));
    command.args(["--store", store]);
    command
}

fn start(folder: &Path, turn: usize, checkpoint_pages: u32) -> Server {
    let store = format!(
        "sqlite://{}",
        folder.join(format!("http-{turn}.db")).display()
    );
    let mut rows = b"id,name,role,password\n".to_vec();
    for no in 1..=PEOPLE {
        writeln!(rows, "user-{no},User {no},crew,").unwrap();
    }
    let file = folder.join("people.csv");
    std::fs::File::create(&file)
        .unwrap()
        .write_all(&rows)
        .unwrap();
    let imported = crewline(&store)
        .args(["user", "import"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        imported.status.success(),
        "{}",
        String::from_utf8_lossy(&imported.stderr)
    );
    let token = crewline(&store)
        .args(["token", "create", "--external", "scada"])
        .output()
        .unwrap();
    assert!(
        token.status.success(),
        "{}",
        String::from_utf8_lossy(&token.stderr)
    );
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let mut child = crewline(&store)
        .env(
            "CREWLINE_SQLITE_CHECKPOINT_PAGES",
            checkpoint_pages.to_string(),
        )
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .unwrap()
        .to_owned();
    Server {
        child,
        address,
        token,
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
    let (mut request, mut answer, mut times) = (Vec::new(), vec![0u8; 16 * 1024], Vec::new());
    while Instant::now() < end {
        let to = 1 + next.fetch_add(1, Ordering::Relaxed) % PEOPLE as u64;
        let body = format!(
            r#"{{"fromExtUserId":"scada","fromExtUserName":"SCADA","toUsers":[{{"toUserId":"user-{to}"}}],"message":"{TEXT}","priority":2}}"#
        );
        request.clear();
        write!(
            request,
            "POST /api/v1/messages HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
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
    // The load generator takes one thread, and leaves the server the rest.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (next, end) = (Arc::<AtomicU64>::default(), Instant::now() + time);
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, token) = (server.address.clone(), server.token.clone());
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

pub(crate) fn run(folder: &Path, turn: usize, time: Duration) -> HttpTurn {
    let server = start(folder, turn, 16_000);
    let process = server.child.id().to_string();
    load(&server, Duration::from_millis(500));
    let (begun, used) = (Instant::now(), cpu(&process));
    let mut times = load(&server, time);
    let turn = Turn {
        messages: times.len() as u64,
        time: begun.elapsed(),
        cpu: cpu(&process).saturating_sub(used),
    };
    times.sort_unstable();
    let ms = |at: usize| times[at.min(times.len() - 1)].as_secs_f64() * 1e3;
    HttpTurn {
        turn,
        median_ms: ms(times.len() / 2),
        p99_ms: ms(times.len() * 99 / 100),
    }
}

/// Bytes of WAL for each message: from a short load, before any page is moved.
pub(crate) fn wal_bytes(folder: &Path) -> f64 {
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
