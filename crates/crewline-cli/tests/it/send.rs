//! Sending, and watching what becomes of it.

use crate::proxy::{Fault, Proxy};
use crate::support::{Process, World, finish};

#[test]
fn accepted_is_enough_unless_more_is_asked_for() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let send = [
        "send",
        "--to",
        "alice",
        "--to",
        "bob",
        "--to",
        "alice",
        "--priority",
        "emergency",
        "Leave the site",
    ];
    let done = finish(world.talk(&server.url, &sender, &send)).ok();
    let lines: Vec<Vec<&str>> = done
        .out
        .lines()
        .map(|line| line.split_whitespace().skip(2).collect())
        .collect();
    assert_eq!(
        lines,
        [["alice", "accepted"], ["bob", "accepted"]],
        "{}",
        done.out
    );
    let received = server.received(&alice);
    assert_eq!(received.len(), 1);
    assert_eq!(
        (&received[0]["priority"], &received[0]["message"]),
        (&1.into(), &"Leave the site".into())
    );
    assert_eq!(
        (&received[0]["fromUserId"], &received[0]["fromUserName"]),
        (&"scada".into(), &"scada".into())
    );
}

#[test]
fn each_state_is_shown_as_it_comes_until_all_have_reached_the_one_asked_for() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, server) = (world.external("scada ä/1"), world.serve());
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let send = [
        "send",
        "--to",
        "alice",
        "--to",
        "bob",
        "--from-name",
        "SCADA",
        "--wait",
        "read",
        "--json",
        "Hello",
    ];
    let mut sending = Process::start(world.talk(&server.url, &sender, &send));
    let (first, second) = (sending.json(), sending.json());
    assert_eq!(
        (&first["userId"], &first["state"]),
        (&"alice".into(), &"accepted".into())
    );
    assert_eq!(
        (&second["userId"], &second["state"]),
        (&"bob".into(), &"accepted".into())
    );
    let message = &first["messageId"];
    let mut step = |token: &str, said: &str, user: &str, state: &str, implied: bool| {
        if !said.is_empty() {
            server.receipt(token, message, said);
        }
        let line = sending.json();
        assert_eq!(
            (&line["userId"], &line["state"]),
            (&user.into(), &state.into()),
            "{line}"
        );
        assert_eq!(
            line["implied"].as_bool().unwrap_or(false),
            implied,
            "{line}"
        );
    };
    step(&alice, "delivered", "alice", "delivered", false);
    step(&bob, "read", "bob", "delivered", true);
    step(&bob, "", "bob", "read", false);
    step(&alice, "acknowledged", "alice", "read", true);
    let done = sending.end().ok();
    assert!(!done.out.contains("accepted"), "{done:?}");
}

#[test]
fn delivered_by_all_is_enough_where_that_is_asked_for() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let send = ["send", "--to", "alice", "--wait", "delivered", "Hello"];
    let mut sending = Process::start(world.talk(&server.url, &sender, &send));
    assert!(sending.line().ends_with("alice  accepted"));
    server.receipt(
        &alice,
        &server.received(&alice)[0]["messageId"],
        "delivered",
    );
    assert!(sending.line().ends_with("alice  delivered"));
    sending.end().ok();
}

#[test]
fn when_the_time_is_over_it_exits_3_and_names_who_is_missing() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, server) = (world.external("scada"), world.serve());
    let send = [
        "send",
        "--to",
        "alice",
        "--to",
        "bob",
        "--wait",
        "read",
        "--timeout",
        "3s",
        "Hello",
    ];
    let done = finish(world.talk(&server.url, &sender, &send)).failed(3);
    assert!(
        done.err.contains("it was not read by alice, bob"),
        "{}",
        done.err
    );
}

