//! Watchers, roles and signing out, as an administrator at the terminal and people at the running server meet them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::listen::sessions;
use crate::support::{PASSWORD, Process, Server, World, until};

/// The contract says a second; the machine that tests may be busy with other tests.
const SOON: Duration = Duration::from_secs(5);

fn sign_in(server: &Server, user: &str) -> String {
    let body = json!({ "userId": user, "password": PASSWORD });
    let (status, opened) = server.call("POST", "/api/v1/session", "", Some(body));
    assert_eq!(status, 201, "{opened}");
    opened["token"].as_str().unwrap().to_owned()
}

/// A message of scada to alice, with a payload for its reading, that alice has read.
fn read_message(server: &Server, scada: &str, alice: &str) -> Value {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "message": "Breaker 1204 has tripped",
        "toUsers": [{ "toUserId": "alice", "onReadPayload": "dGlja2V0LTE3" }],
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", scada, Some(body));
    assert_eq!(status, 201, "{sent}");
    server.receipt(alice, &sent["messageId"], "read");
    sent
}

/// What must be refused to one who watches scada, by status.
fn acts_as_scada(server: &Server, token: &str, sent: &Value) -> Vec<u16> {
    let send = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "message": "Not mine",
        "toUsers": [{ "toUserId": "alice" }],
    });
    let receipts = json!({
        "participant": "scada", "receipts": [{ "messageId": sent["messageId"], "state": "read" }],
    });
    let chat = format!(
        "/api/v1/chats/{}/messages",
        sent["chatId"].as_str().unwrap()
    );
    let cursor = "/api/v1/participants/scada/cursors/desk";
    let calls = [
        ("POST", "/api/v1/messages", Some(send)),
        ("POST", &chat, Some(json!({ "message": "Not mine" }))),
        ("POST", "/api/v1/receipts", Some(receipts)),
        ("PUT", cursor, Some(json!({ "seq": 1 }))),
        ("GET", cursor, None),
        ("GET", "/api/v1/participants/scada/events?cursor=desk", None),
    ];
    let status = |(method, path, body)| server.call(method, path, token, body).0;
    calls.into_iter().map(status).collect()
}

#[test]
fn a_dispatcher_watches_a_system_until_the_administrator_ends_it() {
    let world = World::with_users(&["alice", "dora", "root"]);
    let (scada, alice) = (world.external("scada"), world.user("alice"));
    world.run(&["user", "role", "dora", "dispatcher"]).ok();
    let server = world.serve();
    let (dora, root) = (sign_in(&server, "dora"), sign_in(&server, "root"));
    let log = "/api/v1/participants/scada/events";
    let watcher = "/api/v1/participants/scada/watchers/dora";
    assert_eq!(server.get(log, &dora).0, 404);
    assert_eq!(
        server.call("PUT", watcher, &root, None).0,
        403,
        "not an administrator yet"
    );
    world.run(&["user", "role", "root", "administrator"]).ok();
    until("root is an administrator", || {
        server.call("PUT", watcher, &root, None).0 == 204
    });
    let me = server.get("/api/v1/me", &dora).1;
    assert_eq!(
        (&me["role"], &me["watches"]),
        (&json!("dispatcher"), &json!(["scada"]))
    );

    let listen = ["listen", "--participant", "scada", "--json", "--after", "0"];
    let mut listener = Process::start(world.talk(&server.url, &dora, &listen));
    let sent = read_message(&server, &scada, &alice);
    let (delivered, read) = (listener.json(), listener.json());
    assert_eq!(delivered["type"], "message.delivered");
    assert_eq!(read["type"], "message.read");
    assert_eq!(read["data"]["payload"], "dGlja2V0LTE3");
    let path = format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap());
    assert_eq!(server.get(&path, &dora), server.get(&path, &scada));
    assert_eq!(server.get(&path, &dora).1["recipients"][0]["state"], "read");
    assert_eq!(
        acts_as_scada(&server, &dora, &sent),
        [403, 404, 403, 404, 404, 404]
    );
    assert_eq!(
        server.get(log, &scada).1["head"],
        2,
        "nothing was done in its name"
    );

    let done = world.run(&["user", "unwatch", "dora", "scada"]).ok();
    assert!(
        done.out.starts_with("dora does not watch scada any more"),
        "{done:?}"
    );
    let start = Instant::now();
    sessions(&server, 0);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let done = listener.end().failed(1);
    for word in [
        "do not watch this participant any more",
        "(4101)",
        "try: crewline user watch USER scada",
    ] {
        assert!(done.err.contains(word), "{word}: {}", done.err);
    }
    assert!(!done.err.contains("CREWLINE_TOKEN"), "{}", done.err);
    assert_eq!(server.get(log, &dora).0, 404);
    server.stop().ok();
}

