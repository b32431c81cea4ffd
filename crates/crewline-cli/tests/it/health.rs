//! What containers and systemd are told: whether the server is alive, ready, and about to stop.

use std::os::unix::net::UnixDatagram;

use crate::support::{PATIENCE, Process, World};

#[test]
fn health_asks_the_server_that_the_configuration_describes() {
    let world = World::new();
    let server = world.serve();
    let address = server.url.trim_start_matches("http://").to_owned();
    let health = |args: &[&str]| world.run(&[&["health", "--listen", &address], args].concat());
    let alive = health(&[]).ok();
    assert_eq!(alive.line(), format!("alive: {}", server.url));
    assert_eq!(
        health(&["--ready"]).ok().line(),
        format!("ready: {}", server.url)
    );
    // Who listens everywhere is asked on this machine.
    let port = address.rsplit(':').next().unwrap();
    let everywhere = format!("0.0.0.0:{port}");
    let set = [("CREWLINE_HTTP_LISTEN", everywhere.as_str())];
    world.run_env(&["health"], &set).ok();
    server.stop().ok();
    let gone = health(&[]).failed(1);
    assert!(gone.err.contains("nobody answers"), "{gone:?}");
}

#[test]
fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let world = World::new();
    let socket = UnixDatagram::bind(world.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", world.path("notify"));
    let mut process = Process::start(command);
    let heard = || {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    assert_eq!(heard().trim(), "READY=1");
    // Not before it answers.
    let line = process.line();
    let url = line.strip_prefix("listening on ").unwrap();
    assert_eq!(crate::support::call(url, "GET", "/readyz", "", None).0, 200);
    process.signal("-TERM");
    assert_eq!(heard().trim(), "STOPPING=1");
    process.end().ok();
}