#[test]
fn what_is_refused_exits_1_and_names_the_field() {
    let world = World::with_users(&["alice"]);
    let (sender, server) = (world.external("scada"), world.serve());
    let send = [
        "send", "--to", "alice", "--to", "mallory", "--to", "trudy", "Hello",
    ];
    let done = finish(world.talk(&server.url, &sender, &send)).failed(1);
    assert!(
        done.err.contains("mallory") && done.err.contains("trudy"),
        "{}",
        done.err
    );
    assert!(done.err.contains("unknown_recipient"), "{}", done.err);
    let done = finish(world.talk(
        &server.url,
        "crewline_wrong",
        &["send", "--to", "alice", "Hello"],
    ))
    .failed(1);
    assert!(
        done.err.contains("unauthenticated") && done.err.contains("CREWLINE_TOKEN"),
        "{}",
        done.err
    );
    let done = finish(world.talk(
        &server.url,
        &sender,
        &["send", "--to", "alice", "--from", "other", "Hello"],
    ))
    .failed(1);
    assert!(done.err.contains("not_allowed"), "{}", done.err);
    finish(world.talk(&server.url, &sender, &["send", "--to", "alice", "  "])).failed(2);
    assert!(server.received(&world.user("alice")).is_empty());
}

#[test]
fn a_token_that_names_several_needs_to_be_told_who_sends() {
    let world = World::with_users(&["alice"]);
    let (sender, server) = (world.external("scada:*"), world.serve());
    let done =
        finish(world.talk(&server.url, &sender, &["send", "--to", "alice", "Hello"])).failed(2);
    assert!(done.err.contains("--from EXTID"), "{}", done.err);
    // An external that is known from its first act on.
    let alice = world.user("alice");
    let send = [
        "send",
        "--to",
        "alice",
        "--from",
        "scada:7",
        "--wait",
        "delivered",
        "Hello",
    ];
    let mut sending = Process::start(world.talk(&server.url, &sender, &send));
    assert!(sending.line().ends_with("alice  accepted"));
    server.receipt(
        &alice,
        &server.received(&alice)[0]["messageId"],
        "delivered",
    );
    sending.end().ok();
}

#[test]
fn without_a_token_or_a_server_it_says_what_to_do() {
    let world = World::new();
    let done = world.run(&["send", "--to", "alice", "Hello"]).failed(1);
    assert!(
        done.err.contains("crewline token create") && done.err.contains("CREWLINE_TOKEN"),
        "{}",
        done.err
    );
    // A port on which nobody listens, while this listener that never answers holds its place.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let send = [
        "send",
        "--to",
        "alice",
        "--from",
        "x",
        "--timeout",
        "300ms",
        "Hello",
    ];
    let done = finish(world.talk(&url, "crewline_x", &send)).failed(1);
    assert!(
        done.err.contains("not accepted, as far as is known"),
        "{}",
        done.err
    );
    assert!(done.err.contains("--idempotency-key cli-"), "{}", done.err);
}

#[test]
fn a_request_or_an_answer_that_is_lost_does_not_make_two_messages() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(
        &server.url,
        vec![Fault::RequestLost, Fault::ResponseLost, Fault::ResponseLost],
    );
    let send = ["send", "--to", "alice", "--from", "scada", "Hello"];
    finish(world.talk(&proxy.url, &sender, &send)).ok();
    assert_eq!(proxy.faults_left(), 0);
    assert_eq!(server.received(&alice).len(), 1);
}

#[test]
fn a_message_sent_again_by_its_key_tells_what_became_of_it_since() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let send = |wait: &'static str| {
        [
            "send",
            "--to",
            "alice",
            "--idempotency-key",
            "k1",
            "--timeout",
            "30s",
            "--wait",
            wait,
            "Hello",
        ]
    };
    finish(world.talk(&server.url, &sender, &send("accepted"))).ok();
    server.receipt(&alice, &server.received(&alice)[0]["messageId"], "read");
    let done = finish(world.talk(&server.url, &sender, &send("read"))).ok();
    assert!(done.out.trim_end().ends_with("alice  read"), "{}", done.out);
    assert_eq!(server.received(&alice).len(), 1);
}

#[test]
fn receipts_are_seen_through_a_restart_of_the_server() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(&server.url, Vec::new());
    let send = ["send", "--to", "alice", "--wait", "read", "--json", "Hello"];
    let mut sending = Process::start(world.talk(&proxy.url, &sender, &send));
    let message = sending.json()["messageId"].clone();
    server.receipt(&alice, &message, "delivered");
    assert_eq!(sending.json()["state"], "delivered");
    proxy.cut();
    server.stop().ok();
    let server = world.serve();
    server.receipt(&alice, &message, "read");
    proxy.mend(&server.url);
    assert_eq!(sending.json()["state"], "read");
    sending.end().ok();
}
