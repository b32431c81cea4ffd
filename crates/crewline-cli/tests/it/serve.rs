//! The server as a process.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Process, World};

#[test]
fn it_says_one_line_when_it_is_ready_and_stops_in_good_order() {
    let world = World::with_users(&["alice"]);
    let token = world.user("alice");
    let server = world.serve();
    assert!(
        server.url.starts_with("http://127.0.0.1:"),
        "{}",
        server.url
    );
    assert_eq!(server.get("/healthz", "").0, 200);
    assert_eq!(server.get("/readyz", "").0, 200);
    // A stream and a session that are open hold nothing up.
    let listener = Process::start(world.talk(&server.url, &token, &["listen", "--after", "0"]));
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let request = format!(
        "GET /api/v1/participants/me/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    crate::support::until("both are open", || {
        let metrics = server.get("/metrics", "").1;
        ["sse", "socket"].iter().all(|kind| {
            let open = format!("crewline_sessions{{kind=\"{kind}\"}} 1");
            metrics.as_str().unwrap().contains(&open)
        })
    });
    let start = Instant::now();
    let done = server.stop().ok();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(done.out, "", "nothing but the one line");
    listener.signal("-INT");
    assert_eq!(listener.end().code, 0);
    world.run(&["db", "check"]).ok();
}

#[test]
fn every_metric_says_what_it_is() {
    let world = World::with_users(&["alice"]);
    let token = world.external("scada");
    let server = world.serve();
    let mut send = world.talk(&server.url, &token, &["send", "--to", "alice", "Hello"]);
    assert!(send.status().unwrap().success());
    let metrics = server.get("/metrics", "").1;
    let metrics = metrics.as_str().unwrap();
    let names = |kind: &str| -> BTreeSet<String> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(kind));
        lines
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    };
    let (kinds, helps) = (names("# TYPE "), names("# HELP "));
    assert!(kinds.contains("crewline_messages_accepted_total"));
    let silent: Vec<_> = kinds.difference(&helps).collect();
    assert!(silent.is_empty(), "{silent:?}");
    server.stop().ok();
}

#[test]
fn a_second_server_on_one_store_is_refused_with_the_first_ones_number() {
    let world = World::new();
    let server = world.serve();
    let failed = world.run(&["serve", "--listen", "127.0.0.1:0"]).failed(1);
    assert!(
        failed.err.contains(&server.process.id().to_string()),
        "{}",
        failed.err
    );
    assert!(failed.err.contains("crewline.db"), "{}", failed.err);
    assert_eq!(server.get("/readyz", "").0, 200, "the first goes on");
    server.stop().ok();
    world.serve().stop().ok();
}

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let (world, other) = (World::new(), World::new());
    let server = world.serve();
    let address = server.url.trim_start_matches("http://");
    let failed = other.run(&["serve", "--listen", address]).failed(1);
    assert!(
        failed.err.contains(address) && failed.err.contains("\n  try: "),
        "{}",
        failed.err
    );
}

#[test]
fn a_store_that_cannot_be_opened_is_told_with_its_file() {
    let world = World::new();
    let failed = world
        .run(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            "sqlite://none/x.db",
        ])
        .failed(1);
    assert!(
        failed.err.starts_with("error: ") || failed.err.contains("\nerror: "),
        "{}",
        failed.err
    );
    assert!(failed.err.contains("none"), "{}", failed.err);
}

#[test]
fn listening_elsewhere_than_on_loopback_warns_loudly() {
    let world = World::new();
    let start = |env: &[(&str, &str)]| {
        let mut command = world.command(&["serve", "--listen", "0.0.0.0:0"]);
        command.envs(env.iter().copied());
        let mut process = Process::start(command);
        process.line();
        process.signal("-TERM");
        process.end().ok().err
    };
    let loud = start(&[]);
    assert!(
        loud.contains("WARN") && loud.contains("WITHOUT TLS"),
        "{loud}"
    );
    for (name, value) in [
        ("CREWLINE_HTTP_BEHINDTLS", "true"),
        ("CREWLINE_HTTP_TRUSTED_PROXIES", "10.0.0.5,fd00::/8"),
    ] {
        let quiet = start(&[(name, value)]);
        assert!(!quiet.contains("WITHOUT TLS"), "{name}: {quiet}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let world = World::new();
    let server = world.serve();
    // A request whose body never comes keeps it busy.
    let mut half = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    half.write_all(b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n")
        .unwrap();
    half.write_all(b"Expect: 100-continue\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    half.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    let start = Instant::now();
    server.process.signal("-TERM");
    // The first one was heeded when nobody is let in any more.
    let address = server.url.trim_start_matches("http://").to_owned();
    crate::support::until("nobody is let in", || TcpStream::connect(&address).is_err());
    server.process.signal("-TERM");
    let done = server.process.end();
    assert_eq!(done.code, 130, "{done:?}");
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn logs_are_json_where_that_is_asked_for_and_name_the_request() {
    let world = World::new();
    let server = world.serve_with(&[
        "--log-format",
        "json",
        "--log-level",
        "info,crewline_http=debug",
    ]);
    let (status, problem) = server.get("/api/v1/me", "crewline_wrong");
    assert_eq!(status, 401);
    let log = server.stop().ok().err;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let id = problem["requestId"].as_str().unwrap();
    assert!(
        lines.iter().any(|line| line.to_string().contains(id)),
        "{id}: {log}"
    );
    assert!(!log.contains("crewline_wrong"), "secrets are never logged");
}
