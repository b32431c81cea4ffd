//! Named cursors.

use serde_json::json;

use crate::rig::{Rig, message, refusal};

#[tokio::test]
async fn a_cursor_stands_where_it_was_put_and_does_not_go_back() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        rig.send(&["alice"], "Hello").await;
    }
    let path = "/api/v1/participants/me/cursors/c";
    assert!(refusal(&rig.get("alice-token", path).send().await).starts_with("404 not_found"));
    let put = |body| {
        let call = rig.put("alice-token", path, &body);
        async move { call.send().await }
    };
    assert_eq!(put(json!({"seq": 2})).await.value(), json!({"seq": 2}));
    assert_eq!(
        put(json!({"seq": 1, "types": null})).await.value(),
        json!({"seq": 2})
    );
    assert_eq!(
        rig.get("alice-token", path).send().await.value(),
        json!({"seq": 2})
    );
    assert_eq!(
        rig.events("alice-token", "?cursor=c").await["events"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let back = put(json!({"seq": 1, "rewind": true, "types": ["message.received"]})).await;
    assert_eq!(
        back.value(),
        json!({"seq": 1, "types": ["message.received"]})
    );
    assert!(refusal(&put(json!({"seq": 4})).await).starts_with("409 ahead_of_log"));
    assert!(refusal(&put(json!({"seq": u64::MAX})).await).starts_with("409 ahead_of_log"));
    assert_eq!(rig.get("alice-token", path).send().await.value()["seq"], 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_that_was_never_put_reads_from_the_start() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "Hello").await;
    let events = rig.events("alice-token", "?cursor=never").await;
    assert_eq!(
        (events["events"].as_array().unwrap().len(), &events["next"]),
        (1, &json!(1))
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_of_an_external_delivers_what_it_passes_however_far_it_goes() {
    let rig = Rig::start().await;
    let mut last = json!(null);
    for _ in 0..1203 {
        last = rig.send(&["desk"], "Hello").await;
    }
    let path = "/api/v1/participants/desk/cursors/c";
    assert!(
        refusal(
            &rig.put("desk-token", path, &json!({"seq": 9999}))
                .send()
                .await
        )
        .starts_with("409")
    );
    assert_eq!(
        rig.events("scada-token", "?types=message.delivered").await["head"],
        0,
        "a refused cursor delivers nothing"
    );
    let reply = rig
        .put("desk-token", path, &json!({"seq": 1203}))
        .send()
        .await;
    assert_eq!(reply.value(), json!({"seq": 1203}));
    let view = rig
        .get(
            "scada-token",
            &format!("/api/v1/messages/{}", last["messageId"].as_str().unwrap()),
        )
        .send()
        .await
        .value();
    assert_eq!(view["recipients"][0]["state"], "delivered");
    assert_eq!(rig.events("scada-token", "").await["head"], 1203);
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_of_a_user_delivers_nothing() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "Hello").await;
    let reply = rig
        .put(
            "alice-token",
            "/api/v1/participants/alice/cursors/c",
            &json!({"seq": 1}),
        )
        .send()
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(rig.events("scada-token", "").await["head"], 0);
    rig.stop().await;
}

#[tokio::test]
async fn an_external_of_a_prefix_is_known_from_its_first_reading() {
    let rig = Rig::start().await;
    let to_oms = rig.post(
        "scada-token",
        "/api/v1/messages",
        &message(&["oms:9"], "Hello"),
    );
    assert!(refusal(&to_oms.send().await).starts_with("422 unknown_recipient"));
    let reply = rig
        .get("oms-token", "/api/v1/participants/oms:9/events")
        .send()
        .await;
    assert_eq!(
        reply.value(),
        json!({"events": [], "next": 0, "epoch": "epoch-1", "head": 0})
    );
    rig.send(&["oms:9"], "Hello").await;
    let reply = rig
        .get("oms-token", "/api/v1/participants/oms%3A9/events")
        .send()
        .await;
    assert_eq!(reply.value()["head"], 1);
    rig.stop().await;
}
