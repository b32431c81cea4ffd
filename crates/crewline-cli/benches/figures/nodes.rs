//! The death of a node: all who followed their logs there go on at another one, and are told what was sent meanwhile.
//!
//! Sessions are streams of server-sent events, one of each user. The first node is killed with `kill -9`; at once a message to all is
//! sent at the second one; a session has resumed when it has that message, as the next one in its log.

use std::path::Path;
use std::time::{Duration, Instant};

use crewline_store_postgres::{Options, open_beside};
use crewline_testkit::nats::Nats;
use crewline_testkit::postgres::Postgres;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::live::runtime;
use crate::server::{People, Process, external, serve_url, user};
use crate::table::{Section, Table};
use crate::{TEXT, TURNS};

/// How many connect at once, until all are there.
const AT_ONCE: usize = 50;
/// Within this all are to have resumed.
const AIM: Duration = Duration::from_secs(5);

/// Measures.
pub(crate) fn run(folder: &Path, sessions: usize, table: &mut Table) {
    let Some(postgres) = Postgres::start_with("fsync = on", |_| {}) else {
        table.not_measured("the death of a node: PostgreSQL is not in /usr/lib/postgresql");
        return;
    };
    let Some(nats) = Nats::start() else {
        table.not_measured("the death of a node: nats-server is not here");
        return;
    };
    // An error only says that another part did it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut turns: Vec<Duration> = Vec::new();
    for turn in 1..=TURNS {
        eprintln!("a node with {sessions} sessions dies, {turn} of {TURNS} …");
        let database = postgres.database();
        turns.push(measure(folder, &database, &nats.url(), sessions));
    }
    turns.sort_unstable();
    let shown = |time: Duration| format!("{:.2}", time.as_secs_f64());
    let (median, worst) = (turns[TURNS / 2], turns[TURNS - 1]);
    let mut section = Section::new(
        "A node dies: until its sessions have resumed at another one and have what was sent meanwhile",
        &["", "sessions", "seconds", "worst of the turns"],
    );
    section.row([
        "streams".to_owned(),
        sessions.to_string(),
        shown(median),
        shown(worst),
    ]);
    table.section(section);
    table.aim(
        &format!("{sessions} sessions resume after a node's death: all within 5 s"),
        format!("{} s", shown(median)),
        median <= AIM,
    );
}

fn measure(folder: &Path, database: &str, nats: &str, sessions: usize) -> Duration {
    let people = People {
        users: sessions,
        with_token: sessions,
        externals: 1,
    };
    let mut store = open_beside(&Options::new(database), true).unwrap();
    let tokens = people.fill_in(store.directory());
    drop(store);
    let node = || serve_url(database, folder, &["--bus", nats], &[]);
    let (dies, stays) = (node(), node());
    let first = format!("http://{}", dies.address);
    let second = format!("http://{}", stays.address);
    runtime().block_on(async {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let sender = &tokens.externals[0];
        let mut here = Vec::new();
        send(&http, &first, sender, sessions).await;
        for some in tokens.users.chunks(AT_ONCE) {
            let mut opening = JoinSet::new();
            for token in some.iter().cloned() {
                let (http, first) = (http.clone(), first.clone());
                opening.spawn(async move {
                    let mut stream = Stream::open(&http, &first, &token, 0).await;
                    assert_eq!(stream.next().await, Some(1));
                    (stream, token)
                });
            }
            here.extend(opening.join_all().await);
        }
        let mut following = JoinSet::new();
        for (mut stream, token) in here {
            let (http, second) = (http.clone(), second.clone());
            following.spawn(async move {
                assert_eq!(stream.next().await, None, "nothing is sent before it dies");
                let mut stream = Stream::open(&http, &second, &token, 1).await;
                assert_eq!(stream.next().await, Some(2));
            });
        }
        let begun = kill(dies);
        send(&http, &second, sender, sessions).await;
        following.join_all().await;
        begun.elapsed()
    })
}

/// Kills a node; says when.
fn kill(node: Process) -> Instant {
    let begun = Instant::now();
    drop(node);
    begun
}

async fn send(http: &reqwest::Client, url: &str, token: &str, sessions: usize) {
    let to: Vec<Value> = (0..sessions)
        .map(|no| json!({ "toUserId": user(no) }))
        .collect();
    let body = json!({
        "fromExtUserId": external(0), "fromExtUserName": "SCADA", "toUsers": to, "message": TEXT,
    });
    let request = http
        .post(format!("{url}/api/v1/messages"))
        .bearer_auth(token);
    let response = request.json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
}

/// A stream of events.
struct Stream {
    response: reqwest::Response,
    read: Vec<u8>,
}

impl Stream {
    /// Opens it behind an event.
    async fn open(http: &reqwest::Client, url: &str, token: &str, last: u64) -> Self {
        let request = http
            .get(format!("{url}/api/v1/participants/me/events"))
            .bearer_auth(token)
            .header("Accept", "text/event-stream")
            .header("Last-Event-ID", last);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self {
            response,
            read: Vec::new(),
        }
    }

    /// The seq of the next event; `None` where the stream ended.
    async fn next(&mut self) -> Option<u64> {
        loop {
            while let Some(end) = memchr::memmem::find(&self.read, b"\n\n") {
                let piece: Vec<u8> = self.read.drain(..end + 2).collect();
                let piece = String::from_utf8(piece).unwrap();
                let data = piece.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(data) = data {
                    let event: Value = serde_json::from_str(data).unwrap();
                    return event["seq"].as_u64();
                }
            }
            let bytes = self.response.chunk().await.ok()??;
            self.read.extend_from_slice(&bytes);
        }
    }
}
