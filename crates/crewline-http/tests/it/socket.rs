//! The socket: commands and events in one connection.

use std::fmt::Write as _;
use std::time::Duration;

use crewline_http::Settings;
use futures_util::SinkExt as _;
use hyper::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Rig, message, refusal};
use crate::wire::{Closed, Wire, kinds};

fn closed(code: u16, reason: &str) -> Closed {
    Closed {
        code,
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn a_message_goes_out_is_acked_and_the_sender_is_told() {
    let rig = Rig::start().await;
    let (mut sender, welcome) = Wire::open(&rig, "scada-token", json!({})).await;
    assert_eq!(
        welcome,
        json!({"epoch": "epoch-1", "head": 0, "heartbeatS": 15})
    );
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({})).await;
    let mut body = message(&["alice"], "Trip");
    body["toUsers"][0]["onDeliveredPayload"] = json!("AAEC");
    body["idempotencyKey"] = json!("k");
    let sent = sender.command(7, "send", body.clone()).await;
    assert_eq!(sent["ok"]["position"], 1);
    assert_eq!(sent["ok"]["recipients"][0]["state"], "accepted");
    let events = alice.events(1).await;
    assert_eq!(kinds(&events), ["message.received"]);
    assert_eq!(events[0]["data"]["messageId"], sent["ok"]["messageId"]);
    assert!(sender.hears_nothing(Duration::from_millis(100)).await);

    alice.say(&json!({"ack": 1})).await;
    let told = sender.events(1).await;
    assert_eq!(kinds(&told), ["message.delivered"]);
    assert_eq!(told[0]["data"]["payload"], "AAEC");
    // An ack has no answer, and a second one tells nothing.
    alice.say(&json!({"ack": 1})).await;
    assert!(alice.hears_nothing(Duration::from_millis(50)).await);
    assert!(sender.hears_nothing(Duration::from_millis(50)).await);

    // The same key again: the first answer.
    let again = sender.command(8, "send", body).await;
    assert_eq!(again["ok"], sent["ok"]);
    rig.stop().await;
}

#[tokio::test]
async fn people_reply_read_and_make_chats_by_commands() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "bob"], "One").await;
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({"after": 1})).await;
    let reply = json!({"chatId": sent["chatId"], "message": "On my way", "replyTo": sent["messageId"], "idempotencyKey": "r"});
    let done = alice.command(1, "reply", reply.clone()).await;
    assert_eq!(done["ok"]["position"], 2);
    assert_eq!(alice.command(2, "reply", reply).await["ok"], done["ok"]);
    let receipts = json!([
        {"messageId": sent["messageId"], "state": "acknowledged"},
        {"messageId": "nonsense", "state": "read"}
    ]);
    let done = alice.command(3, "receipts", receipts).await;
    let outcomes: Vec<&Value> = done["ok"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["outcome"])
        .collect();
    assert_eq!(outcomes, ["new", "not_found"]);
    let done = alice
        .command(4, "createChat", json!({"toUserIds": ["carol"]}))
        .await;
    assert_eq!(done["ok"]["userIds"], json!(["alice", "carol"]));
    let log = rig.events("scada-token", "").await;
    assert_eq!(
        kinds(log["events"].as_array().unwrap()),
        [
            "message.delivered",
            "message.read",
            "message.received",
            "message.acknowledged"
        ]
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_is_wrong_in_a_command_is_told_as_for_a_call() {
    let rig = Rig::start().await;
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({})).await;
    let (mut scada, _) = Wire::open(&rig, "scada-token", json!({})).await;
    let mut bad = message(&["alice", "mallory"], "");
    bad["x"] = json!(1);
    bad["idempotencyKey"] = json!("é".repeat(200));
    let mut text = String::new();
    for done in [
        scada.command(1, "send", bad).await,
        scada
            .command(2, "send", message(&["alice", "mallory"], "x"))
            .await,
        scada
            .command(3, "reply", json!({"chatId": "c", "message": "x"}))
            .await,
        alice.command(4, "send", message(&["bob"], "x")).await,
        alice.command(5, "reply", json!({"message": "x"})).await,
        alice.command(6, "receipts", json!({})).await,
        alice.command(7, "receipts", json!([])).await,
        alice
            .command(8, "createChat", json!({"toUserIds": []}))
            .await,
        alice.command(9, "sned", json!({})).await,
        alice.command(10, "send", json!([])).await,
    ] {
        let error = &done["error"];
        assert_eq!(error["requestId"].as_str().unwrap().len(), 16);
        writeln!(
            text,
            "{} {} {}: {}",
            done["id"],
            error["status"],
            error["code"].as_str().unwrap(),
            error["detail"].as_str().unwrap()
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
    rig.stop().await;
}

#[tokio::test]
async fn a_session_resumes_behind_what_its_device_has() {
    let rig = Rig::start().await;
    for text in ["One", "Two", "Three"] {
        rig.send(&["alice"], text).await;
    }
    let (mut all, welcome) = Wire::open(&rig, "alice-token", json!({})).await;
    assert_eq!(welcome["head"], 3);
    assert_eq!(all.events(3).await[2]["seq"], 3);
    let (mut rest, _) = Wire::open(
        &rig,
        "alice-token",
        json!({"after": 2, "epoch": "epoch-1", "types": ["message.received"]}),
    )
    .await;
    assert_eq!(rest.events(1).await[0]["data"]["message"], "Three");
    // Nothing but what comes.
    let (mut later, _) = Wire::open(&rig, "alice-token", json!({"after": 3})).await;
    assert!(later.hears_nothing(Duration::from_millis(50)).await);
    rig.send(&["alice"], "Four").await;
    for wire in [&mut all, &mut rest, &mut later] {
        assert_eq!(wire.events(1).await[0]["data"]["message"], "Four");
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_ack_that_was_lost_with_its_connection_is_made_good_by_the_next() {
    let rig = Rig::start().await;
    for text in ["One", "Two", "Three"] {
        rig.send(&["alice"], text).await;
    }
    let (mut sender, _) = Wire::open(&rig, "scada-token", json!({})).await;
    // The device has stored two; its ack never arrived. It says so again, which is no fault.
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({"after": 2})).await;
    alice.events(1).await;
    alice.say(&json!({"ack": 2})).await;
    assert_eq!(sender.events(2).await.len(), 2);
    alice.say(&json!({"ack": 3})).await;
    assert_eq!(sender.events(1).await[0]["seq"], 3);
    rig.stop().await;
}

#[tokio::test]
async fn an_ack_confirms_no_more_than_it_says_wherever_the_session_began() {
    let rig = Rig::start().await;
    for text in ["One", "Two", "Three"] {
        rig.send(&["alice"], text).await;
    }
    let (mut sender, _) = Wire::open(&rig, "scada-token", json!({})).await;
    // Two were sent before the connection broke, and wait in the client: one of them is stored now.
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({"after": 2})).await;
    alice.events(1).await;
    alice.say(&json!({"ack": 1})).await;
    assert_eq!(sender.events(1).await[0]["seq"], 1);
    assert!(sender.hears_nothing(Duration::from_millis(100)).await);
    alice.say(&json!({"ack": 2})).await;
    assert_eq!(sender.events(1).await[0]["seq"], 2);
    alice.say(&json!({"ack": 3})).await;
    assert_eq!(sender.events(1).await[0]["seq"], 3);
    rig.stop().await;
}

#[tokio::test]
async fn acks_move_the_cursor_that_the_hello_names() {
    let rig = Rig::start().await;
    let (mut desk, _) = Wire::open(&rig, "desk-token", json!({"cursor": "main"})).await;
    for text in ["One", "Two"] {
        rig.send(&["alice", "desk"], text).await;
    }
    desk.events(2).await;
    desk.say(&json!({"ack": 1})).await;
    let (mut sender, _) = Wire::open(&rig, "scada-token", json!({})).await;
    assert_eq!(sender.events(1).await[0]["data"]["userId"], "desk");
    drop(desk);
    let cursor = rig
        .get("desk-token", "/api/v1/participants/me/cursors/main")
        .send()
        .await;
    assert_eq!(cursor.value()["seq"], 1);
    let (mut desk, _) = Wire::open(&rig, "desk-token", json!({"cursor": "main"})).await;
    assert_eq!(desk.events(1).await[0]["data"]["message"], "Two");
    // `after` goes before the cursor.
    let hello = json!({"cursor": "main", "after": 0});
    let (mut desk, _) = Wire::open(&rig, "desk-token", hello).await;
    desk.events(2).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_hello_that_is_refused_is_told_why_and_closed() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "One").await;
    let mut text = String::new();
    for (token, hello) in [
        ("alice-token", json!({"epoch": "other"})),
        ("alice-token", json!({"after": 2})),
        ("alice-token", json!({"after": "x", "types": ["y"], "z": 1})),
        ("alice-token", json!({"participant": "bob"})),
        ("many-token", json!({})),
        ("many-token", json!({"participant": "other"})),
        ("admin-token", json!({})),
        ("alice-token", json!([])),
    ] {
        let mut wire = Wire::connect(&rig, token).await;
        wire.say(&json!({ "hello": hello })).await;
        let frame = wire.hear().await;
        let error = &frame["error"];
        let end = wire.closed().await;
        assert_eq!(end.code, 4120);
        writeln!(
            text,
            "{hello}\n  {} {}: {} ({})",
            error["status"],
            error["code"].as_str().unwrap(),
            error["detail"].as_str().unwrap(),
            end.reason
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
    let (mut many, _) = Wire::open(&rig, "many-token", json!({"participant": "oms:1"})).await;
    assert!(many.hears_nothing(Duration::from_millis(20)).await);
    rig.stop().await;
}

#[tokio::test]
async fn a_fault_of_protocol_ends_the_session() {
    let rig = Rig::start().await;
    for (frame, reason) in [
        ("", "The frame is not JSON."),
        ("{\"ack\":1}", "The first frame must be a hello."),
        ("[]", "The frame is not an object."),
    ] {
        let mut wire = Wire::connect(&rig, "alice-token").await;
        wire.say_text(frame).await;
        assert_eq!(wire.closed().await, closed(4110, reason));
    }
    for (frame, reason) in [
        ("x", "The frame is not JSON."),
        ("{\"hello\":{}}", "A session has one hello."),
        ("{\"ack\":1}", "The ack is beyond what was sent."),
        (
            "{\"do\":{\"send\":{}}}",
            "A do needs an id: a whole number, once.",
        ),
        (
            "{\"bye\":1}",
            "The frame must have one field: hello, ack or do.",
        ),
    ] {
        let (mut wire, _) = Wire::open(&rig, "alice-token", json!({})).await;
        wire.say_text(frame).await;
        assert_eq!(wire.closed().await, closed(4110, reason));
    }
    let (mut wire, _) = Wire::open(&rig, "alice-token", json!({})).await;
    wire.socket.send(Message::binary(vec![1])).await.unwrap();
    assert_eq!(wire.closed().await, closed(4110, "Frames are text."));
    let (mut wire, _) = Wire::open(&rig, "alice-token", json!({})).await;
    wire.say_text(&" ".repeat(2 * 1024 * 1024 + 1)).await;
    assert_eq!(wire.closed().await.code, 1009);
    rig.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_its_credential() {
    let rig = Rig::start().await;
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({})).await;
    let (mut bob, _) = Wire::open(&rig, "bob-token", json!({})).await;
    rig.revoke("alice-token").await;
    assert_eq!(alice.closed().await.code, 4100);
    // Nobody else is touched.
    rig.send(&["bob"], "One").await;
    bob.events(1).await;
    let signed_in = rig
        .call(Method::POST, "/api/v1/session")
        .json(&json!({"userId": "alice", "password": "secret of alice"}))
        .send()
        .await;
    let token = signed_in.value()["token"].as_str().unwrap().to_owned();
    let (mut alice, _) = Wire::open(&rig, &token, json!({})).await;
    let out = rig.call(Method::DELETE, "/api/v1/session").token(&token);
    assert_eq!(out.send().await.status, 204);
    assert_eq!(alice.closed().await.code, 4100);
    assert_eq!(
        Wire::with_headers(&rig, &[("authorization", &format!("Bearer {token}"))])
            .await
            .err(),
        Some(401)
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_session_that_expires_is_closed() {
    let settings = Settings {
        heartbeat: Duration::from_millis(20),
        ..Settings::default()
    };
    let rig = Rig::with(settings).await;
    let signed_in = rig
        .call(Method::POST, "/api/v1/session")
        .json(&json!({"userId": "alice", "password": "secret of alice"}))
        .send()
        .await;
    let token = signed_in.value()["token"].as_str().unwrap().to_owned();
    let (mut alice, _) = Wire::open(&rig, &token, json!({})).await;
    rig.clock.advance_s(31 * 24 * 60 * 60);
    assert_eq!(alice.closed().await.code, 4100);
    rig.stop().await;
}

#[tokio::test]
async fn one_that_says_nothing_for_three_heartbeats_is_closed_and_one_that_answers_pings_is_not() {
    let settings = Settings {
        heartbeat: Duration::from_millis(30),
        ..Settings::default()
    };
    let rig = Rig::with(settings).await;
    let (mut quiet, _) = Wire::open(&rig, "alice-token", json!({})).await;
    // A client library answers pings when it reads: this one reads.
    assert!(quiet.hears_nothing(Duration::from_millis(300)).await);
    let (dead, _) = Wire::open(&rig, "bob-token", json!({})).await;
    // This one reads bytes, and answers nothing.
    let mut stream = dead.into_stream();
    let mut bytes = Vec::new();
    tokio::time::timeout(
        crate::rig::PATIENCE,
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes),
    )
    .await
    .unwrap()
    .unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Nothing was heard"), "{text}");
    rig.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_answers_what_it_accepted_and_asks_to_come_back() {
    let mut rig = Rig::start().await;
    let (mut scada, _) = Wire::open(&rig, "scada-token", json!({})).await;
    let (mut alice, _) = Wire::open(&rig, "alice-token", json!({})).await;
    for id in 0..50 {
        scada
            .say(&json!({"do": {"id": id, "send": message(&["alice"], "x")}}))
            .await;
    }
    let first = scada.hear().await;
    assert!(first["done"]["ok"].is_object(), "{first}");
    rig.tell_to_stop();
    for wire in [&mut scada, &mut alice] {
        let end = wire.closed().await;
        assert_eq!(end.code, 4000);
        let delay = crewline_api::close::delay_ms(&end.reason).unwrap();
        assert!(delay <= 3_000);
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_told_what_is_needed() {
    let rig = Rig::start().await;
    let plain = rig.get("alice-token", "/api/v1/socket").send().await;
    assert_eq!(
        refusal(&plain).lines().next().unwrap(),
        "426 upgrade_required: The header Upgrade must be websocket. This path speaks WebSocket; a proxy on the way must \
         pass Upgrade and Connection on."
    );
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    assert_eq!(
        rig.call(Method::GET, "/api/v1/socket").send().await.status,
        401
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_page_needs_the_origin_of_this_server_to_open_a_socket_with_a_cookie() {
    let rig = Rig::start().await;
    let signed_in = rig
        .call(Method::POST, "/api/v1/session")
        .json(&json!({"userId": "alice", "password": "secret of alice"}))
        .send()
        .await;
    let cookie = format!(
        "crewline_session={}",
        signed_in.value()["token"].as_str().unwrap()
    );
    let own = format!("http://{}", rig.address);
    let open = async |origin: Option<&str>| {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        Wire::with_headers(&rig, &headers).await.map(|_| ())
    };
    assert_eq!(open(None).await, Err(403));
    assert_eq!(open(Some("https://evil.example")).await, Err(403));
    assert_eq!(open(Some(&own)).await, Ok(()));
    rig.stop().await;
}

#[tokio::test]
async fn an_ack_that_says_nothing_new_leaves_the_cursor_where_somebody_else_put_it() {
    let rig = Rig::start().await;
    rig.send(&["alice", "desk"], "One").await;
    for token in ["desk-token", "alice-token"] {
        let (mut wire, _) = Wire::open(&rig, token, json!({"cursor": "shared"})).await;
        wire.events(1).await;
        let path = "/api/v1/participants/me/cursors/shared";
        let cursor = async || rig.get(token, path).send().await.value()["seq"].clone();
        // What came before on the socket is in the queue before a command is answered.
        let ask = json!([{"messageId": "nonsense", "state": "read"}]);
        wire.say(&json!({"ack": 1})).await;
        while cursor().await != 1 {
            wire.command(1, "receipts", ask.clone()).await;
        }
        let back = rig.put(token, path, &json!({"seq": 0, "rewind": true}));
        assert_eq!(back.send().await.value()["seq"], 0);
        wire.say(&json!({"ack": 1})).await;
        wire.command(2, "receipts", ask).await;
        assert_eq!(cursor().await, 0, "{token}");
    }
    rig.stop().await;
}
