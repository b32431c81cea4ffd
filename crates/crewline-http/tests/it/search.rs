//! Searching in one's messages.

use serde_json::{Value, json};

use crate::rig::{Rig, refusal};

async fn search(rig: &Rig, token: &str, query: &str) -> Value {
    let reply = rig.get(token, &format!("/api/v1/search?{query}")).send();
    let reply = reply.await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    reply.value()
}

fn texts(page: &Value) -> Vec<String> {
    let text = |hit: &Value| {
        let parts = hit["snippet"].as_array().unwrap().iter();
        parts
            .map(|part| part["text"].as_str().unwrap())
            .collect::<String>()
    };
    page["hits"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn one_finds_what_one_may_read_newest_first() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "Breaker 1204 has tripped").await;
    rig.clock.advance_s(60);
    let sent = rig.send(&["alice", "bob"], "Bréaker 7 is closed").await;
    rig.send(&["bob"], "Breaker 8, for bob alone").await;
    let found = search(&rig, "alice-token", "q=BREAK").await;
    assert_eq!(
        texts(&found),
        ["Bréaker 7 is closed", "Breaker 1204 has tripped"]
    );
    assert_eq!(
        found["hits"][0]["snippet"],
        json!([{"text": "Bréaker", "hit": true}, {"text": " 7 is closed", "hit": false}])
    );
    assert_eq!(found["hits"][0]["messageId"], sent["messageId"]);
    let chat = sent["chatId"].as_str().unwrap();
    for (query, count) in [
        ("q=breaker+1204", 1),
        ("q=%22has+tripped%22", 1),
        ("q=tripped+has", 1),
        ("q=trip+has", 0),
        ("q=breaker&from=scada", 2),
        ("q=breaker&from=bob", 0),
        ("q=breaker&from=nobody", 0),
        (&format!("q=breaker&chat={chat}"), 1),
        (&format!("chat={chat}"), 1),
        ("q=breaker&chat=nonsense", 0),
        ("q=breaker&after=2026-11-23T04:00:30Z", 1),
        ("q=breaker&before=2026-11-23T04:00:30Z", 1),
        ("q=breaker&after=2026-11-23T05:00:30%2B01:00", 1),
    ] {
        let found = search(&rig, "alice-token", query).await;
        assert_eq!(texts(&found).len(), count, "{query}");
    }
    let first = search(&rig, "alice-token", "q=breaker&limit=1").await;
    let next = format!("q=breaker&limit=1&page={}", first["next"].as_str().unwrap());
    let second = search(&rig, "alice-token", &next).await;
    assert_eq!(texts(&second), ["Breaker 1204 has tripped"]);
    assert_eq!(second["next"], Value::Null);
    rig.stop().await;
}

#[tokio::test]
async fn whatever_is_typed_is_answered_and_never_by_a_fault() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "NEAR the OR AND NOT end").await;
    for (query, status) in [
        ("q=NEAR(a+b)", 200),
        ("q=OR", 200),
        ("q=a*+-b+NOT+%22", 200),
        ("q=words:near", 200),
        ("q=%27%3B+DROP+TABLE+message%3B--", 200),
        ("q=%22%22%22", 422),
        ("q=*", 422),
        ("q=", 422),
        ("", 422),
        ("from=%00", 422),
        ("q=x&page=0", 422),
        ("q=x&nonsense=1", 422),
        ("q=x&after=yesterday", 422),
    ] {
        let reply = rig.get("alice-token", &format!("/api/v1/search?{query}"));
        assert_eq!(reply.send().await.status, status, "{query}");
    }
    for token in ["scada-token", "admin-token"] {
        let refused = refusal(&rig.get(token, "/api/v1/search?q=x").send().await);
        assert!(refused.starts_with("403 not_allowed"), "{refused}");
    }
    rig.stop().await;
}