#[test]
fn signing_a_user_out_ends_what_is_open_beside_the_running_server() {
    let world = World::with_users(&["dora"]);
    let (token, server) = (world.user("dora"), world.serve());
    let session = sign_in(&server, "dora");
    let open = |token: &str| {
        let process = Process::start(world.talk(&server.url, token, &["listen"]));
        sessions(&server, 1);
        process
    };
    let by_session = open(&session);
    world.run(&["user", "sign-out", "dora"]).ok();
    let start = Instant::now();
    sessions(&server, 0);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    by_session.end().failed(1);
    assert_eq!(server.get("/api/v1/me", &session).0, 401);
    assert_eq!(
        server.get("/api/v1/me", &token).0,
        200,
        "tokens stay unless told otherwise"
    );
    let (by_token, again) = (open(&token), sign_in(&server, "dora"));
    world.run(&["user", "sign-out", "dora", "--tokens"]).ok();
    sessions(&server, 0);
    by_token.end().failed(1);
    for secret in [&token, &again] {
        assert_eq!(server.get("/api/v1/me", secret).0, 401);
    }
    assert_eq!(
        world.run(&["token", "list", "--json"]).ok().json()["tokens"],
        json!([])
    );
}

#[test]
fn who_watches_whom_is_listed_with_the_users() {
    let world = World::with_users(&["alice", "dora"]);
    world.external("scada");
    world.external("oms:*");
    for participant in ["scada", "oms:7", "alice"] {
        let done = world.run(&["user", "watch", "dora", participant]).ok();
        assert_eq!(done.out, format!("dora watches {participant}\n"));
    }
    let again = world.run(&["user", "watch", "dora", "scada"]).ok();
    assert_eq!(again.out, "dora watches scada, as before\n");
    world.run(&["user", "role", "dora", "dispatcher"]).ok();
    let users = world.run(&["user", "list", "--json"]).ok().json();
    assert_eq!(users["users"][0]["watches"], json!([]));
    assert_eq!(
        (&users["users"][1]["role"], &users["users"][1]["watches"]),
        (&json!("dispatcher"), &json!(["alice", "oms:7", "scada"]))
    );
    let table = world.run(&["user", "list"]).ok().out;
    assert!(
        table.contains("dispatcher") && table.contains("alice, oms:7, scada"),
        "{table}"
    );
    world.run(&["user", "unwatch", "dora", "oms:7"]).ok();
    let none = world.run(&["user", "unwatch", "dora", "oms:7"]).ok();
    assert_eq!(none.out, "dora did not watch oms:7\n");
    for (args, code, words) in [
        (
            ["watch", "dora", "sacda"],
            1,
            "there is no participant sacda",
        ),
        (
            ["unwatch", "dora", "sacda"],
            1,
            "there is no participant sacda",
        ),
        (["watch", "nobody", "scada"], 1, "there is no user nobody"),
        (["watch", "scada", "alice"], 1, "there is no user scada"),
        (["watch", "dora", "dora"], 1, "dora cannot watch itself"),
        (["watch", "dora", "me"], 2, "the id"),
        (["role", "nobody", "crew"], 1, "there is no user nobody"),
        (["role", "dora", "boss"], 2, "boss"),
    ] {
        let failed = world.run(&["user", args[0], args[1], args[2]]).failed(code);
        assert!(failed.err.contains(words), "{args:?}: {}", failed.err);
    }
    let users = world.run(&["user", "list", "--json"]).ok().json();
    assert_eq!(users["users"][1]["watches"], json!(["alice", "scada"]));
    assert!(world.run(&["db", "check"]).ok().err.is_empty());
}

