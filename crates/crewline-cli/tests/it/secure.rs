//! What the page on security claims of the whole program, and no other test shows.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, World, until};

/// A password that stands nowhere else.
const RIGHT: &str = "a horse that nobody else has";
const WRONG: &str = "a horse of somebody else";

fn sign_in(server: &Server, user: &str, password: &str) -> (u16, Value) {
    let body = json!({"userId": user, "password": password});
    server.call("POST", "/api/v1/session", "", Some(body))
}

/// How many passwords were hashed since the server was started.
fn hashed(server: &Server) -> u64 {
    let (status, text) = server.get("/metrics", "");
    assert_eq!(status, 200, "{text}");
    let mut lines = text.as_str().unwrap().lines();
    let line = lines.find_map(|line| line.strip_prefix("crewline_password_hashes_total "));
    line.unwrap().parse().unwrap()
}

#[test]
fn signing_in_costs_one_hash_whoever_it_is_and_looks_the_same() {
    let world = World::with_users(&["alice", "shut"]);
    world.run(&["user", "add", "without"]).ok();
    world.run(&["user", "disable", "shut"]).ok();
    let server = world.serve();
    let mut answers = Vec::new();
    for (user, password, status) in [
        ("alice", PASSWORD, 201),
        ("alice", WRONG, 401),
        ("nobody", WRONG, 401),
        (
            "nobody-with-a-much-longer-name-than-anybody-who-is-there",
            PASSWORD,
            401,
        ),
        ("without", WRONG, 401),
        ("shut", PASSWORD, 401),
        ("shut", WRONG, 401),
    ] {
        let before = hashed(&server);
        let (answered, mut answer) = sign_in(&server, user, password);
        assert_eq!(answered, status, "{user}: {answer}");
        assert_eq!(hashed(&server) - before, 1, "{user}, {password}");
        if status == 401 {
            answer.as_object_mut().unwrap().remove("requestId");
            answers.push(answer);
        }
    }
    assert!(
        answers.windows(2).all(|two| two[0] == two[1]),
        "{answers:?}"
    );
    server.stop().ok();
}

#[test]
fn a_sign_in_takes_over_no_session_that_came_with_it() {
    let world = World::with_users(&["alice", "mallory"]);
    let server = world.serve();
    let of = |answer: (u16, Value)| answer.1["token"].as_str().unwrap().to_owned();
    let planted = of(sign_in(&server, "mallory", PASSWORD));
    // The browser has the cookie of somebody else's session, or one that nobody has: neither becomes that of who signs in.
    let nobodys = format!("crewline_{}", "0".repeat(64));
    for cookie in [planted.as_str(), nobodys.as_str()] {
        let body = json!({"userId": "alice", "password": PASSWORD}).to_string();
        let length = body.len();
        let request = format!(
            "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nCookie: crewline_session={cookie}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let answer = said(&server, &request);
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        assert!(!answer.contains(cookie), "{answer}");
    }
    assert_eq!(server.get("/api/v1/me", &planted).1["userId"], "mallory");
    assert_eq!(server.get("/api/v1/me", &nobodys).0, 401);
    let (one, other) = (
        of(sign_in(&server, "alice", PASSWORD)),
        of(sign_in(&server, "alice", PASSWORD)),
    );
    assert_ne!(one, other);
    server.stop().ok();
}

#[test]
fn a_new_password_ends_the_sessions_of_before() {
    let world = World::with_users(&["alice", "bob"]);
    let server = world.serve();
    let of = |answer: (u16, Value)| answer.1["token"].as_str().unwrap().to_owned();
    let (alice, bob) = (
        of(sign_in(&server, "alice", PASSWORD)),
        of(sign_in(&server, "bob", PASSWORD)),
    );
    assert_eq!(server.get("/api/v1/me", &alice).0, 200);
    let change = ["user", "passwd", "alice", "--password-stdin"];
    world.run_with(&change, &format!("{RIGHT}\n")).ok();
    until("the session of before is over", || {
        server.get("/api/v1/me", &alice).0 == 401
    });
    assert_eq!(sign_in(&server, "alice", PASSWORD).0, 401);
    assert_eq!(sign_in(&server, "alice", RIGHT).0, 201);
    assert_eq!(server.get("/api/v1/me", &bob).0, 200);
    server.stop().ok();
}

#[test]
fn no_secret_stands_in_the_store_the_log_or_what_commands_show() {
    let world = World::new();
    let add = ["user", "add", "alice", "--password-stdin"];
    world.run_with(&add, &format!("{RIGHT}\n")).ok();
    let token = world.user("alice");
    let server = world.serve_with(&["--log-level", "trace"]);
    let session = sign_in(&server, "alice", RIGHT).1["token"]
        .as_str()
        .unwrap()
        .to_owned();
    sign_in(&server, "alice", WRONG);
    for secret in [&token, &session] {
        assert_eq!(server.get("/api/v1/me", secret).0, 200);
    }
    let secrets = [RIGHT, WRONG, &token, &session];
    let holds = |bytes: &[u8], secret: &str| {
        bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes())
    };
    // While it runs the latest of it stands in the write-ahead log.
    let look = || {
        for entry in std::fs::read_dir(world.path(".")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let found = secrets.iter().find(|secret| holds(&bytes, secret));
            assert_eq!(found, None, "{}", path.display());
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(
                mode & 0o077,
                0,
                "{} may be read by others: {mode:o}",
                path.display()
            );
        }
    };
    look();
    world.run(&["db", "backup", "copy.db"]).ok();
    let stopped = server.stop().ok();
    look();
    let shown = [
        world.run(&["token", "list", "--json"]).ok(),
        world.run(&["user", "list", "--json"]).ok(),
        world.run(&["audit", "--json"]).ok(),
        world.run(&["doctor"]),
        world
            .run_env(&["config", "show"], &[("CREWLINE_TOKEN", &token)])
            .ok(),
        stopped,
    ];
    for done in shown {
        for secret in secrets {
            assert!(
                !done.out.contains(secret) && !done.err.contains(secret),
                "{secret}: {done:?}"
            );
        }
    }
}

/// One request as it is written, and its answer: a library would make the path a clean one.
fn said(server: &Server, request: &str) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_path_leads_out_of_the_files_of_the_app() {
    let world = World::new();
    let server = world.serve();
    for path in [
        "/../../../Cargo.toml",
        "/assets/../../../Cargo.toml",
        "/assets/..%2f..%2f..%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/..%5c..%5cpackage.json",
        "/assets//etc/hostname",
        "/assets/%2fetc%2fhostname",
        "/assets/.gitignore",
        "/assets/..%2f.gitignore",
        "/assets/app.js%00.css",
        "/api/docs/..%2f..%2fCargo.toml",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = said(&server, &request);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
        assert!(
            !answer.contains("[package]") && !answer.contains("[workspace]"),
            "{path}: {answer}"
        );
    }
    server.stop().ok();
}
