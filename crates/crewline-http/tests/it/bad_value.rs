//! Bodies of the other calls with wrong fields. Nothing changes by any of them.

use std::fmt::Write as _;

use hyper::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, refusal, refusals_of};

#[tokio::test]
async fn replies_with_wrong_fields_are_refused_by_name() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "Hello").await;
    let other = rig.send(&["alice", "bob"], "Hello").await;
    let path = format!(
        "/api/v1/chats/{}/messages",
        sent["chatId"].as_str().unwrap()
    );
    let cases = vec![
        ("nothing", json!({})),
        ("white space", json!({"message": " "})),
        ("4,001 characters", json!({"message": "x".repeat(4001)})),
        (
            "an unknown field",
            json!({"message": "Hello", "toUsers": []}),
        ),
        (
            "a message of another chat",
            json!({"message": "Hello", "replyTo": other["messageId"], "readUpTo": sent["messageId"]}),
        ),
        (
            "read up to a message of another chat",
            json!({"message": "Hello", "readUpTo": other["messageId"]}),
        ),
        (
            "ids that nobody was given",
            json!({"message": "Hello", "replyTo": "m", "readUpTo": "7"}),
        ),
        (
            "ids of a wrong type",
            json!({"message": "Hello", "replyTo": 7, "readUpTo": [], "priority": 7}),
        ),
    ];
    insta::assert_snapshot!(
        refusals_of(&rig, cases, |body| rig.post("alice-token", &path, body)).await
    );
    rig.stop().await;
}

#[tokio::test]
async fn chats_with_wrong_fields_are_refused_by_name() {
    let rig = Rig::start().await;
    let many: Vec<String> = (0..1001).map(|n| format!("u{n}")).collect();
    let cases = vec![
        ("nothing", json!({})),
        ("nobody", json!({"fromExtUserId": "scada", "toUserIds": []})),
        (
            "nobody but the caller",
            json!({"fromExtUserId": "scada", "toUserIds": ["scada"]}),
        ),
        (
            "no list",
            json!({"fromExtUserId": "scada", "toUserIds": "alice"}),
        ),
        (
            "items of wrong types",
            json!({"fromExtUserId": "scada", "toUserIds": ["alice", 7, null, "", "me"]}),
        ),
        (
            "too many",
            json!({"fromExtUserId": "scada", "toUserIds": many}),
        ),
        (
            "unknown ones",
            json!({"fromExtUserId": "scada", "toUserIds": ["nobody", "alice", "no one"]}),
        ),
        (
            "an unknown field",
            json!({"fromExtUserId": "scada", "toUserIds": ["alice"], "message": "Hello"}),
        ),
    ];
    insta::assert_snapshot!(
        refusals_of(&rig, cases, |body| rig.post(
            "scada-token",
            "/api/v1/chats",
            body
        ))
        .await
    );
    rig.stop().await;
}

#[tokio::test]
async fn receipts_with_wrong_fields_are_refused_by_name() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "Hello").await;
    let one = |receipt: Value| json!({"receipts": [receipt]});
    let id = &sent["messageId"];
    let cases = vec![
        ("nothing", json!({})),
        ("no receipt", json!({"receipts": []})),
        ("no list", json!({"receipts": {}})),
        ("an empty one", one(json!({}))),
        ("no object", one(json!("read"))),
        ("no state", one(json!({"messageId": id}))),
        (
            "accepted",
            one(json!({"messageId": id, "state": "accepted"})),
        ),
        (
            "a state that there is not",
            one(json!({"messageId": id, "state": "Read"})),
        ),
        (
            "a time without a zone",
            one(json!({"messageId": id, "state": "read", "at": "2026-11-23T04:00:00"})),
        ),
        (
            "a time that is a number",
            one(json!({"messageId": id, "state": "read", "at": 1_795_406_400})),
        ),
        (
            "both kinds at once",
            one(
                json!({"messageId": id, "state": "read", "chatId": sent["chatId"], "readUpTo": id}),
            ),
        ),
        (
            "a chat without a message",
            one(json!({"chatId": sent["chatId"]})),
        ),
        (
            "a state of a chat",
            one(json!({"chatId": sent["chatId"], "readUpTo": id, "state": "read"})),
        ),
        (
            "an unknown field",
            one(json!({"messageId": id, "state": "read", "device": "x"})),
        ),
        (
            "U+0000 in an id",
            one(json!({"messageId": "m\u{0}", "state": "read"})),
        ),
        (
            "a good one beside a bad one",
            json!({"receipts": [{"messageId": id, "state": "read"}, {"messageId": 7, "state": 7}]}),
        ),
        (
            "a participant that cannot be",
            json!({"participant": "", "receipts": [{"messageId": id, "state": "read"}]}),
        ),
    ];
    insta::assert_snapshot!(
        refusals_of(&rig, cases, |body| rig.post(
            "alice-token",
            "/api/v1/receipts",
            body
        ))
        .await
    );
    rig.stop().await;
}

#[tokio::test]
async fn cursors_with_wrong_fields_are_refused_by_name() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "Hello").await;
    let cases = vec![
        ("nothing", json!({})),
        ("a seq that is text", json!({"seq": "1"})),
        ("a negative seq", json!({"seq": -1})),
        ("a seq with a fraction", json!({"seq": 0.5})),
        (
            "types that are text",
            json!({"seq": 1, "types": "message.read"}),
        ),
        ("no types", json!({"seq": 1, "types": []})),
        (
            "a type that there is not",
            json!({"seq": 1, "types": ["message.read", "message.lost", 7]}),
        ),
        ("a rewind that is text", json!({"seq": 1, "rewind": "true"})),
        ("an unknown field", json!({"seq": 1, "name": "c"})),
        ("beyond the head", json!({"seq": 2})),
    ];
    let put = |body: &Value| rig.put("alice-token", "/api/v1/participants/alice/cursors/c", body);
    let mut text = refusals_of(&rig, cases, put).await;
    let long = format!("/api/v1/participants/alice/cursors/{}", "x".repeat(256));
    write!(
        text,
        "a name of 256 bytes\n  {}\n",
        refusal(
            &rig.put("alice-token", &long, &json!({"seq": 1}))
                .send()
                .await
        )
    )
    .unwrap();
    insta::assert_snapshot!(text);
    rig.stop().await;
}

#[tokio::test]
async fn sessions_with_wrong_fields_are_refused_by_name() {
    let rig = Rig::start().await;
    let with = |field: &str, value: Value| {
        let mut body = json!({"userId": "alice", "password": "secret of alice"});
        body[field] = value;
        body
    };
    let cases = vec![
        ("nothing", json!({})),
        (
            "wrong types",
            json!({"userId": 7, "password": null, "deviceId": [], "deviceName": 7}),
        ),
        ("a user that cannot be", with("userId", json!("me"))),
        ("an empty password", with("password", json!(""))),
        (
            "a password of 1,025 bytes",
            with("password", json!("x".repeat(1025))),
        ),
        (
            "a device that is no UUID",
            with("deviceId", json!("my phone")),
        ),
        (
            "a UUID without hyphens",
            with("deviceId", json!("4b4f6a520c5b4c419d2c7f6a3f0a4f57")),
        ),
        ("an empty name", with("deviceName", json!(""))),
        (
            "a name of 256 characters",
            with("deviceName", json!("x".repeat(256))),
        ),
        ("an unknown field", with("remember", json!(true))),
    ];
    let post = |body: &Value| rig.call(Method::POST, "/api/v1/session").json(body);
    insta::assert_snapshot!(refusals_of(&rig, cases, post).await);
    rig.stop().await;
}
