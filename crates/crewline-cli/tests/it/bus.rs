//! A server that tells others over NATS what it wrote.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use crewline_testkit::nats::Nats;
use serde_json::json;

use crate::support::{PATIENCE, Server, World, until};

fn send(server: &Server, token: &str) {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }], "message": "Trip",
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", token, Some(body));
    assert_eq!(status, 201, "{sent}");
}

#[test]
fn a_server_tells_over_nats_which_logs_grew() {
    let Some(nats) = Nats::start() else {
        return;
    };
    let world = World::with_users(&["alice"]);
    let sender = world.external("scada");
    let server = world.serve_with(&["--bus", &nats.url()]);
    until("NATS is connected", || {
        let metrics = server.get("/metrics", "").1;
        metrics
            .as_str()
            .unwrap()
            .contains("crewline_bus_connected 1\n")
    });
    let mut listener = TcpStream::connect(("127.0.0.1", nats.port())).unwrap();
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    listener
        .write_all(b"CONNECT {\"verbose\":false}\r\nSUB crewline.hints 1\r\nPING\r\n")
        .unwrap();
    let mut lines = BufReader::new(listener).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "PONG"), "it is subscribed");
    send(&server, &sender);
    let hint = lines.find(|line| line.starts_with("crewline1 ") && line.contains(':'));
    let hint = hint.unwrap();
    let grew = hint.split(' ').filter(|word| word.ends_with(":1")).count();
    assert_eq!(grew, 1, "one log has one event: {hint}");
    server.stop().ok();
}

#[test]
fn a_server_works_while_nats_is_away_and_its_password_shows_nowhere() {
    let world = World::with_users(&["alice"]);
    let sender = world.external("scada");
    // Nobody listens there.
    let address = "nats://crewline:hidden-secret@127.0.0.1:1";
    let shown = world
        .run_env(&["config", "show"], &[("CREWLINE_BUS_URL", address)])
        .ok();
    assert!(
        shown.out.contains("nats://crewline:(hidden)@127.0.0.1:1"),
        "{}",
        shown.out
    );
    let server = world.serve_with(&["--bus", address]);
    send(&server, &sender);
    let done = server.stop().ok();
    assert!(!done.err.contains("hidden-secret"), "{}", done.err);
    let wrong = world
        .run(&["serve", "--bus", "http://crewline:hidden-secret@a"])
        .failed(1);
    assert!(
        wrong.err.contains("bus.url") && !wrong.err.contains("hidden-secret"),
        "{}",
        wrong.err
    );
}
