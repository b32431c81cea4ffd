//! Pages of a log, and long polls.

use serde_json::json;

use crate::rig::{Rig, refusal};

#[tokio::test]
async fn a_page_says_where_the_next_one_begins() {
    let rig = Rig::start().await;
    for text in ["one", "two", "three"] {
        rig.send(&["alice"], text).await;
    }
    let page = rig.events("alice-token", "?limit=2").await;
    assert_eq!(
        (&page["next"], &page["head"], &page["epoch"]),
        (&json!(2), &json!(3), &json!("epoch-1"))
    );
    let event = &page["events"][1];
    assert_eq!(
        *event,
        json!({"seq": 2, "type": "message.received", "timestamp": "2026-11-23T04:00:00.000Z", "data": {
            "messageId": event["data"]["messageId"], "chatId": event["data"]["chatId"], "position": 2, "fromUserId": "scada",
            "fromUserName": "SCADA", "allUserIds": ["alice", "scada"], "message": "two", "priority": 2,
            "sentAt": "2026-11-23T04:00:00.000Z",
        }})
    );
    let rest = rig.events("alice-token", "?after=2&epoch=epoch-1").await;
    assert_eq!(
        (rest["events"].as_array().unwrap().len(), &rest["next"]),
        (1, &json!(3))
    );
    let end = rig.events("alice-token", "?after=3").await;
    assert_eq!(
        end,
        json!({"events": [], "next": 3, "epoch": "epoch-1", "head": 3})
    );
    rig.stop().await;
}

#[tokio::test]
async fn next_passes_what_types_leave_out() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "Hello").await;
    let read = json!({"receipts": [{"messageId": sent["messageId"], "state": "read"}]});
    rig.post("alice-token", "/api/v1/receipts", &read)
        .send()
        .await;
    let page = rig
        .events("scada-token", "?types=message.delivered,message.received")
        .await;
    assert_eq!(
        (page["events"].as_array().unwrap().len(), &page["next"]),
        (1, &json!(2))
    );
    rig.stop().await;
}

#[tokio::test]
async fn another_epoch_and_a_place_beyond_the_log_are_conflicts() {
    let rig = Rig::start().await;
    let get = |query: &str| {
        let call = rig.get(
            "alice-token",
            &format!("/api/v1/participants/alice/events{query}"),
        );
        async move { refusal(&call.send().await) }
    };
    assert!(get("?epoch=other").await.starts_with("409 epoch_changed"));
    assert!(
        get("?after=1&epoch=other")
            .await
            .starts_with("409 epoch_changed")
    );
    assert!(get("?after=1").await.starts_with("409 ahead_of_log"));
    assert!(
        get("?after=99999999999999999999")
            .await
            .starts_with("409 ahead_of_log")
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_long_poll_is_answered_by_the_event_it_waits_for() {
    let rig = Rig::start().await;
    let waiting = tokio::spawn(
        rig.get("alice-token", "/api/v1/participants/me/events?wait=60")
            .send(),
    );
    let sent = rig.send(&["alice"], "Hello").await;
    let page = waiting.await.unwrap().value();
    assert_eq!(page["events"][0]["data"]["messageId"], sent["messageId"]);
    assert_eq!(page["next"], 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_long_poll_without_an_event_is_empty_and_passes_what_types_leave_out() {
    let rig = Rig::start().await;
    let path = "/api/v1/participants/me/events?wait=1&types=message.read";
    let waiting = tokio::spawn(rig.get("alice-token", path).send());
    rig.send(&["alice"], "Hello").await;
    let page = waiting.await.unwrap().value();
    assert_eq!(
        page,
        json!({"events": [], "next": 1, "epoch": "epoch-1", "head": 1})
    );
    rig.stop().await;
}

/// Begins a long poll of `oms:poll`, and returns when it has come as far as to make that external known.
async fn waiting_poll(rig: &Rig) -> tokio::task::JoinHandle<crate::call::Reply> {
    let waiting = tokio::spawn(
        rig.get("oms-token", "/api/v1/participants/oms:poll/events?wait=60")
            .send(),
    );
    loop {
        let found = rig
            .get("bob-token", "/api/v1/people?q=oms:poll")
            .send()
            .await
            .value();
        if found["people"] != json!([]) {
            return waiting;
        }
    }
}

#[tokio::test]
async fn a_long_poll_ends_when_its_token_is_revoked() {
    let rig = Rig::start().await;
    let waiting = waiting_poll(&rig).await;
    rig.revoke("oms-token").await;
    assert!(refusal(&waiting.await.unwrap()).starts_with("401 unauthenticated"));
    rig.stop().await;
}

#[tokio::test]
async fn a_long_poll_is_answered_when_the_server_stops() {
    let mut rig = Rig::start().await;
    let waiting = waiting_poll(&rig).await;
    rig.tell_to_stop();
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status, &reply.value()["events"]), (200, &json!([])));
    rig.stop().await;
}

#[tokio::test]
async fn a_head_request_is_answered_like_a_get_without_its_body() {
    let rig = Rig::start().await;
    let call = rig
        .call(
            hyper::Method::HEAD,
            "/api/v1/participants/me/events?wait=60",
        )
        .token("alice-token");
    let reply = call.send().await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    rig.stop().await;
}

#[tokio::test]
async fn a_page_that_would_become_very_large_ends_earlier_and_says_so() {
    let rig = Rig::start().await;
    let payload = crewline_api::Payload::from(vec![7; 65_536]).to_base64();
    let mut receipts = Vec::new();
    for _ in 0..110 {
        let mut body = crate::rig::message(&["alice"], "Hello");
        body["toUsers"][0]["onReadPayload"] = json!(payload);
        let sent = rig
            .post("scada-token", "/api/v1/messages", &body)
            .send()
            .await
            .value();
        receipts.push(json!({"messageId": sent["messageId"], "state": "read"}));
    }
    rig.post(
        "alice-token",
        "/api/v1/receipts",
        &json!({"receipts": receipts}),
    )
    .send()
    .await;
    let (mut after, mut seen, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = rig
            .events("scada-token", &format!("?limit=1000&after={after}"))
            .await;
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            break;
        }
        seen.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
        after = page["next"].as_u64().unwrap();
        assert_eq!(seen.last(), Some(&after));
        pages += 1;
    }
    assert_eq!(seen, (1..=220).collect::<Vec<u64>>());
    // 110 payloads of 64 KiB are 9.2 MiB as base64, and a page holds about one.
    assert!((9..=12).contains(&pages), "{pages} pages");
    rig.stop().await;
}
