//! Messages with wrong fields: every limit, type and encoding. Nothing changes by any of them.

use hyper::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, message, refusal, refusals_of};

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
        refusals_of(&rig, cases, |body| rig.post(
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
        refusals_of(&rig, cases, |body| rig.post(
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
