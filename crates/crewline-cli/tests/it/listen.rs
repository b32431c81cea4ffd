//! Listening.

use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::support::{Process, Server, World, finish, until};

/// Sends from the external of the token.
fn send(server: &Server, token: &str, text: &str) -> Value {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }], "message": text,
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", token, Some(body));
    assert_eq!(status, 201, "{sent}");
    sent
}

/// Waits until as many sessions are open.
pub(crate) fn sessions(server: &Server, count: usize) {
    until("sessions are open", || {
        let metrics = server.get("/metrics", "").1;
        metrics
            .as_str()
            .unwrap()
            .contains(&format!("crewline_sessions{{kind=\"socket\"}} {count}\n"))
    });
}

#[test]
fn it_begins_now_unless_told_otherwise() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    send(&server, &sender, "Before");
    let mut now = Process::start(world.talk(&server.url, &alice, &["listen", "--json"]));
    let mut all =
        Process::start(world.talk(&server.url, &alice, &["listen", "--json", "--after", "0"]));
    let mut people = Process::start(world.talk(&server.url, &alice, &["listen", "--after", "0"]));
    assert_eq!(all.json()["data"]["message"], "Before");
    assert!(people.line().contains("scada (SCADA)  fleeting  Before"));
    sessions(&server, 3);
    send(&server, &sender, "After");
    let event = now.json();
    assert_eq!(
        (&event["seq"], &event["data"]["message"]),
        (&2.into(), &"After".into())
    );
    assert_eq!(all.json(), event);
    now.signal("-INT");
    assert_eq!(now.end().ok().out, "");
    all.signal("-TERM");
    all.end().ok();
}

#[test]
fn a_sender_sees_receipts_as_ticks() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let mut listener =
        Process::start(world.talk(&server.url, &sender, &["listen", "--after", "0"]));
    let sent = send(&server, &sender, "Hello");
    server.receipt(&alice, &sent["messageId"], "acknowledged");
    assert!(listener.line().contains("✓ delivered to alice (implied)"));
    assert!(listener.line().contains("✓ read by alice (implied)"));
    let line = listener.line();
    assert!(line.contains("✓ acknowledged by alice  ["), "{line}");
}

#[test]
fn a_cursor_is_moved_after_what_was_printed_and_resumed_from() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let args = ["listen", "--json", "--cursor", "desk 1"];
    send(&server, &sender, "One");
    let mut listener = Process::start(world.talk(&server.url, &alice, &args));
    assert_eq!(listener.json()["data"]["message"], "One");
    let path = "/api/v1/participants/me/cursors/desk%201";
    until("the cursor was moved", || {
        server.get(path, &alice).1["seq"] == 1
    });
    listener.signal("-INT");
    listener.end().ok();
    send(&server, &sender, "Two");
    let mut listener = Process::start(world.talk(&server.url, &alice, &args));
    assert_eq!(listener.json()["data"]["message"], "Two");
}

#[test]
fn a_lost_connection_is_made_again_and_nothing_is_skipped_or_repeated() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(&server.url, Vec::new());
    let mut listener =
        Process::start(world.talk(&proxy.url, &alice, &["listen", "--json", "--after", "0"]));
    send(&server, &sender, "One");
    assert_eq!(listener.json()["seq"], 1);
    proxy.cut();
    send(&server, &sender, "Two");
    server.stop().ok();
    let server = world.serve();
    send(&server, &sender, "Three");
    proxy.mend(&server.url);
    assert_eq!(
        (
            listener.json()["seq"].clone(),
            listener.json()["seq"].clone()
        ),
        (2.into(), 3.into())
    );
}

#[test]
fn a_revoked_token_ends_the_open_session() {
    let world = World::with_users(&["alice"]);
    let (alice, server) = (world.user("alice"), world.serve());
    let listener = Process::start(world.talk(&server.url, &alice, &["listen"]));
    sessions(&server, 1);
    world.run(&["token", "revoke", &alice]).ok();
    let start = std::time::Instant::now();
    sessions(&server, 0);
    // The contract says a second; the machine that tests may be busy with other tests.
    assert!(
        start.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    let done = listener.end().failed(1);
    assert!(done.err.contains("unauthenticated"), "{}", done.err);
}

#[test]
fn a_disabled_user_is_shut_out_beside_the_running_server_and_let_in_again() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    assert_eq!(server.get("/api/v1/me", &alice).0, 200);
    world.run(&["user", "disable", "alice"]).ok();
    until("alice is shut out", || {
        server.get("/api/v1/me", &alice).0 == 401
    });
    let failed = finish(world.talk(
        &server.url,
        &sender,
        &["send", "--to", "alice", "--to", "bob", "Hello"],
    ))
    .failed(1);
    assert!(failed.err.contains("unknown_recipient"), "{}", failed.err);
    world.run(&["user", "enable", "alice"]).ok();
    until("alice is back", || {
        server.get("/api/v1/me", &alice).0 == 200
    });
    finish(world.talk(
        &server.url,
        &sender,
        &["send", "--to", "alice", "--to", "bob", "Hello"],
    ))
    .ok();
}

#[test]
fn a_wrong_place_is_told_and_not_waited_for() {
    let world = World::with_users(&["alice"]);
    let (alice, server) = (world.user("alice"), world.serve());
    let done = finish(world.talk(&server.url, &alice, &["listen", "--after", "7"])).failed(1);
    assert!(done.err.contains("ahead_of_log"), "{}", done.err);
    let prefix = world.external("scada:*");
    for args in [vec!["listen"], vec!["listen", "--after", "0"]] {
        let done = finish(world.talk(&server.url, &prefix, &args)).failed(1);
        assert!(done.err.contains("--participant ID"), "{}", done.err);
    }
    let args = ["listen", "--participant", "someone else"];
    let done = finish(world.talk(&server.url, &alice, &args)).failed(1);
    assert!(done.err.contains("not_found"), "{}", done.err);
    finish(world.talk(&server.url, &alice, &["listen", "--cursor", ""])).failed(2);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    std::thread::spawn(move || closed.incoming().for_each(drop));
    let done = finish(world.talk(&url, &alice, &["listen"])).failed(1);
    assert!(
        done.err.contains("cannot reach") && done.err.contains("crewline serve"),
        "{}",
        done.err
    );
}

#[test]
fn what_was_not_taken_is_not_confirmed() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let mut child = world
        .talk(&server.url, &alice, &["listen", "--cursor", "desk"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    sessions(&server, 1);
    send(&server, &sender, "Nobody reads this");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (status, _) = server.get("/api/v1/participants/me/cursors/desk", &alice);
    assert_eq!(status, 404, "the cursor was never put");
}
