//! Who may do what: every refusal leaves everything as it was.

use hyper::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, message, refusal};

/// A call by method, path and body, and how its refusal begins.
struct Refused(&'static str, Method, String, Value, &'static str);

#[tokio::test]
async fn nobody_acts_as_somebody_else() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "bob"], "Hello").await;
    let chat = format!(
        "/api/v1/chats/{}/messages",
        sent["chatId"].as_str().unwrap()
    );
    let send = || "/api/v1/messages".to_owned();
    let from = |id: &str| {
        let mut body = message(&["bob"], "Hello");
        body["fromExtUserId"] = json!(id);
        body
    };
    let reply = json!({"message": "Hello"});
    let events = |id: &str| format!("/api/v1/participants/{id}/events");
    let cursor = |id: &str| format!("/api/v1/participants/{id}/cursors/c");
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let cases = [
        Refused(
            "alice-token",
            post.clone(),
            send(),
            from("alice"),
            "403 not_allowed: This call is for externals.",
        ),
        Refused(
            "admin-token",
            post.clone(),
            send(),
            from("scada"),
            "403 not_allowed: A token of administration",
        ),
        Refused(
            "scada-token",
            post.clone(),
            send(),
            from("desk"),
            "403 not_allowed: This token does not act as \"desk\".",
        ),
        Refused(
            "scada-token",
            post.clone(),
            send(),
            from("scada2"),
            "403 not_allowed: This token does not act as \"scada2\".",
        ),
        Refused(
            "oms-token",
            post.clone(),
            send(),
            from("oms"),
            "403 not_allowed: This token does not act as \"oms\".",
        ),
        Refused(
            "many-token",
            post.clone(),
            send(),
            from("alice"),
            "403 not_allowed: This token does not act as \"alice\".",
        ),
        Refused(
            "scada-token",
            post.clone(),
            chat.clone(),
            reply.clone(),
            "403 not_allowed: This call is for users. An external sends by",
        ),
        Refused(
            "admin-token",
            post.clone(),
            chat.clone(),
            reply.clone(),
            "403 not_allowed: A token of administration",
        ),
        Refused(
            "carol-token",
            post.clone(),
            chat.clone(),
            reply,
            "404 not_found",
        ),
        Refused(
            "carol-token",
            get.clone(),
            chat.clone(),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "desk-token",
            get.clone(),
            chat.clone(),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "admin-token",
            get.clone(),
            chat,
            Value::Null,
            "404 not_found: A token of administration",
        ),
        Refused(
            "desk-token",
            post.clone(),
            "/api/v1/chats".into(),
            json!({"fromExtUserId": "scada", "toUserIds": ["bob"]}),
            "403 not_allowed",
        ),
        Refused(
            "alice-token",
            post.clone(),
            "/api/v1/chats".into(),
            json!({"fromExtUserId": "scada", "toUserIds": ["bob"]}),
            "422 invalid: fromExtUserId",
        ),
        Refused(
            "admin-token",
            post.clone(),
            "/api/v1/chats".into(),
            json!({"toUserIds": ["bob"]}),
            "403 not_allowed",
        ),
        Refused(
            "alice-token",
            get.clone(),
            events("bob"),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "alice-token",
            get.clone(),
            events("scada"),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "scada-token",
            get.clone(),
            events("alice"),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "carol-token",
            get.clone(),
            events("alice"),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "many-token",
            get.clone(),
            events("me"),
            Value::Null,
            "404 not_found: This token covers several participants",
        ),
        Refused(
            "many-token",
            get.clone(),
            events("alice"),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "admin-token",
            get.clone(),
            events("me"),
            Value::Null,
            "404 not_found: A token of administration",
        ),
        Refused(
            "admin-token",
            get.clone(),
            events("alice"),
            Value::Null,
            "404 not_found: A token of administration",
        ),
        Refused(
            "admin-token",
            put.clone(),
            cursor("alice"),
            json!({"seq": 0}),
            "404 not_found: A token of administration",
        ),
        Refused(
            "admin-token",
            get.clone(),
            format!("/api/v1/messages/{}", sent["messageId"].as_str().unwrap()),
            Value::Null,
            "404 not_found: A token of administration",
        ),
        Refused(
            "bob-token",
            get.clone(),
            cursor("alice"),
            Value::Null,
            "404 not_found",
        ),
        Refused(
            "bob-token",
            put.clone(),
            cursor("alice"),
            json!({"seq": 1}),
            "404 not_found",
        ),
        Refused(
            "oms-token",
            put,
            cursor("scada"),
            json!({"seq": 0}),
            "404 not_found",
        ),
        Refused(
            "admin-token",
            get.clone(),
            "/api/v1/people".into(),
            Value::Null,
            "403 not_allowed",
        ),
        Refused(
            "admin-token",
            get,
            "/api/v1/me".into(),
            Value::Null,
            "403 not_allowed",
        ),
    ];
    let before = rig.everything().await;
    for Refused(token, method, path, body, expected) in cases {
        let mut call = rig.call(method.clone(), &path).token(token);
        if !body.is_null() {
            call = call.json(&body);
        }
        let refused = refusal(&call.send().await);
        assert!(
            refused.starts_with(expected),
            "{token} {method} {path}: {refused}"
        );
    }
    assert_eq!(rig.everything().await, before);
    rig.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_not_yours_look_the_same() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "Hello").await;
    let other = sent["messageId"].as_str().unwrap();
    let mut answers = Vec::new();
    for id in [other, "m10000000000", "nonsense", "%ff", "x%00y"] {
        answers.push(refusal(
            &rig.get("bob-token", &format!("/api/v1/messages/{id}"))
                .send()
                .await,
        ));
    }
    let chat = sent["chatId"].as_str().unwrap();
    for id in [chat, "c10000000000", "nonsense", "%ff"] {
        answers.push(refusal(
            &rig.get("bob-token", &format!("/api/v1/chats/{id}/messages"))
                .send()
                .await,
        ));
        let reply = rig.post(
            "bob-token",
            &format!("/api/v1/chats/{id}/messages"),
            &json!({"message": "Hello"}),
        );
        answers.push(refusal(&reply.send().await));
    }
    for id in ["alice", "nobody", ".%2E", "%00", "%ff"] {
        answers.push(refusal(
            &rig.get("bob-token", &format!("/api/v1/participants/{id}/events"))
                .send()
                .await,
        ));
        answers.push(refusal(
            &rig.get("bob-token", &format!("/api/v1/participants/{id}/cursors/c"))
                .send()
                .await,
        ));
    }
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    rig.stop().await;
}