#[test]
fn the_log_tells_who_changed_what_others_may_do_and_never_a_secret() {
    let world = World::with_users(&["dora", "root"]);
    world.external("scada");
    world.run(&["user", "role", "root", "administrator"]).ok();
    let admin = world.run(&["token", "create", "--admin"]).ok();
    let (admin, server) = (admin.line().to_owned(), world.serve());
    let (root, dora) = (sign_in(&server, "root"), sign_in(&server, "dora"));
    let watcher = "/api/v1/participants/scada/watchers/dora";
    for (method, path, token) in [
        ("PUT", watcher, &root),
        ("PUT", watcher, &root),
        ("DELETE", watcher, &admin),
        ("DELETE", watcher, &admin),
        ("DELETE", "/api/v1/session?everywhere=true", &dora),
    ] {
        assert_eq!(server.call(method, path, token, None).0, 204);
    }
    let log = server.stop().ok().err;
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("a user ").map(|(_, told)| told.trim()))
        .collect();
    assert_eq!(
        told,
        [
            "watches a participant from now on actor=root watcher=dora participant=scada",
            "does not watch a participant any more actor=token 2 watcher=dora participant=scada",
            "is signed out everywhere actor=dora user=dora tokens=false",
        ],
        "what is as before is no news: {log}"
    );
    for secret in [&admin, &root, &dora] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
}

#[test]
fn a_command_tells_who_changed_what_others_may_do_where_a_level_is_chosen() {
    let world = World::with_users(&["dora"]);
    world.external("scada");
    let actor = format!("actor=uid {}", rustix::process::getuid().as_raw());
    for (args, line) in [
        (
            &["watch", "dora", "scada"][..],
            "watcher=dora participant=scada",
        ),
        (
            &["unwatch", "dora", "scada"],
            "watcher=dora participant=scada",
        ),
        (&["role", "dora", "dispatcher"], "user=dora role=dispatcher"),
        (&["sign-out", "dora", "--tokens"], "user=dora tokens=true"),
    ] {
        let mut quiet = vec!["user"];
        quiet.extend(args);
        let mut telling = quiet.clone();
        telling.extend(["--log-level", "info"]);
        if args[0] == "unwatch" {
            world.run(&["user", "watch", "dora", "scada"]).ok();
        }
        let told = world.run(&telling).ok().err;
        assert!(told.contains(&actor) && told.contains(line), "{told}");
        assert_eq!(world.run(&quiet).ok().err, "", "nobody asked");
        if args[0] == "watch" {
            world.run(&["user", "unwatch", "dora", "scada"]).ok();
        }
    }
}

#[test]
fn the_doctor_warns_where_the_log_leaves_out_who_changed_what_others_may_do() {
    let world = World::with_users(&["dora"]);
    for (level, status) in [
        ("info", "ok"),
        ("warn", "warn"),
        ("warn,crewline_http=info", "ok"),
    ] {
        let env = [
            ("CREWLINE_LOG_LEVEL", level),
            ("CREWLINE_HTTP_LISTEN", "127.0.0.1:0"),
        ];
        let checks = world.run_env(&["doctor", "--json"], &env).ok().json();
        let checks = checks["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["check"] == "log").unwrap();
        assert_eq!(found["status"], status, "{found}");
    }
}
