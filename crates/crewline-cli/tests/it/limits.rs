//! The limit of open files.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::{PATIENCE, Process, World, finish};

/// A command of the binary in a shell that has set a limit before.
fn limited(world: &World, limit: &str, args: &[&str]) -> Command {
    let binary = world.command(args);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
        .arg(binary.get_program())
        .args(binary.get_args())
        .current_dir(world.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[test]
fn a_server_takes_more_connections_than_the_soft_limit_of_open_files() {
    let world = World::with_users(&["alice"]);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let mut server = Process::start(limited(&world, "ulimit -Sn 64", &serve));
    let line = server.line();
    let address = line.strip_prefix("listening on http://").unwrap();
    let connect = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // It stays open.
        stream
    };
    let open: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    drop(open);
    server.signal("-TERM");
    let done = server.end().ok();
    assert!(done.err.contains("open_files="), "{}", done.err);
}

#[test]
fn the_doctor_warns_of_a_low_hard_limit_of_open_files() {
    let world = World::with_users(&["alice"]);
    let doctor = |limit: &str| {
        let mut command = limited(&world, limit, &["doctor", "--json"]);
        command.env("CREWLINE_HTTP_LISTEN", "127.0.0.1:0");
        let checks = finish(command).ok().json();
        let checks = checks["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["check"] == "open files");
        found.unwrap().clone()
    };
    let low = doctor("ulimit -Sn 500 && ulimit -Hn 512");
    assert_eq!(low["status"], "warn", "{low}");
    assert!(low["what"].as_str().unwrap().contains("512"), "{low}");
    assert!(low["remedy"].as_str().unwrap().contains("LimitNOFILE"));
}
