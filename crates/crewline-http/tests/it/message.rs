//! Sending and seeing messages.

use serde_json::{Value, json};

use crate::rig::{Rig, message, refusal};

#[tokio::test]
async fn a_message_is_answered_201_with_where_it_is() {
    let rig = Rig::start().await;
    let reply = rig
        .post(
            "scada-token",
            "/api/v1/messages",
            &message(&["bob", "alice"], "Hello"),
        )
        .send()
        .await;
    assert_eq!(reply.status, 201);
    let sent = reply.value();
    assert_eq!(
        reply.header("location").unwrap(),
        format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap())
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        sent,
        json!({
            "messageId": sent["messageId"], "chatId": sent["chatId"], "position": 1, "sentAt": "2026-11-23T04:00:00.000Z",
            "recipients": [{"userId": "alice", "state": "accepted"}, {"userId": "bob", "state": "accepted"}],
        })
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_retry_with_the_same_key_is_answered_200_with_the_first_answer() {
    let rig = Rig::start().await;
    let send = |body: Value| {
        rig.post("scada-token", "/api/v1/messages", &body)
            .header("idempotency-key", "k")
            .send()
    };
    let first = send(message(&["alice", "bob"], "Hello")).await;
    let mut same = message(&["bob", "alice", "bob"], "Hello");
    same["priority"] = json!(2);
    let again = send(same).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.value(), again.value());
    let other = send(message(&["alice"], "Hello")).await;
    assert!(refusal(&other).starts_with("422 idempotency_mismatch"));
    assert_eq!(rig.events("alice-token", "").await["head"], 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_body_without_a_content_type_is_taken_for_json() {
    let rig = Rig::start().await;
    let body = message(&["alice"], "Hello").to_string();
    let call = rig
        .call(hyper::Method::POST, "/api/v1/messages")
        .token("scada-token")
        .body(body);
    assert_eq!(call.send().await.status, 201);
    rig.stop().await;
}

#[tokio::test]
async fn me_stands_for_the_one_external_of_a_token() {
    let rig = Rig::start().await;
    let mut body = message(&["alice"], "Hello");
    body["fromExtUserId"] = json!("me");
    let reply = rig
        .post("scada-token", "/api/v1/messages", &body)
        .send()
        .await;
    assert_eq!(reply.status, 201);
    let event = &rig.events("alice-token", "").await["events"][0];
    assert_eq!(event["data"]["fromUserId"], "scada");
    let reply = rig
        .post("many-token", "/api/v1/messages", &body)
        .send()
        .await;
    assert!(refusal(&reply).contains("fromExtUserId [malformed] \"me\" is reserved"));
    rig.stop().await;
}

#[tokio::test]
async fn a_user_replies_and_what_was_on_the_screen_is_read() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "bob"], "Hello").await;
    let path = format!(
        "/api/v1/chats/{}/messages",
        sent["chatId"].as_str().unwrap()
    );
    let body = json!({"message": "On my way", "replyTo": sent["messageId"], "priority": null});
    let reply = rig
        .post("alice-token", &path, &body)
        .header("idempotency-key", "k")
        .send()
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.value()["position"], 2);
    let again = rig
        .post("alice-token", &path, &body)
        .header("idempotency-key", "k")
        .send()
        .await;
    assert_eq!((again.status, again.value()), (200, reply.value()));
    let events = rig.events("scada-token", "").await;
    let kinds: Vec<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["message.delivered", "message.read", "message.received"]
    );
    assert_eq!(events["events"][2]["data"]["replyTo"], sent["messageId"]);
    rig.stop().await;
}

#[tokio::test]
async fn the_sender_sees_every_recipient_and_a_recipient_itself() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "bob"], "Hello").await;
    let path = format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap());
    let seen = |token: &'static str| {
        let call = rig.get(token, &path);
        async move { call.send().await }
    };
    let whole = seen("scada-token").await.value();
    assert_eq!(
        whole,
        json!({
            "messageId": sent["messageId"], "chatId": sent["chatId"], "position": 1, "fromUserId": "scada",
            "fromUserName": "SCADA", "message": "Hello", "priority": 2, "sentAt": "2026-11-23T04:00:00.000Z",
            "recipients": [{"userId": "alice", "state": "accepted"}, {"userId": "bob", "state": "accepted"}],
        })
    );
    let own = seen("alice-token").await.value();
    assert_eq!(
        own["recipients"],
        json!([{"userId": "alice", "state": "accepted"}])
    );
    assert!(refusal(&seen("carol-token").await).starts_with("404 not_found"));
    assert!(refusal(&seen("desk-token").await).starts_with("404 not_found"));
    assert!(refusal(&seen("admin-token").await).starts_with("404 not_found"));
    assert_eq!(
        seen("many-token").await.value(),
        whole,
        "a token of several looks with the eyes of all"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_token_with_a_prefix_sees_what_its_externals_see() {
    let rig = Rig::start().await;
    for external in ["oms:1", "oms:2"] {
        let body = json!({"fromExtUserId": external, "fromExtUserName": "OMS", "toUsers": [{"toUserId": "bob"}], "message": "x"});
        assert_eq!(
            rig.post("oms-token", "/api/v1/messages", &body)
                .send()
                .await
                .status,
            201
        );
    }
    let sent = rig.send(&["oms:1", "oms:2", "alice"], "Hello").await;
    let path = format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap());
    let seen = rig.get("oms-token", &path).send().await.value();
    let expected =
        json!([{"userId": "oms:1", "state": "accepted"}, {"userId": "oms:2", "state": "accepted"}]);
    assert_eq!(seen["recipients"], expected);
    let narrow = rig
        .get("oms-token", &format!("{path}?participant=oms:2"))
        .send()
        .await
        .value();
    assert_eq!(
        narrow["recipients"],
        json!([{"userId": "oms:2", "state": "accepted"}])
    );
    let other = rig
        .get("oms-token", &format!("{path}?participant=scada"))
        .send()
        .await;
    assert!(refusal(&other).starts_with("403 not_allowed"));
    let history = format!(
        "/api/v1/chats/{}/messages",
        sent["chatId"].as_str().unwrap()
    );
    assert_eq!(
        rig.get("oms-token", &history).send().await.value()["messages"][0]["messageId"],
        sent["messageId"]
    );
    rig.stop().await;
}

#[tokio::test]
async fn payloads_come_back_as_they_were_given() {
    let rig = Rig::start().await;
    let mut body = message(&["alice"], "Hello");
    body["toUsers"] = json!([
        {"toUserId": "alice", "onDeliveredPayload": "AAEC/w==", "onReadPayload": null},
        {"toUserId": "alice", "onReadPayload": "cmVhZA=="},
        {"toUserId": "bob", "onReadPayload": ""},
    ]);
    let sent = rig
        .post("scada-token", "/api/v1/messages", &body)
        .send()
        .await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let receipts = json!({"receipts": [{"messageId": sent.value()["messageId"], "state": "read"}]});
    for token in ["alice-token", "bob-token"] {
        assert_eq!(
            rig.post(token, "/api/v1/receipts", &receipts)
                .send()
                .await
                .status,
            200
        );
    }
    let events = rig.events("scada-token", "").await;
    let payloads: Vec<&Value> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["data"]["payload"])
        .collect();
    assert_eq!(
        payloads,
        [
            &json!("AAEC/w=="),
            &json!("cmVhZA=="),
            &Value::Null,
            &Value::Null
        ]
    );
    rig.stop().await;
}
