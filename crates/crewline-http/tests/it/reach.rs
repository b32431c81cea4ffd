//! Who can be reached now.

use crewline_api::Role;
use crewline_core::TokenOwner;
use hyper::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, id, refusal};
use crate::wire::Wire;

async fn with_dora() -> Rig {
    let rig = Rig::start().await;
    rig.add_user("dora", "Dora", Role::Dispatcher, None).await;
    rig.token("dora-token", TokenOwner::User(id("dora"))).await;
    let group = json!({"name": "North", "userIds": ["alice", "bob", "dora"]});
    let put = rig.put("dora-token", "/api/v1/groups/north", &group);
    assert_eq!(put.send().await.status, 201);
    rig
}

async fn reach(rig: &Rig, token: &str, body: &Value) -> Value {
    let reply = rig.post(token, "/api/v1/reach", body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.value()
}

/// `alice app, bob -`
fn shown(value: &Value) -> String {
    let people = value["people"].as_array().unwrap().iter();
    let people = people.map(|person| {
        let by = person["by"].as_str().unwrap_or("-");
        format!("{} {by}", person["userId"].as_str().unwrap())
    });
    people.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn who_follows_the_own_log_can_be_reached_and_nobody_else() {
    let rig = with_dora().await;
    let ask = json!({"toUsers": [{"toUserId": "carol"}, {"toUserId": "alice"}], "toGroups": [{"groupId": "north"}]});
    assert_eq!(
        shown(&reach(&rig, "dora-token", &ask).await),
        "alice -, bob -, carol -"
    );
    let (alice, _) = Wire::open(&rig, "alice-token", json!({})).await;
    // What a watcher reads is the log of another: she is not there by it.
    let answer = reach(&rig, "scada-token", &ask).await;
    assert_eq!(shown(&answer), "alice app, bob -, carol -, dora -");
    assert_eq!(
        (&answer["recipients"], &answer["reachable"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(
        answer["people"][0]["lastContactAt"],
        "2026-11-23T04:00:00.000Z"
    );
    drop(alice);
    let mut gone = reach(&rig, "dora-token", &ask).await;
    while shown(&gone).contains("app") {
        gone = reach(&rig, "dora-token", &ask).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_list_of_people_names_the_device_that_was_heard_of_last() {
    let rig = with_dora().await;
    let device = |rig: Value| rig["people"][0]["deviceName"].clone();
    let page = async || {
        rig.get("dora-token", "/api/v1/people/presence")
            .send()
            .await
            .value()
    };
    assert_eq!(device(page().await), Value::Null);
    let sign_in = async |name: &str| {
        let body = json!({"userId": "alice", "password": "secret of alice", "deviceName": name});
        let reply = rig
            .call(Method::POST, "/api/v1/session")
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 201, "{}", reply.text());
    };
    sign_in("Phone of the van").await;
    assert_eq!(device(page().await), "Phone of the van");
    rig.clock.advance_s(60);
    sign_in("Tablet").await;
    assert_eq!(device(page().await), "Tablet");
    rig.stop().await;
}

#[tokio::test]
async fn crew_does_not_ask_and_who_is_not_known_is_named() {
    let rig = with_dora().await;
    let ask = json!({"toGroups": [{"groupId": "on-duty"}]});
    let refused = rig.post("alice-token", "/api/v1/reach", &ask).send().await;
    assert!(refusal(&refused).starts_with("403 not_allowed"));
    for token in ["alice-token", "scada-token"] {
        let refused = rig.get(token, "/api/v1/people/presence").send().await;
        assert!(refusal(&refused).starts_with("403 not_allowed"));
    }
    assert_eq!(reach(&rig, "carol-token", &ask).await["recipients"], 0);
    for (body, fault) in [
        (
            json!({"toUsers": [{"toUserId": "nobody"}]}),
            "422 unknown_recipient",
        ),
        (
            json!({"toGroups": [{"groupId": "west"}]}),
            "422 unknown_group",
        ),
        (json!({"toUsers": [{}]}), "toUsers[0].toUserId [required]"),
        (json!({"toUserIds": []}), "toUserIds [unknown_field]"),
    ] {
        let refused = rig.post("dora-token", "/api/v1/reach", &body).send().await;
        assert!(refusal(&refused).contains(fault), "{}", refused.text());
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_list_of_people_waits_until_somebody_comes() {
    let rig = with_dora().await;
    let page = rig
        .get("dora-token", "/api/v1/people/presence")
        .send()
        .await
        .value();
    assert_eq!(shown(&page), "alice -, bob -, carol -, dora -");
    assert_eq!(page["people"][3]["role"], "dispatcher");
    let version = page["version"].as_u64().unwrap();
    let call = format!("/api/v1/people/presence?since={version}&wait=60");
    let waiting = tokio::spawn(rig.get("dora-token", &call).send());
    let (_alice, _) = Wire::open(&rig, "alice-token", json!({})).await;
    let news = waiting.await.unwrap().value();
    assert_eq!(shown(&news), "alice app, bob -, carol -, dora -");
    assert_ne!(news["version"], page["version"]);
    // What has changed since is told at once.
    let at_once = rig.get("dora-token", &call).send().await.value();
    assert_eq!(at_once["version"], news["version"]);
    let duty = json!({"onDuty": true});
    rig.put("dora-token", "/api/v1/people/bob/duty", &duty)
        .send()
        .await;
    let call = format!("/api/v1/people/presence?since={}&wait=60", news["version"]);
    let on_duty = rig.get("dora-token", &call).send().await.value();
    assert_eq!(on_duty["people"][1]["onDuty"], true);
    let first = rig
        .get("dora-token", "/api/v1/people/presence?limit=2")
        .send()
        .await
        .value();
    assert_eq!(
        (shown(&first), &first["next"]),
        ("alice app, bob -".to_owned(), &json!("bob"))
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_version_beyond_what_is_described_is_refused_and_null_is_as_if_left_out() {
    let rig = with_dora().await;
    let call = format!("/api/v1/people/presence?since={}", i64::MAX as u64 + 1);
    let refused = rig.get("dora-token", &call).send().await;
    assert!(
        refusal(&refused).contains("since [out_of_range]"),
        "{}",
        refused.text()
    );
    let ask = json!({"toUsers": [{"toUserId": "alice"}], "toGroups": null});
    assert_eq!(reach(&rig, "dora-token", &ask).await["recipients"], 1);
    rig.stop().await;
}