#[tokio::test]
async fn without_known_credentials_nothing_is_told() {
    let rig = Rig::start().await;
    let paths = [
        (Method::POST, "/api/v1/messages"),
        (Method::POST, "/api/v1/chats/c1/messages"),
        (Method::GET, "/api/v1/chats/c1/messages"),
        (Method::GET, "/api/v1/messages/m1"),
        (Method::POST, "/api/v1/chats"),
        (Method::GET, "/api/v1/participants/alice/events"),
        (Method::GET, "/api/v1/participants/alice/cursors/c"),
        (Method::PUT, "/api/v1/participants/alice/cursors/c"),
        (Method::GET, "/api/v1/participants/alice/watchers"),
        (Method::PUT, "/api/v1/participants/alice/watchers/bob"),
        (Method::DELETE, "/api/v1/participants/alice/watchers/bob"),
        (Method::POST, "/api/v1/receipts"),
        (Method::DELETE, "/api/v1/session"),
        (Method::GET, "/api/v1/me"),
        (Method::GET, "/api/v1/me/chats"),
        (Method::GET, "/api/v1/people"),
    ];
    let unknown = format!("Bearer {}", Rig::unknown_secret());
    for (method, path) in paths {
        for credentials in [
            None,
            Some(unknown.as_str()),
            Some("Basic YTpi"),
            Some("Bearer"),
            Some("Bearer \u{e9}"),
        ] {
            let mut call = rig.call(method.clone(), path);
            if let Some(credentials) = credentials {
                call = call.header("authorization", credentials);
            }
            let reply = call.body("nonsense").send().await;
            assert!(
                refusal(&reply).starts_with("401 unauthenticated"),
                "{method} {path} {credentials:?}"
            );
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_token_holds_only_as_long_as_it_is_not_revoked() {
    let rig = Rig::start().await;
    let send = || {
        rig.post(
            "scada-token",
            "/api/v1/messages",
            &message(&["alice"], "Hello"),
        )
        .send()
    };
    assert_eq!(send().await.status, 201);
    rig.revoke("scada-token").await;
    assert!(refusal(&send().await).starts_with("401 unauthenticated"));
    rig.stop().await;
}

#[tokio::test]
async fn a_prefix_never_covers_a_user_who_is_added_later() {
    let rig = Rig::start().await;
    let mut body = message(&["bob"], "Hello");
    body["fromExtUserId"] = json!("ali-desk");
    body["fromExtUserName"] = json!("Desk");
    assert_eq!(
        rig.post("many-token", "/api/v1/messages", &body)
            .send()
            .await
            .status,
        201
    );
    rig.add_user("alina", "Alina", crewline_api::Role::Crew, None)
        .await;
    body["fromExtUserId"] = json!("alina");
    assert!(
        refusal(
            &rig.post("many-token", "/api/v1/messages", &body)
                .send()
                .await
        )
        .starts_with("403 not_allowed")
    );
    rig.stop().await;
}
