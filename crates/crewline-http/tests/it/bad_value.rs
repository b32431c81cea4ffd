//! Bodies with wrong fields: every limit, type and encoding. Nothing changes by any of them.

use hyper::Method;
use serde_json::{Value, json};

use crate::call::Call;
use crate::rig::{Rig, message, refusal};

/// Makes each call; what they were answered, as one text. Asserts that nothing changed.
async fn refusals<'c>(
    rig: &Rig,
    cases: Vec<(&str, Value)>,
    call: impl Fn(&Value) -> Call + 'c,
) -> String {
    let mut text = String::new();
    let before = rig.everything().await;
    for (name, body) in cases {
        let mut refused = refusal(&call(&body).send().await);
        if let Some((end, _)) = refused.char_indices().nth(2000) {
            refused.truncate(end);
            refused += " …";
        }
        text += &format!("{name}\n  {refused}\n");
        assert_eq!(rig.everything().await, before, "{name}");
    }
    text
}

/// A message with one field changed.
fn with(field: &str, value: Value) -> Value {
    let mut body = message(&["alice"], "Hello");
    body[field] = value;
    body
}

fn to(users: Value) -> Value {
    with("toUsers", users)
}

fn payload(bytes: usize) -> Value {
    let payload = crewline_api::Payload::from(vec![7; bytes]);
    json!([{"toUserId": "alice", "onReadPayload": payload.to_base64()}])
}

fn users(count: usize) -> Value {
    (0..count)
        .map(|n| json!({"toUserId": format!("u{n}")}))
        .collect()
}

#[tokio::test]
async fn messages_with_wrong_fields_are_refused_by_name() {
    let rig = Rig::start().await;
    let cases = vec![
        ("nothing at all", json!({})),
        (
            "everything null",
            json!({"fromExtUserId": null, "fromExtUserName": null, "toUsers": null, "message": null, "priority": null}),
        ),
        (
            "every type wrong",
            json!({"fromExtUserId": 1, "fromExtUserName": [], "toUsers": {}, "message": true, "priority": "1"}),
        ),
        ("an unknown field", with("messages", json!("Hello"))),
        (
            "an unknown field that is null",
            with("idempotencyKey", Value::Null),
        ),
        ("a field in another case", with("Message", json!("Hello"))),
        (
            "an unknown field of a recipient",
            to(json!([{"toUserId": "alice", "payload": ""}])),
        ),
        ("an empty text", with("message", json!(""))),
        (
            "a text of white space",
            with("message", json!(" \n\t\u{3000}")),
        ),
        (
            "a text of 4,001 characters",
            with("message", json!("é".repeat(4001))),
        ),
        ("U+0000 in the text", with("message", json!("a\u{0}b"))),
        ("an empty name", with("fromExtUserName", json!(""))),
        (
            "a name of 256 characters",
            with("fromExtUserName", json!("🚑".repeat(256))),
        ),
        (
            "U+0000 in the name",
            with("fromExtUserName", json!("\u{0}")),
        ),
        ("an empty sender", with("fromExtUserId", json!(""))),
        (
            "a sender of 256 bytes",
            with("fromExtUserId", json!("é".repeat(128))),
        ),
        (
            "a sender with a control character",
            with("fromExtUserId", json!("scada\n")),
        ),
        ("a sender that is a dot", with("fromExtUserId", json!("."))),
        ("priority 0", with("priority", json!(0))),
        ("priority 4", with("priority", json!(4))),
        ("priority -1", with("priority", json!(-1))),
        ("priority 1.5", with("priority", json!(1.5))),
        ("priority 1e30", with("priority", json!(1e30))),
        ("priority true", with("priority", json!(true))),
    ];
    insta::assert_snapshot!(
        refusals(&rig, cases, |body| rig.post(
            "scada-token",
            "/api/v1/messages",
            body
        ))
        .await
    );
    rig.stop().await;
}

