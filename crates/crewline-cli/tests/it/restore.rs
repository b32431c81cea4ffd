//! Restoring, and what those see who followed the store before.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::support::{Process, Server, World};

fn send(server: &Server, token: &str, text: &str) -> Value {
    let body = json!({
        "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }], "message": text,
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", token, Some(body));
    assert_eq!(status, 201, "{sent}");
    sent
}

/// A consumer with a memory of its own, as a device has one: messages, its place, and the epoch that the place is of.
#[derive(Debug, Default)]
struct Consumer {
    messages: BTreeMap<String, String>,
    seqs: Vec<u64>,
    after: u64,
    epoch: String,
    restarts: usize,
}

impl Consumer {
    /// Takes what there is; begins anew where it is told to.
    fn catch_up(&mut self, server: &Server, token: &str) {
        loop {
            let mut path = format!(
                "/api/v1/participants/me/events?limit=2&after={}",
                self.after
            );
            if !self.epoch.is_empty() {
                path.push_str("&epoch=");
                path.push_str(&self.epoch);
            }
            let (status, page) = server.get(&path, token);
            if status != 200 {
                assert_eq!(
                    (status, page["code"].as_str()),
                    (409, Some("epoch_changed"))
                );
                self.begin_anew(server, token);
                continue;
            }
            for event in page["events"].as_array().unwrap() {
                self.seqs.push(event["seq"].as_u64().unwrap());
                if event["type"] == "message.received" {
                    let was = self.messages.insert(
                        text(&event["data"]["messageId"]),
                        text(&event["data"]["message"]),
                    );
                    assert_eq!(was, None, "nothing comes twice");
                }
            }
            self.after = page["next"].as_u64().unwrap();
            self.epoch = text(&page["epoch"]);
            if page["next"] == page["head"] {
                return;
            }
        }
    }

    /// The recipe: the list of chats says where to follow from, and their history what there is before that.
    fn begin_anew(&mut self, server: &Server, token: &str) {
        let head = server
            .get("/api/v1/participants/me/events?limit=1", token)
            .1;
        let mut chats = server.get("/api/v1/me/chats?limit=1", token).1;
        (self.messages, self.seqs) = (BTreeMap::new(), Vec::new());
        (self.after, self.epoch) = (chats["asOf"].as_u64().unwrap(), text(&head["epoch"]));
        loop {
            for chat in chats["chats"].as_array().unwrap() {
                self.messages
                    .extend(history(server, token, &text(&chat["chatId"])));
            }
            let Some(next) = chats["next"].as_str() else {
                break;
            };
            chats = server
                .get(&format!("/api/v1/me/chats?limit=1&before={next}"), token)
                .1;
        }
        self.restarts += 1;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn history(server: &Server, token: &str, chat: &str) -> BTreeMap<String, String> {
    let (mut messages, mut before) = (BTreeMap::new(), String::new());
    loop {
        let page = server
            .get(
                &format!("/api/v1/chats/{chat}/messages?limit=2{before}"),
                token,
            )
            .1;
        assert!(page["asOf"].is_u64(), "{page}");
        for message in page["messages"].as_array().unwrap() {
            messages.insert(text(&message["messageId"]), text(&message["message"]));
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return messages,
        }
    }
}

#[test]
fn a_consumer_with_the_old_epoch_is_told_and_ends_with_what_the_restored_store_holds() {
    let world = World::with_users(&["alice"]);
    let (scada, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let mut consumer = Consumer::default();
    let chat = text(&send(&server, &scada, "One")["chatId"]);
    send(&server, &scada, "Two");
    consumer.catch_up(&server, &alice);
    world.run(&["db", "backup", "backup.db"]).ok();
    for lost in ["Lost 1", "Lost 2", "Lost 3"] {
        send(&server, &scada, lost);
    }
    consumer.catch_up(&server, &alice);
    assert_eq!((consumer.seqs.len(), consumer.restarts), (5, 0));
    let old_epoch = consumer.epoch.clone();
    server.stop().ok();

    let restored = world
        .run(&["db", "restore", "backup.db", "--replace", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&restored["messages"], &restored["backupOfEpoch"]),
        (&json!(2), &json!(old_epoch))
    );
    let server = world.serve();
    // New events take the numbers that the consumer has seen for others.
    send(&server, &scada, "Three");
    for (query, code) in [("after=5", "ahead_of_log"), ("after=3", "")] {
        let (status, page) = server.get(&format!("/api/v1/participants/me/events?{query}"), &alice);
        assert_eq!(
            page["code"].as_str().unwrap_or_default(),
            code,
            "{status}: who names no epoch may miss it"
        );
    }
    consumer.catch_up(&server, &alice);
    send(&server, &scada, "Four");
    send(&server, &scada, "Five");
    consumer.catch_up(&server, &alice);
    assert_eq!(consumer.restarts, 1);
    assert_ne!(consumer.epoch, old_epoch);
    assert_eq!(
        consumer.seqs,
        [4, 5],
        "each once, from where the snapshot ended"
    );
    let mut texts: Vec<&str> = consumer.messages.values().map(String::as_str).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["Five", "Four", "One", "Three", "Two"]);
    assert_eq!(consumer.messages, history(&server, &alice, &chat));
    // An external has no list of chats; its snapshot is the log itself, from the start, or a chat's history.
    let external = server.get("/api/v1/participants/scada/events", &scada).1;
    assert_eq!(external["epoch"], consumer.epoch.as_str());
    assert_eq!(history(&server, &scada, &chat), consumer.messages);
}

#[test]
fn who_listens_across_a_restore_is_told_and_ends() {
    let world = World::with_users(&["alice"]);
    let (scada, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(&server.url, Vec::new());
    send(&server, &scada, "One");
    let mut listener =
        Process::start(world.talk(&proxy.url, &alice, &["listen", "--json", "--after", "0"]));
    assert_eq!(listener.json()["data"]["message"], "One");
    world.run(&["db", "backup", "backup.db"]).ok();
    send(&server, &scada, "Lost");
    assert_eq!(listener.json()["data"]["message"], "Lost");
    proxy.cut();
    server.stop().ok();
    world.run(&["db", "restore", "backup.db", "--replace"]).ok();
    let server = world.serve();
    send(&server, &scada, "Two");
    proxy.mend(&server.url);
    let ended = listener.end().failed(1);
    assert_eq!(ended.out, "", "nothing of the other log");
    assert!(
        ended.err.contains("epoch_changed") && ended.err.contains("restored"),
        "{}",
        ended.err
    );
}

#[test]
fn it_says_what_consumers_and_administrators_must_know() {
    let world = World::with_users(&["alice", "bob"]);
    let gone = world.external("gone");
    let server = world.serve();
    let backup = world
        .run(&["db", "backup", "backup.db", "--json"])
        .ok()
        .json();
    assert!(backup["bytes"].as_u64().unwrap() > 4_096, "{backup}");
    world.run(&["token", "revoke", &gone]).ok();
    world.run(&["user", "disable", "bob"]).ok();
    let running = world
        .run(&["db", "restore", "backup.db", "--replace"])
        .failed(1);
    assert!(running.err.contains("is served already"), "{}", running.err);
    server.stop().ok();
    let there = world.run(&["db", "restore", "backup.db"]).failed(1);
    assert!(there.err.contains("--replace"), "{}", there.err);
    let said = world
        .run(&["db", "restore", "backup.db", "--replace"])
        .ok()
        .out;
    for part in [
        "0 messages",
        "is kept as",
        "crewline.db.replaced-",
        "epoch_changed",
        "revoked since the backup are good again: 1",
        "let in again: bob",
        "--revoke-sessions",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = world
        .run(&[
            "db",
            "restore",
            "backup.db",
            "--replace",
            "--revoke-sessions",
        ])
        .ok()
        .out;
    assert!(said.contains("everybody signs in again"), "{said}");
    // A place of its own.
    world
        .run(&["db", "restore", "backup.db", "--store", "sqlite://other.db"])
        .ok();
    world
        .run(&["db", "check", "--store", "sqlite://other.db"])
        .ok();
    let none = world
        .run(&["db", "restore", "none.db", "--store", "sqlite://third.db"])
        .failed(1);
    assert!(
        none.err.contains("there is no backup at none.db"),
        "{}",
        none.err
    );
    assert!(!world.path("third.db").exists());
}
