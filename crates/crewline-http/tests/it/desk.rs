//! Who sits at the desk.

use crewline_api::Role;
use crewline_core::TokenOwner;
use hyper::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, id, refusal};

async fn call(rig: &Rig, method: Method, token: &str) -> Value {
    let reply = rig.call(method, "/api/v1/desk").token(token).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.value()
}

fn who(desk: &Value) -> Vec<&str> {
    let seats = desk["seats"].as_array().unwrap().iter();
    seats.map(|seat| seat["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_takes_the_desk_is_shown_to_every_desk_until_they_leave() {
    let rig = Rig::start().await;
    rig.add_user("dora", "Dora", Role::Dispatcher, None).await;
    rig.token("dora-token", TokenOwner::User(id("dora"))).await;
    let free = call(&rig, Method::GET, "carol-token").await;
    assert_eq!(free, json!({"seats": []}));
    let presence = || rig.get("dora-token", "/api/v1/people/presence").send();
    let before = presence().await.value()["version"].as_u64().unwrap();
    let taken = call(&rig, Method::PUT, "dora-token").await;
    assert_eq!(who(&taken), ["Dora"]);
    assert_eq!(taken["seats"][0]["since"], "2026-11-23T04:00:00.000Z");
    // A desk that waits for news of people has news.
    assert!(presence().await.value()["version"].as_u64().unwrap() > before);
    assert_eq!(call(&rig, Method::PUT, "dora-token").await, taken);
    let both = call(&rig, Method::PUT, "carol-token").await;
    assert_eq!(who(&both), ["Dora", "Carol"]);
    assert_eq!(call(&rig, Method::GET, "admin-token").await, both);
    assert_eq!(
        who(&call(&rig, Method::DELETE, "dora-token").await),
        ["Carol"]
    );
    assert_eq!(
        who(&call(&rig, Method::DELETE, "dora-token").await),
        ["Carol"]
    );
    rig.stop().await;
}

#[tokio::test]
async fn who_does_not_take_the_desk_again_is_gone_after_ten_minutes() {
    let rig = Rig::start().await;
    rig.add_user("dora", "Dora", Role::Dispatcher, None).await;
    rig.token("dora-token", TokenOwner::User(id("dora"))).await;
    let taken = call(&rig, Method::PUT, "dora-token").await;
    call(&rig, Method::PUT, "carol-token").await;
    for _ in 0..3 {
        rig.clock.advance_s(250);
        // Her page says so again: she sits there since when she came.
        let again = call(&rig, Method::PUT, "dora-token").await;
        assert_eq!(again["seats"][0], taken["seats"][0]);
    }
    let seen = call(&rig, Method::GET, "admin-token").await;
    assert_eq!(who(&seen), ["Dora"], "Carol closed her browser");
    rig.clock.advance_s(599);
    assert_eq!(who(&call(&rig, Method::GET, "carol-token").await), ["Dora"]);
    rig.clock.advance_s(1);
    let free = call(&rig, Method::GET, "carol-token").await;
    assert_eq!(free, json!({"seats": []}));
    // Who comes back sits there since then.
    let back = call(&rig, Method::PUT, "dora-token").await;
    assert_eq!(back["seats"][0]["since"], "2026-11-23T04:22:30.000Z");
    let audit = rig.get(
        "admin-token",
        "/api/v1/admin/audit?what=organisation.changed",
    );
    let audit = audit.send().await.value();
    let details = audit["entries"].as_array().unwrap().iter();
    let details: Vec<_> = details.map(|entry| &entry["detail"]).collect();
    assert_eq!(details, ["taken", "taken", "taken"], "{audit}");
    rig.stop().await;
}

#[tokio::test]
async fn crews_systems_and_tokens_of_administration_do_not_sit_at_the_desk() {
    let rig = Rig::start().await;
    for token in ["alice-token", "scada-token"] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let reply = rig.call(method, "/api/v1/desk").token(token).send().await;
            assert!(refusal(&reply).starts_with("403 not_allowed"));
        }
    }
    let reply = rig
        .call(Method::PUT, "/api/v1/desk")
        .token("admin-token")
        .send()
        .await;
    assert!(refusal(&reply).starts_with("403 not_allowed"));
    assert_eq!(
        call(&rig, Method::GET, "carol-token").await,
        json!({"seats": []})
    );
    rig.stop().await;
}
