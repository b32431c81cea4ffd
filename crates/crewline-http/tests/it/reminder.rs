//! Reminders.

use crewline_api::Role;
use crewline_core::{TokenOwner, UserChange};
use hyper::Method;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::rig::{Rig, id, message, refusal};
use crate::wire::Wire;

fn path(sent: &Value) -> String {
    format!(
        "/api/v1/messages/{}/reminders",
        sent["messageId"].as_str().unwrap()
    )
}

async fn remind(rig: &Rig, token: &str, sent: &Value, body: &Value) -> Reply {
    rig.post(token, &path(sent), body).send().await
}

async fn watch(rig: &Rig, user: &str) {
    let place = format!("/api/v1/participants/scada/watchers/{user}");
    let call: Call = rig.call(Method::PUT, &place);
    assert_eq!(call.token("admin-token").send().await.status, 204);
}

#[tokio::test]
async fn the_silent_are_reminded_and_the_message_tells_of_it() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "bob"], "x").await;
    let receipts = json!({"receipts": [{"messageId": sent["messageId"], "state": "delivered"}]});
    rig.post("bob-token", "/api/v1/receipts", &receipts)
        .send()
        .await;
    let body = json!({"until": "delivered"});
    let reply = remind(&rig, "scada-token", &sent, &body).await;
    let answer = json!({
        "messageId": sent["messageId"], "remindedAt": "2026-11-23T04:00:00.000Z", "userIds": ["alice"],
    });
    assert_eq!((reply.status, reply.value()), (201, answer.clone()));
    let again = remind(&rig, "scada-token", &sent, &body).await;
    assert_eq!((again.status, again.value()), (200, answer));
    rig.clock.advance_s(3);
    let other = remind(&rig, "scada-token", &sent, &json!({"until": null})).await;
    assert!(refusal(&other).starts_with("429 reminded_just_now"));
    assert_eq!(other.header("retry-after"), Some("8"));
    let events = rig.events("alice-token", "?types=message.reminded").await;
    assert_eq!(
        events["events"][0]["data"],
        json!({
            "messageId": sent["messageId"], "chatId": sent["chatId"], "byUserId": "scada",
            "at": "2026-11-23T04:00:00.000Z", "until": "delivered", "priority": 2,
        })
    );
    let whole = format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap());
    let seen = rig.get("scada-token", &whole).send().await.value();
    assert_eq!(
        seen["reminders"],
        json!([{"at": "2026-11-23T04:00:00.000Z", "byUserId": "scada", "until": "delivered", "userIds": ["alice"]}])
    );
    let seen = rig.get("alice-token", &whole).send().await.value();
    assert_eq!(seen.get("reminders"), None);
    rig.stop().await;
}

#[tokio::test]
async fn nobody_left_is_no_reminder() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "x").await;
    let receipts = json!({"receipts": [{"messageId": sent["messageId"], "state": "read"}]});
    rig.post("alice-token", "/api/v1/receipts", &receipts)
        .send()
        .await;
    let reply = remind(&rig, "scada-token", &sent, &json!({})).await;
    assert_eq!((reply.status, &reply.value()["userIds"]), (200, &json!([])));
    let events = rig.events("alice-token", "?types=message.reminded").await;
    assert_eq!(events["events"], json!([]));
    rig.stop().await;
}

#[tokio::test]
async fn a_dispatcher_reminds_who_watches_the_sender_and_nobody_else_does() {
    let rig = Rig::start().await;
    rig.add_user("dora", "Dora", Role::Dispatcher, None).await;
    rig.token("dora-token", TokenOwner::User(id("dora"))).await;
    let sent = rig.send(&["alice", "bob"], "x").await;
    let answer = async |token: &'static str| refusal(&remind(&rig, token, &sent, &json!({})).await);
    assert!(answer("admin-token").await.starts_with("403 not_allowed"));
    assert!(
        answer("alice-token").await.starts_with("403 not_allowed"),
        "a recipient"
    );
    for token in ["dora-token", "carol-token", "desk-token"] {
        assert!(
            answer(token).await.starts_with("404 not_found"),
            "{token} does not see it"
        );
    }
    assert!(answer("nobody's").await.starts_with("401 "));
    watch(&rig, "bob").await;
    assert!(
        answer("bob-token").await.starts_with("403 not_allowed"),
        "crew that watches"
    );
    watch(&rig, "dora").await;
    let reply = remind(&rig, "dora-token", &sent, &json!({})).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let events = rig.events("bob-token", "?types=message.reminded").await;
    assert_eq!(events["events"][0]["data"]["byUserId"], "dora");
    // Of her own messages she reminds as their sender; a role that is taken away is gone at once.
    rig.clock.advance_s(10);
    rig.change("dora", UserChange::Role(Role::Crew)).await;
    assert!(answer("dora-token").await.starts_with("403 not_allowed"));
    rig.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_reminder_is_named() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "x").await;
    for (body, fault) in [
        (json!({"until": "accepted"}), "until [out_of_range]"),
        (json!({"until": "seen"}), "until [out_of_range]"),
        (json!({"until": 3}), "until [wrong_type]"),
        (json!({"who": []}), "who [unknown_field]"),
    ] {
        let refused = refusal(&remind(&rig, "scada-token", &sent, &body).await);
        assert!(refused.contains(fault), "{refused}");
    }
    for id in ["m0", "nonsense", "%00"] {
        let call = rig.post(
            "scada-token",
            &format!("/api/v1/messages/{id}/reminders"),
            &json!({}),
        );
        assert!(refusal(&call.send().await).starts_with("404 not_found"));
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_session_reminds_as_a_call_does() {
    let rig = Rig::start().await;
    let reply = rig.post("scada-token", "/api/v1/messages", &message(&["alice"], "x"));
    let sent = reply.send().await.value();
    let (mut alice, _) =
        Wire::open(&rig, "alice-token", json!({"types": ["message.reminded"]})).await;
    let (mut scada, _) = Wire::open(&rig, "scada-token", json!({"types": ["chat.created"]})).await;
    let body = json!({"messageId": sent["messageId"], "until": "acknowledged"});
    let done = scada.command(1, "remind", body).await;
    assert_eq!(done["ok"]["userIds"], json!(["alice"]), "{done}");
    let told = alice.events(1).await;
    assert_eq!(told[0]["data"]["until"], "acknowledged");
    let refused = scada.command(2, "remind", json!({"until": "read"})).await;
    assert_eq!(
        refused["error"]["errors"][0]["field"], "messageId",
        "{refused}"
    );
    rig.stop().await;
}
