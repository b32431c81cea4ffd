//! A server that tells others over NATS what it wrote.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{PATIENCE, Server, World, until};

/// A NATS of the test's own, on a free port.
pub(crate) struct Nats {
    child: Child,
    pub(crate) port: u64,
    _folder: TempDir,
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn nats() -> Option<Nats> {
    let known = ["/usr/sbin/nats-server", "/usr/local/bin/nats-server"];
    let program = known.into_iter().find(|path| Path::new(path).exists());
    let folder = TempDir::new().unwrap();
    let started = Command::new(program.unwrap_or("nats-server"))
        .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        eprintln!("LEFT OUT: nats-server is not here; try: apt-get install nats-server");
        return None;
    };
    let mut port = None;
    until("nats-server says its port", || {
        let file = std::fs::read_dir(folder.path()).unwrap().next();
        let text = file.and_then(|file| std::fs::read_to_string(file.unwrap().path()).ok());
        let ports = text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let url = ports.and_then(|ports| Some(ports["nats"][0].as_str()?.to_owned()));
        port = url.and_then(|url| url.rsplit(':').next()?.parse().ok());
        port.is_some()
    });
    Some(Nats {
        child,
        port: port?,
        _folder: folder,
    })
}

fn send(server: &Server, token: &str) {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }], "message": "Trip",
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", token, Some(body));
    assert_eq!(status, 201, "{sent}");
}

#[test]
fn a_server_tells_over_nats_which_logs_grew() {
    let Some(nats) = nats() else { return };
    let world = World::with_users(&["alice"]);
    let sender = world.external("scada");
    let address = format!("nats://127.0.0.1:{}", nats.port);
    let server = world.serve_with(&["--bus", &address]);
    until("NATS is connected", || {
        let metrics = server.get("/metrics", "").1;
        metrics
            .as_str()
            .unwrap()
            .contains("crewline_bus_connected 1\n")
    });
    let mut listener = TcpStream::connect(("127.0.0.1", nats.port as u16)).unwrap();
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
