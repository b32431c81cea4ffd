//! Where the origin fails its users, and Crewline does not: those of the list that need a server.

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::act::Client;
use crate::server::{Server, Store};

async fn server() -> (Store, Server, Client) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::make();
    let server = Server::start(&store).await;
    let client = server.client();
    (store, server, client)
}

async fn send(client: &Client, to: &[&str], text: &str) -> Value {
    let users: Vec<Value> = to.iter().map(|to| json!({"toUserId": to})).collect();
    let body = json!({"fromExtUserId": "scada:1", "fromExtUserName": "SCADA", "toUsers": users, "message": text});
    let (status, body) = client.post("scada", "/api/v1/messages", &body).await;
    assert_eq!(status, 201, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn better_10_the_sender_is_who_the_server_knows_and_nobody_reads_or_marks_what_is_not_theirs()
{
    let (_store, server, client) = server().await;
    let sent = send(&client, &["alice"], "for alice").await;
    let (message, chat) = (
        sent["messageId"].as_str().unwrap(),
        sent["chatId"].as_str().unwrap(),
    );
    // In another's name: an external that the token does not cover, a user, and a user by a user.
    for (who, from) in [
        ("scada", "oms"),
        ("scada", "alice"),
        ("alice", "alice"),
        ("alice", "scada:1"),
    ] {
        let body = json!({"fromExtUserId": from, "fromExtUserName": "x", "toUsers": [{"toUserId": "bob"}], "message": "x"});
        let (status, problem) = client.post(who, "/api/v1/messages", &body).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (403, Some("not_allowed")),
            "{who} as {from}: {problem}"
        );
    }
    let reply = json!({"message": "x", "fromUserId": "alice"});
    let (status, problem) = client
        .post("bob", &format!("/api/v1/chats/{chat}/messages"), &reply)
        .await;
    assert_eq!(
        status, 422,
        "a sender's word about the sender is refused by name: {problem}"
    );
    // Bob looks at, marks and follows what is Alice's.
    let receipts = json!({"receipts": [{"messageId": message, "state": "read"}, {"chatId": chat, "readUpTo": message}]});
    let (status, answer) = client.post("bob", "/api/v1/receipts", &receipts).await;
    assert_eq!(status, 200);
    assert!(
        answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|result| result["outcome"] == "not_found"),
        "{answer}"
    );
    for path in [
        format!("/api/v1/messages/{message}"),
        format!("/api/v1/chats/{chat}/messages"),
        "/api/v1/participants/alice/events".to_owned(),
        "/api/v1/participants/scada:1/events".to_owned(),
        "/api/v1/participants/alice/cursors/x".to_owned(),
    ] {
        assert_eq!(client.get("bob", &path).await.0, 404, "{path}");
    }
    let (status, seen) = client
        .get("scada", &format!("/api/v1/messages/{message}"))
        .await;
    let state = seen["recipients"][0]["state"].as_str();
    assert_eq!(
        (status, state),
        (200, Some("accepted")),
        "its sender sees it, and nothing was marked: {seen}"
    );
    assert_eq!(client.log("alice").await.len(), 1);
    assert!(
        client.log("scada:1").await.is_empty(),
        "nothing was told to the sender"
    );
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn better_16_an_unknown_chat_and_one_that_is_not_yours_look_the_same_and_no_error_shows_sql()
{
    let (_store, server, client) = server().await;
    let sent = send(&client, &["alice"], "for alice").await;
    let mut problems = BTreeSet::new();
    let hidden = sent["chatId"].as_str().unwrap().to_owned();
    for chat in [
        hidden.as_str(),
        "c100000000",
        "c1",
        "nonsense",
        "%00",
        "'; DROP TABLE message; --",
    ] {
        let path = format!("/api/v1/chats/{}/messages", chat.replace(' ', "%20"));
        let (status, mut problem) = client.get("bob", &path).await;
        assert_eq!(status, 404, "{chat}: {problem}");
        problem["requestId"] = Value::Null;
        let text = problem.to_string();
        for word in ["SELECT", "INSERT", "sqlite", "panicked", "src/"] {
            assert!(!text.contains(word), "{text}");
        }
        problems.insert(text);
    }
    assert_eq!(problems.len(), 1, "they look the same: {problems:#?}");
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn better_18_a_thousand_devices_that_come_back_at_once_are_all_served() {
    const DEVICES: usize = 1_000;
    let (_store, server, client) = server().await;
    send(&client, &["alice"], "while they were away").await;
    let begun = Instant::now();
    let devices: Vec<_> = (0..DEVICES)
        .map(|_| {
            let client = server.client();
            tokio::spawn(async move {
                let response = client
                    .stream("alice", "/api/v1/participants/me/events")
                    .await;
                let mut pieces = response.bytes_stream();
                let mut text = String::new();
                while !(text.contains("while they were away") && text.contains("to all of them")) {
                    text.push_str(&String::from_utf8_lossy(
                        &pieces.next().await.unwrap().unwrap(),
                    ));
                }
                let ids: Vec<&str> = text
                    .lines()
                    .filter_map(|line| line.strip_prefix("id:"))
                    .map(str::trim)
                    .collect();
                assert_eq!(ids, ["1", "2"], "each event once");
            })
        })
        .collect();
    send(&client, &["alice"], "to all of them").await;
    for device in devices {
        device.await.unwrap();
    }
    println!(
        "{DEVICES} streams had everything after {:.2} s",
        begun.elapsed().as_secs_f64()
    );
    server.kill().await;
}
