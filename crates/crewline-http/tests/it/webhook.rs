//! Webhooks: who keeps them, what is refused, and what is shown. Posting is tested where it is done.

use hyper::Method;
use serde_json::{Value, json};

use crate::call::Call;
use crate::rig::{Rig, refusal, refusals};

const LIST: &str = "/api/v1/webhooks";

fn hook(participant: &str) -> Value {
    json!({ "participant": participant, "url": "https://example.org/hook" })
}

/// Adds one; its path.
async fn add(rig: &Rig, token: &str, body: &Value) -> String {
    let reply = rig.post(token, LIST, body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let added = reply.value();
    let secret = added["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{added}"
    );
    format!("{LIST}/{}", added["webhookId"].as_str().unwrap())
}

async fn get(rig: &Rig, token: &str, path: &str) -> Value {
    let reply = rig.get(token, path).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.value()
}

async fn act(rig: &Rig, path: &str, act: &str) -> Value {
    let reply = rig
        .call(Method::POST, &format!("{path}/{act}"))
        .token("scada-token")
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.value()
}

/// The ids in the list that a token sees.
async fn ids(rig: &Rig, token: &str, query: &str) -> (Vec<String>, Value) {
    let page = get(rig, token, &format!("{LIST}{query}")).await;
    let ids = page["webhooks"].as_array().unwrap().iter();
    let ids = ids.map(|webhook| webhook["webhookId"].as_str().unwrap().to_owned());
    (ids.collect(), page["next"].clone())
}

#[tokio::test]
async fn administrators_keep_all_externals_their_own_and_others_none() {
    let rig = Rig::start().await;
    let own = add(
        &rig,
        "scada-token",
        &json!({ "url": "https://example.org/hook" }),
    )
    .await;
    add(&rig, "admin-token", &hook("alice")).await;
    add(&rig, "carol-token", &hook("desk")).await;
    let covered = add(&rig, "oms-token", &hook("oms:1")).await;
    for (token, seen) in [
        ("admin-token", &["1", "2", "3", "4"][..]),
        ("carol-token", &["1", "2", "3", "4"]),
        ("scada-token", &["1"]),
        ("oms-token", &["4"]),
        // A prefix covers no user: `ali*` does not show what is alice's.
        ("many-token", &["1", "3", "4"]),
    ] {
        assert_eq!(ids(&rig, token, "").await.0, seen, "{token}");
    }
    let page = ids(&rig, "admin-token", "?limit=2&after=1").await;
    assert_eq!(page, (vec!["2".to_owned(), "3".to_owned()], json!("3")));
    assert_eq!(ids(&rig, "admin-token", "?participant=desk").await.0, ["3"]);

    let before = rig.everything().await;
    for token in ["alice-token", "bob-token"] {
        for call in [
            rig.get(token, LIST),
            rig.post(token, LIST, &hook("alice")),
            rig.get(token, &own),
            rig.call(Method::DELETE, &own).token(token),
        ] {
            assert!(
                refusal(&call.send().await).starts_with("403 not_allowed"),
                "{token}"
            );
        }
    }
    for token in ["desk-token", "oms-token"] {
        let calls: [Call; 4] = [
            rig.get(token, &own),
            rig.put(token, &own, &json!({ "url": "https://example.org/" })),
            rig.call(Method::POST, &format!("{own}/pause")).token(token),
            rig.call(Method::DELETE, &own).token(token),
        ];
        for call in calls {
            assert!(
                refusal(&call.send().await).starts_with("404 not_found"),
                "{token}"
            );
        }
    }
    let foreign = rig.post("scada-token", LIST, &hook("desk")).send().await;
    assert!(refusal(&foreign).starts_with("403 not_allowed"));
    assert_eq!(rig.everything().await, before);
    assert_eq!(
        get(&rig, "oms-token", &covered).await["participant"],
        "oms:1"
    );
}

#[tokio::test]
async fn a_webhook_is_shown_changed_paused_sent_back_and_removed() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "hello").await;
    let message = rig.events("alice-token", "").await["events"][0]["data"].clone();
    let receipt = json!({ "receipts": [{ "messageId": message["messageId"], "state": "read" }] });
    rig.post("alice-token", "/api/v1/receipts", &receipt)
        .send()
        .await;
    let path = add(
        &rig,
        "scada-token",
        &json!({ "url": "https://example.org/hook", "types": ["message.read"] }),
    )
    .await;
    let shown = get(&rig, "scada-token", &path).await;
    assert_eq!(
        shown,
        json!({
            "webhookId": "1", "participant": "scada", "url": "https://example.org/hook", "types": ["message.read"],
            "state": "active", "createdAt": shown["createdAt"], "seq": 2, "head": 2, "parked": 0, "dropped": 0,
        }),
        "the secret is not shown again"
    );
    let changed = rig
        .put(
            "scada-token",
            &path,
            &json!({ "url": "http://10.0.0.1:8080/" }),
        )
        .send()
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.value();
    assert_eq!(
        (&changed["url"], &changed["types"]),
        (&json!("http://10.0.0.1:8080/"), &Value::Null)
    );
    for _ in 0..2 {
        let paused = act(&rig, &path, "pause").await;
        assert_eq!(paused["state"], "paused");
        assert!(
            paused["reason"]
                .as_str()
                .unwrap()
                .starts_with("paused by token "),
            "{paused}"
        );
    }
    assert_eq!(act(&rig, &path, "resume").await["reason"], Value::Null);
    let back = rig
        .post(
            "scada-token",
            &format!("{path}/replay"),
            &json!({ "from": 1 }),
        )
        .send()
        .await;
    assert_eq!((back.status, back.value()["seq"].clone()), (200, json!(0)));
    let failures = get(&rig, "scada-token", &format!("{path}/failures")).await;
    assert_eq!(failures, json!({ "failures": [], "dropped": 0 }));
    let remove = || rig.call(Method::DELETE, &path).token("scada-token");
    assert_eq!(remove().send().await.status, 204);
    assert_eq!(remove().send().await.status, 404);
    assert_eq!(ids(&rig, "admin-token", "").await.0, [] as [&str; 0]);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let rig = Rig::start().await;
    let path = add(
        &rig,
        "scada-token",
        &json!({ "url": "https://example.org/" }),
    )
    .await;
    let post = |token: &str, body: Value| rig.post(token, LIST, &body);
    let replay = |body: Value| rig.post("scada-token", &format!("{path}/replay"), &body);
    let url = |url: &str| post("scada-token", json!({ "url": url }));
    let cases = vec![
        ("nothing", post("admin-token", json!({}))),
        ("nobody", post("admin-token", hook("nobody"))),
        ("no id", post("admin-token", hook(".."))),
        (
            "several",
            post("many-token", json!({ "url": "https://example.org/" })),
        ),
        (
            "unknown field",
            post(
                "scada-token",
                json!({ "url": "https://example.org/", "secret": "mine" }),
            ),
        ),
        (
            "no kinds",
            post(
                "scada-token",
                json!({ "url": "https://example.org/", "types": [] }),
            ),
        ),
        (
            "wrong kind",
            post(
                "scada-token",
                json!({ "url": "https://example.org/", "types": ["all"] }),
            ),
        ),
        (
            "beyond",
            post(
                "scada-token",
                json!({ "url": "https://example.org/", "after": 9 }),
            ),
        ),
        ("scheme", url("ftp://example.org/")),
        ("credentials", url("https://a:b@example.org/")),
        ("metadata", url("http://169.254.169.254/latest")),
        ("metadata, mapped", url("http://[::ffff:169.254.169.254]/")),
        (
            "too long",
            url(&format!("https://example.org/{}", "x".repeat(2_048))),
        ),
        (
            "change to nothing",
            rig.put("scada-token", &path, &json!({})),
        ),
        ("replay nothing", replay(json!({}))),
        ("replay both", replay(json!({ "from": 1, "parked": 1 }))),
        ("replay text", replay(json!({ "from": "1" }))),
        ("replay beyond", replay(json!({ "from": 9 }))),
        ("not parked", replay(json!({ "parked": 1 }))),
        ("no number", rig.get("admin-token", "/api/v1/webhooks/one")),
        (
            "another way to write it",
            rig.get("admin-token", "/api/v1/webhooks/01"),
        ),
        ("no such", rig.get("admin-token", "/api/v1/webhooks/9")),
        (
            "query",
            rig.get("admin-token", "/api/v1/webhooks?after=x&limit=0&what=1"),
        ),
    ];
    insta::assert_snapshot!(refusals(&rig, cases).await);
}

#[tokio::test]
async fn a_webhook_of_somebody_who_is_shut_out_is_not_lost() {
    let rig = Rig::start().await;
    add(&rig, "admin-token", &hook("alice")).await;
    rig.change("alice", crewline_core::UserChange::Disable)
        .await;
    assert_eq!(ids(&rig, "admin-token", "").await.0, ["1"]);
}
