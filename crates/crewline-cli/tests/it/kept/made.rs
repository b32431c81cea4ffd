//! A store with something of everything in it, made by the program of some version, and what that version answered.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Done, PASSWORD, Server, World, finish};

/// Bytes that text could not carry.
const PAYLOAD: &str = "AP8QcmVhZA==";

/// The message of an external to one person, who has something to give back when it is read.
pub(crate) fn message(text: &str, to: &str) -> Value {
    json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA",
        "toUsers": [{"toUserId": to, "onReadPayload": PAYLOAD}], "message": text,
    })
}

/// Fills the store, and asks everybody's logs, chats and messages. The server has stopped when this ends.
pub(crate) fn fill(world: &World, program: &Path, store: &str) -> Value {
    let run = |args: &[&str]| run(world, program, store, args);
    world.write(
        "users.csv",
        &format!("id,name,role,password\nalice,Alice Ümlaut,crew,{PASSWORD}\nbob,Bob,crew,\ncarol,Carol,dispatcher,{PASSWORD}\n"),
    );
    run(&["user", "import", "users.csv"]).ok();
    let token = |kind: &str, id: &str| run(&["token", "create", kind, id]).ok().line().to_owned();
    let tokens = json!({
        "scada": token("--external", "scada"),
        "alice": token("--user", "alice"), "bob": token("--user", "bob"), "carol": token("--user", "carol"),
    });
    run(&["user", "watch", "carol", "scada"]).ok();
    let server = world.serve_by(program, &["--store", store]);
    let acts = happen(&server, &tokens);
    let answers = answers(&server, &tokens, &acts);
    let (_, page) = server.get(
        "/api/v1/participants/me/events?limit=1",
        tokens["alice"].as_str().unwrap(),
    );
    assert!(page["epoch"].is_string());
    server.stop().ok();
    let checked = run(&["db", "check", "--json"]).ok().json();
    json!({
        "schema": checked["schema"], "tokens": tokens, "unread": acts["unread"], "payload": PAYLOAD, "answers": answers,
    })
}

/// What happens in it: messages of each priority, a reply, receipts of each kind, a cursor.
fn happen(server: &Server, tokens: &Value) -> Value {
    let of = |who: &str| tokens[who].as_str().unwrap();
    let done = |answer: (u16, Value)| {
        assert!(answer.0 < 300, "{answer:?}");
        answer.1
    };
    let post =
        |who: &str, path: &str, body: Value| done(server.call("POST", path, of(who), Some(body)));
    let first = post(
        "scada",
        "/api/v1/messages",
        message("Breaker 1204 has tripped: ⚡ \u{1F6A8} e\u{301}", "alice"),
    );
    server.receipt(of("alice"), &first["messageId"], "read");
    let mut urgent = message("Stand clear of tower 31", "alice");
    urgent["priority"] = json!(1);
    let urgent = post("scada", "/api/v1/messages", urgent);
    server.receipt(of("alice"), &urgent["messageId"], "acknowledged");
    let waits = post(
        "scada",
        "/api/v1/messages",
        message("Read this tomorrow", "bob"),
    );
    let reply = format!(
        "/api/v1/chats/{}/messages",
        first["chatId"].as_str().unwrap()
    );
    post(
        "alice",
        &reply,
        json!({"message": "On our way", "replyTo": first["messageId"]}),
    );
    let chat = post(
        "alice",
        "/api/v1/chats",
        json!({"toUserIds": ["bob", "carol"]}),
    );
    let together = format!(
        "/api/v1/chats/{}/messages",
        chat["chatId"].as_str().unwrap()
    );
    post(
        "carol",
        &together,
        json!({"message": "All three of us", "priority": 3}),
    );
    let cursor = "/api/v1/participants/me/cursors/main";
    done(server.call("PUT", cursor, of("scada"), Some(json!({"seq": 3}))));
    json!({"unread": waits["messageId"], "messages": [first, urgent, waits], "chats": [first["chatId"], chat["chatId"]]})
}

fn answers(server: &Server, tokens: &Value, acts: &Value) -> Vec<Value> {
    let mut asked: Vec<(&str, String)> = Vec::new();
    let log = "/api/v1/participants/me/events?limit=1000";
    for who in ["scada", "alice", "bob", "carol"] {
        asked.push((who, log.to_owned()));
    }
    asked.push((
        "carol",
        "/api/v1/participants/scada/events?limit=1000".to_owned(),
    ));
    asked.push(("scada", "/api/v1/participants/me/cursors/main".to_owned()));
    for who in ["alice", "bob", "carol"] {
        asked.push((who, "/api/v1/me/chats".to_owned()));
        asked.push((who, "/api/v1/people?q=".to_owned()));
    }
    for message in acts["messages"].as_array().unwrap() {
        asked.push((
            "scada",
            format!(
                "/api/v1/messages/{}",
                message["messageId"].as_str().unwrap()
            ),
        ));
    }
    for chat in acts["chats"].as_array().unwrap() {
        asked.push((
            "alice",
            format!("/api/v1/chats/{}/messages", chat.as_str().unwrap()),
        ));
    }
    let ask = |(who, path): (&str, String)| {
        let (status, answer) = server.get(&path, tokens[who].as_str().unwrap());
        assert_eq!(status, 200, "{path}: {answer}");
        json!({"who": who, "path": path, "answer": answer})
    };
    asked.into_iter().map(ask).collect()
}

fn run(world: &World, program: &Path, store: &str, args: &[&str]) -> Done {
    finish(world.command_of(program, &[args, &["--store", store]].concat()))
}

/// The file of the store, whole and as small as it gets.
pub(crate) fn file(world: &World) -> Vec<u8> {
    let path = world.path("crewline.db");
    let store = rusqlite::Connection::open(&path).unwrap();
    store
        .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    drop(store);
    std::fs::read(path).unwrap()
}

/// By the tool that is everywhere; without name and time.
pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip");
    let mut gzip = gzip
        .args(["-9", "-n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    let bytes = bytes.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(&bytes));
    let packed = gzip.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    packed.stdout
}
