//! The demo of the first start.

use std::process::Command;

use crate::support::{World, finish};

#[test]
fn the_first_start_prints_how_to_use_it_and_the_second_keeps_what_is_there() {
    let world = World::new();
    let first = world.serve_with(&["--demo"]);
    let url = first.url.clone();
    let text = first.stop().ok().err;
    for part in [
        "admin",
        "alice",
        "bob",
        "/api/v1/session",
        "/api/docs",
        &url,
        "Open the app",
        "send --priority emergency --to alice",
        "shown this once",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let second = world.serve_with(&["--demo"]);
    let listen = pasted(&text, " listen", &second.url);
    let send = pasted(&text, " send --to alice", &second.url);
    let send = send.replace("--wait read --timeout 10m", "--wait accepted");
    let mut sent = shell(&world, &send);
    assert_eq!(sent.code, 0, "{sent:?}");
    sent = finish(world.command(&["token", "list", "--json"]));
    assert_eq!(sent.json()["tokens"].as_array().unwrap().len(), 2);
    // From the start, so that the message that was sent before comes too.
    let mut listener = crate::support::Process::start({
        let mut command = shell_command(&world, &format!("exec env {listen} --after 0"));
        command.stdout(std::process::Stdio::piped());
        command
    });
    let line = listener.line();
    assert!(
        line.contains("scada:demo") && line.contains("Breaker 1204 has tripped"),
        "{line}"
    );
    drop(listener);
    let password = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("alice  ")?.split("  ").next())
        .unwrap();
    let sign_in = serde_json::json!({ "userId": "alice", "password": password });
    let (status, answer) = second.call("POST", "/api/v1/session", "", Some(sign_in));
    assert_eq!(status, 201, "{answer}");
    let again = second.stop().ok().err;
    assert!(
        !again.contains("CREWLINE_TOKEN=") && !again.contains(password),
        "{again}"
    );
    assert!(again.contains("token create --user alice"), "{again}");
}

#[test]
fn a_store_with_people_in_it_gets_no_demo() {
    let world = World::with_users(&["carol"]);
    let text = world.serve_with(&["--demo"]).stop().ok().err;
    assert!(text.contains("was left as it is"), "{text}");
    let users = world.run(&["user", "list", "--json"]).ok().json();
    assert_eq!(users["users"].as_array().unwrap().len(), 1);
}

/// The line to paste that has `part` in it, for a server that has another port now.
fn pasted(text: &str, part: &str, url: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.contains("CREWLINE_TOKEN=") && line.contains(part))
        .unwrap()
        .trim();
    let line = line
        .split_once(' ')
        .filter(|(first, _)| first.starts_with("CREWLINE_URL="))
        .map_or(line, |(_, rest)| rest);
    format!("CREWLINE_URL={url} {line}")
}

fn shell_command(world: &World, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(world.path("."));
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command
}

fn shell(world: &World, line: &str) -> crate::support::Done {
    finish(shell_command(world, line))
}
