//! Receipts.

use serde_json::json;

use crate::rig::{Rig, message, refusal};

#[tokio::test]
async fn receipts_are_answered_in_their_order() {
    let rig = Rig::start().await;
    let one = rig.send(&["alice"], "one").await;
    let two = rig.send(&["alice"], "two").await;
    let body = json!({"receipts": [
        {"messageId": one["messageId"], "state": "delivered", "at": "2026-11-23T05:00:00+01:00"},
        {"messageId": one["messageId"], "state": "delivered"},
        {"chatId": one["chatId"], "readUpTo": two["messageId"], "at": null},
        {"messageId": "m0", "state": "acknowledged"},
        {"chatId": "nonsense", "readUpTo": two["messageId"]},
    ]});
    let reply = rig
        .post("alice-token", "/api/v1/receipts", &body)
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.value(),
        json!({"results": [
            {"messageId": one["messageId"], "outcome": "new"},
            {"messageId": one["messageId"], "outcome": "known"},
            {"chatId": one["chatId"], "outcome": "new"},
            {"messageId": "m0", "outcome": "not_found"},
            {"chatId": "nonsense", "outcome": "not_found"},
        ]})
    );
    let events = rig.events("scada-token", "?types=message.delivered").await;
    assert_eq!(
        events["events"][0]["data"]["at"],
        "2026-11-23T04:00:00.000Z"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_token_of_several_names_the_participant() {
    let rig = Rig::start().await;
    let sent = rig.send(&["desk"], "Hello").await;
    let said = |participant: Option<&str>| {
        let mut body = json!({"receipts": [{"messageId": sent["messageId"], "state": "read"}]});
        if let Some(participant) = participant {
            body["participant"] = json!(participant);
        }
        body
    };
    let post = |token: &'static str, participant: Option<&'static str>| {
        let call = rig.post(token, "/api/v1/receipts", &said(participant));
        async move { call.send().await }
    };
    assert!(refusal(&post("many-token", None).await).contains("participant [required]"));
    assert!(refusal(&post("many-token", Some("nobody")).await).starts_with("403 not_allowed"));
    assert_eq!(
        post("many-token", Some("scada")).await.value()["results"][0]["outcome"],
        "not_found"
    );
    assert_eq!(
        post("many-token", Some("desk")).await.value()["results"][0]["outcome"],
        "new"
    );
    assert_eq!(
        post("desk-token", None).await.value()["results"][0]["outcome"],
        "known"
    );
    assert_eq!(
        post("desk-token", Some("me")).await.value()["results"][0]["outcome"],
        "known"
    );
    assert!(refusal(&post("alice-token", Some("bob")).await).starts_with("403 not_allowed"));
    assert_eq!(post("alice-token", Some("alice")).await.status, 200);
    assert!(refusal(&post("admin-token", None).await).starts_with("403 not_allowed"));
    rig.stop().await;
}

#[tokio::test]
async fn a_thousand_receipts_are_one_call_and_one_more_is_too_many() {
    let rig = Rig::start().await;
    let sent = rig
        .post(
            "scada-token",
            "/api/v1/messages",
            &message(&["alice"], "Hello"),
        )
        .send()
        .await
        .value();
    let said = json!({"messageId": sent["messageId"], "state": "read"});
    let body = |count| json!({"receipts": vec![said.clone(); count]});
    let reply = rig
        .post("alice-token", "/api/v1/receipts", &body(1000))
        .send()
        .await;
    assert_eq!(reply.value()["results"].as_array().unwrap().len(), 1000);
    let reply = rig
        .post("alice-token", "/api/v1/receipts", &body(1001))
        .send()
        .await;
    assert!(refusal(&reply).contains("receipts [too_many]"));
    rig.stop().await;
}