#[tokio::test]
async fn wrong_recipients_are_refused_together_and_by_name() {
    let rig = Rig::start().await;
    let cases = vec![
        ("nobody", to(json!([]))),
        ("nobody but the sender", to(json!([{"toUserId": "scada"}]))),
        (
            "recipients that are no objects",
            to(json!(["alice", null, 7])),
        ),
        (
            "a recipient without an id",
            to(json!([{"toUserId": "alice"}, {}, {"toUserId": null}])),
        ),
        (
            "ids that cannot be",
            to(
                json!([{"toUserId": ""}, {"toUserId": "me"}, {"toUserId": ".."}, {"toUserId": "a\u{7f}"}, {"toUserId": "é".repeat(128)}]),
            ),
        ),
        (
            "unknown ones beside known ones",
            to(
                json!([{"toUserId": "alice"}, {"toUserId": "nobody"}, {"toUserId": "Alice"}, {"toUserId": "nobody"}]),
            ),
        ),
        ("1,001 recipients", to(users(1001))),
        ("a payload of 65,537 bytes", to(payload(65_537))),
        (
            "a payload without padding",
            to(json!([{"toUserId": "alice", "onReadPayload": "YQ"}])),
        ),
        (
            "a payload of another alphabet",
            to(json!([{"toUserId": "alice", "onDeliveredPayload": "_-8="}])),
        ),
        (
            "a payload with a line break",
            to(json!([{"toUserId": "alice", "onDeliveredPayload": "YWFh\nYWFh"}])),
        ),
        (
            "a payload that is a number",
            to(json!([{"toUserId": "alice", "onReadPayload": 7}])),
        ),
        (
            "two payloads for one recipient",
            to(json!([
                {"toUserId": "alice", "onReadPayload": "YQ=="}, {"toUserId": "bob"}, {"toUserId": "alice", "onReadPayload": "Yg=="}
            ])),
        ),
        (
            "faults everywhere",
            json!({"fromExtUserId": "scada", "toUsers": [{"toUserId": "", "x": 1}, 7], "message": " ", "priority": 9, "y": 2}),
        ),
    ];
    insta::assert_snapshot!(
        refusals(&rig, cases, |body| rig.post(
            "scada-token",
            "/api/v1/messages",
            body
        ))
        .await
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_taken() {
    let rig = Rig::start().await;
    let good = [
        with("message", json!("é".repeat(4000))),
        with("message", json!("\u{1}")),
        with("fromExtUserName", json!("🚑".repeat(255))),
        with("priority", json!(3.0)),
        with("priority", Value::Null),
        to(payload(65_536)),
        to(
            json!([{"toUserId": "alice", "onReadPayload": "YQ=="}, {"toUserId": "alice", "onReadPayload": "YQ=="}]),
        ),
        to(json!([{"toUserId": "alice"}, {"toUserId": "scada"}])),
    ];
    for body in good {
        let reply = rig
            .post("scada-token", "/api/v1/messages", &body)
            .send()
            .await;
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    for n in 0..1000 {
        rig.add_user(&format!("u{n}"), "A user", crewline_api::Role::Crew, None)
            .await;
    }
    let reply = rig
        .post("scada-token", "/api/v1/messages", &to(users(1000)))
        .send()
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    rig.stop().await;
}

#[tokio::test]
async fn a_field_that_stands_there_twice_is_refused() {
    let rig = Rig::start().await;
    let body = r#"{"fromExtUserId":"scada","fromExtUserName":"S","toUsers":[{"toUserId":"alice","toUserId":"bob"}],"message":"a","message":"b"}"#;
    let call = rig
        .call(Method::POST, "/api/v1/messages")
        .token("scada-token")
        .body(body);
    insta::assert_snapshot!(refusal(&call.send().await));
    rig.stop().await;
}

#[tokio::test]
async fn a_body_of_nothing_but_faults_is_not_answered_by_a_larger_one() {
    let rig = Rig::start().await;
    let body = to(json!(vec![0; 500_000]));
    let reply = rig
        .post("scada-token", "/api/v1/messages", &body)
        .send()
        .await;
    assert_eq!(reply.value()["errors"].as_array().unwrap().len(), 1000);
    rig.stop().await;
}

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
        refusals(&rig, cases, |body| rig.post("alice-token", &path, body)).await
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
        refusals(&rig, cases, |body| rig.post(
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
        refusals(&rig, cases, |body| rig.post(
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
    let mut text = refusals(&rig, cases, put).await;
    let long = format!("/api/v1/participants/alice/cursors/{}", "x".repeat(256));
    text += &format!(
        "a name of 256 bytes\n  {}\n",
        refusal(
            &rig.put("alice-token", &long, &json!({"seq": 1}))
                .send()
                .await
        )
    );
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
    insta::assert_snapshot!(refusals(&rig, cases, post).await);
    rig.stop().await;
}
