//! Watchers: who makes them, what they read, that they never act, and that it ends.

use crewline_api::Role;
use crewline_core::UserChange;
use hyper::Method;
use serde_json::{Value, json};

use crate::call::Reply;
use crate::rig::{Rig, message, refusal, refusals};
use crate::stream::Stream;
use crate::wire::Wire;

fn place(participant: &str, user: &str) -> String {
    format!("/api/v1/participants/{participant}/watchers/{user}")
}

async fn call(rig: &Rig, method: Method, token: &str, path: &str) -> Reply {
    rig.call(method, path).token(token).send().await
}

/// The administrator makes a user a watcher.
async fn watch(rig: &Rig, user: &str, participant: &str) {
    let reply = call(rig, Method::PUT, "admin-token", &place(participant, user)).await;
    assert_eq!(
        (reply.status, reply.body.len()),
        (204, 0),
        "{}",
        reply.text()
    );
}

async fn unwatch(rig: &Rig, user: &str, participant: &str) {
    let reply = call(
        rig,
        Method::DELETE,
        "admin-token",
        &place(participant, user),
    )
    .await;
    assert_eq!(
        (reply.status, reply.body.len()),
        (204, 0),
        "{}",
        reply.text()
    );
}

async fn get(rig: &Rig, token: &str, path: &str) -> Value {
    let reply = rig.get(token, path).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.value()
}

#[tokio::test]
async fn administrators_alone_keep_watchers() {
    let rig = Rig::start().await;
    let mut answers = Vec::new();
    let before = rig.everything().await;
    for token in ["alice-token", "bob-token", "scada-token", "many-token"] {
        for (participant, user) in [("scada", "bob"), ("me", "me"), ("nobody", "%00")] {
            let place = place(participant, user);
            for method in [Method::PUT, Method::DELETE] {
                answers.push(refusal(&call(&rig, method, token, &place).await));
            }
            let list = format!("/api/v1/participants/{participant}/watchers");
            answers.push(refusal(&call(&rig, Method::GET, token, &list).await));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].starts_with("403 not_allowed: This call is for administrators"));
    assert_eq!(rig.everything().await, before);

    let list = "/api/v1/participants/scada/watchers";
    assert_eq!(
        get(&rig, "admin-token", list).await,
        json!({"watchers": []})
    );
    // `carol` is a user of that role.
    for token in ["admin-token", "carol-token", "carol-token"] {
        let reply = call(&rig, Method::PUT, token, &place("scada", "bob")).await;
        assert_eq!(reply.status, 204, "{token}");
    }
    let me = call(&rig, Method::PUT, "carol-token", &place("scada", "me")).await;
    assert_eq!(me.status, 204);
    let since = "2026-11-23T04:00:00.000Z";
    assert_eq!(
        get(&rig, "carol-token", list).await,
        json!({"watchers": [
            {"userId": "bob", "name": "Bob", "since": since}, {"userId": "carol", "name": "Carol", "since": since},
        ]})
    );
    let mut watches = Vec::new();
    for token in ["alice-token", "bob-token", "carol-token"] {
        watches.push(get(&rig, token, "/api/v1/me").await["watches"].take());
    }
    assert_eq!(watches, [json!([]), json!(["scada"]), json!(["scada"])]);
    for token in ["admin-token", "carol-token"] {
        let reply = call(&rig, Method::DELETE, token, &place("scada", "bob")).await;
        assert_eq!(reply.status, 204, "{token}: gone is gone");
    }
    assert_eq!(
        get(&rig, "bob-token", "/api/v1/me").await["watches"],
        json!([])
    );
    rig.stop().await;
}

#[tokio::test]
async fn watchers_are_listed_a_page_at_a_time() {
    let rig = Rig::start().await;
    let list = "/api/v1/participants/scada/watchers";
    for user in ["carol", "alice", "bob"] {
        watch(&rig, user, "scada").await;
    }
    let (mut found, mut query, mut pages) = (Vec::new(), "?limit=2".to_owned(), 0);
    loop {
        let page = get(&rig, "admin-token", &format!("{list}{query}")).await;
        let watchers = page["watchers"].as_array().unwrap();
        assert!(watchers.len() <= 2, "{page}");
        found.extend(watchers.iter().map(|watcher| watcher["userId"].clone()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(
        (found, pages),
        (vec![json!("alice"), json!("bob"), json!("carol")], 2)
    );
    let whole = get(&rig, "admin-token", &format!("{list}?limit=3")).await;
    assert_eq!(
        whole.get("next"),
        None,
        "a page that is just full is the last one"
    );
    for query in ["?limit=0", "?limit=1001", "?before=alice", "?after=%00"] {
        let refused = call(&rig, Method::GET, "admin-token", &format!("{list}{query}")).await;
        assert_eq!(refused.status, 422, "{query}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn who_does_not_exist_neither_watches_nor_is_watched() {
    let rig = Rig::start().await;
    let mut calls = Vec::new();
    for (participant, user) in [
        ("nobody", "bob"),
        ("scada", "nobody"),
        ("alice", "scada"),
        ("%00", "bob"),
        ("scada", "%2E."),
        ("scada", "me"),
    ] {
        calls.push((Method::PUT, place(participant, user)));
        calls.push((Method::DELETE, place(participant, user)));
    }
    calls.push((Method::PUT, place("bob", "bob")));
    calls.push((
        Method::GET,
        "/api/v1/participants/nobody/watchers".to_owned(),
    ));
    calls.push((Method::PUT, format!("{}?x=1", place("scada", "bob"))));
    let names: Vec<String> = calls
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    let cases = names.iter().zip(calls).map(|(name, (method, path))| {
        let call = rig.call(method, &path).token("admin-token");
        (name.as_str(), call)
    });
    let cases = cases.collect();
    insta::assert_snapshot!(refusals(&rig, cases).await);
    rig.stop().await;
}

#[tokio::test]
async fn a_page_needs_its_origin_to_make_a_watcher() {
    let rig = Rig::start().await;
    let password = crewline_http::password::hash("secret of dave").unwrap();
    rig.add_user("dave", "Dave", Role::Administrator, Some(password))
        .await;
    let body = json!({"userId": "dave", "password": "secret of dave"});
    let opened = rig.call(Method::POST, "/api/v1/session").json(&body);
    let opened = opened.send().await.value();
    let cookie = format!("crewline_session={}", opened["token"].as_str().unwrap());
    let put = || {
        rig.call(Method::PUT, &place("scada", "bob"))
            .header("cookie", &cookie)
    };
    assert!(refusal(&put().send().await).starts_with("403 wrong_origin"));
    let origin = format!("http://{}", rig.address);
    assert_eq!(put().header("origin", origin).send().await.status, 204);
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_reads_what_the_participant_reads() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "desk"], "Hello").await;
    let (chat, id) = (&sent["chatId"], &sent["messageId"]);
    let read = json!({"receipts": [{"messageId": id, "state": "read"}]});
    let read = rig.post("alice-token", "/api/v1/receipts", &read).send();
    assert_eq!(read.await.status, 200);
    let paths = [
        format!("/api/v1/messages/{}", id.as_str().unwrap()),
        format!("/api/v1/chats/{}/messages", chat.as_str().unwrap()),
        "/api/v1/participants/scada/events".to_owned(),
        "/api/v1/participants/scada/events?after=1&types=message.read&limit=1".to_owned(),
    ];
    for path in &paths {
        let refused = refusal(&rig.get("bob-token", path).send().await);
        assert!(refused.starts_with("404 not_found"), "{path}: {refused}");
    }
    watch(&rig, "bob", "scada").await;
    for path in &paths {
        let own = get(&rig, "scada-token", path).await;
        assert_eq!(get(&rig, "bob-token", path).await, own, "{path}");
    }
    let events = rig.get("bob-token", &paths[2]).send().await;
    assert_eq!(events.header("crewline-participant"), Some("scada"));
    for path in &paths[..2] {
        let narrow = |who: &str| {
            rig.get("bob-token", &format!("{path}?participant={who}"))
                .send()
        };
        assert_eq!(
            narrow("scada").await.value(),
            get(&rig, "scada-token", path).await
        );
        let not = refusal(&narrow("alice").await);
        assert_eq!(
            not.replace("alice", "nobody"),
            refusal(&narrow("nobody").await)
        );
        assert!(not.starts_with("403 not_allowed: You are not \"alice\", and do not watch it."));
        assert!(refusal(&narrow("bob").await).starts_with("404 not_found"));
    }
    assert_eq!(
        get(&rig, "bob-token", "/api/v1/me/chats").await["chats"],
        json!([]),
        "the list of chats stays the caller's own"
    );
    // It is not the other way round, and does not go on from one to the next.
    watch(&rig, "alice", "bob").await;
    for (token, who) in [("scada-token", "bob"), ("alice-token", "scada")] {
        let path = format!("/api/v1/participants/{who}/events");
        assert!(refusal(&rig.get(token, &path).send().await).starts_with("404 not_found"));
    }
    unwatch(&rig, "bob", "scada").await;
    for path in &paths {
        let refused = refusal(&rig.get("bob-token", path).send().await);
        assert!(refused.starts_with("404 not_found"), "{path}: {refused}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_who_is_in_the_chat_sees_what_both_see() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice", "bob", "desk"], "Hello").await;
    let (chat, id) = (
        sent["chatId"].as_str().unwrap(),
        sent["messageId"].as_str().unwrap(),
    );
    watch(&rig, "bob", "alice").await;
    let message = format!("/api/v1/messages/{id}");
    let history = format!("/api/v1/chats/{chat}/messages");
    let whose = |message: &Value| -> Vec<String> {
        let rows = message["recipients"].as_array().unwrap().iter();
        rows.map(|row| row["userId"].as_str().unwrap().to_owned())
            .collect()
    };
    for (query, expected) in [
        ("", &["alice", "bob"][..]),
        ("?participant=alice", &["alice"]),
        ("?participant=bob", &["bob"]),
        ("?participant=me", &["bob"]),
    ] {
        let one = get(&rig, "bob-token", &format!("{message}{query}")).await;
        assert_eq!(whose(&one), expected, "{query}");
        let page = get(&rig, "bob-token", &format!("{history}{query}")).await;
        assert_eq!(whose(&page["messages"][0]), expected, "{query}");
        assert_eq!(page["asOf"], 1, "{query}");
    }
    watch(&rig, "bob", "scada").await;
    let whole = get(&rig, "bob-token", &message).await;
    assert_eq!(whose(&whole), ["alice", "bob", "desk"]);
    let page = get(&rig, "bob-token", &history).await;
    assert_eq!(page["messages"][0], whole);
    let of_many = get(&rig, "many-token", &history).await;
    assert_eq!(
        of_many["messages"][0], whole,
        "a token of several sees the same in a chat as alone"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_never_acts_as_the_participant() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "Hello").await;
    rig.send(&["desk"], "Hello").await;
    let (chat, id) = (sent["chatId"].as_str().unwrap(), &sent["messageId"]);
    rig.put(
        "scada-token",
        "/api/v1/participants/me/cursors/c",
        &json!({"seq": 0}),
    )
    .send()
    .await;
    for watched in ["scada", "desk", "alice"] {
        watch(&rig, "bob", watched).await;
    }
    let said =
        |who: &str| json!({"participant": who, "receipts": [{"messageId": id, "state": "read"}]});
    let post = |path: &str, body: Value| rig.post("bob-token", path, &body);
    let log = |rest: &str| format!("/api/v1/participants/{rest}");
    let cases = vec![
        (
            "sends",
            post("/api/v1/messages", message(&["alice"], "Hello")),
        ),
        (
            "replies",
            post(
                &format!("/api/v1/chats/{chat}/messages"),
                json!({"message": "Hello"}),
            ),
        ),
        (
            "makes a chat",
            post(
                "/api/v1/chats",
                json!({"fromExtUserId": "scada", "toUserIds": ["alice"]}),
            ),
        ),
        (
            "says a receipt of a user",
            post("/api/v1/receipts", said("alice")),
        ),
        (
            "says a receipt of an external",
            post("/api/v1/receipts", said("desk")),
        ),
        (
            "reads a cursor",
            rig.get("bob-token", &log("scada/cursors/c")),
        ),
        (
            "reads a cursor that is not there",
            rig.get("bob-token", &log("scada/cursors/d")),
        ),
        (
            "moves a cursor",
            rig.put("bob-token", &log("scada/cursors/c"), &json!({"seq": 0})),
        ),
        (
            "confirms",
            rig.put("bob-token", &log("desk/cursors/c"), &json!({"seq": 1})),
        ),
        (
            "moves a cursor by nonsense",
            rig.put("bob-token", &log("scada/cursors/c"), &json!(1)),
        ),
        (
            "reads from a cursor",
            rig.get("bob-token", &log("scada/events?cursor=c")),
        ),
        (
            "follows from a cursor",
            rig.get("bob-token", &log("scada/events?cursor=c"))
                .header("accept", "text/event-stream")
                .header("last-event-id", "0"),
        ),
    ];
    insta::assert_snapshot!(refusals(&rig, cases).await);
    let own = json!({"receipts": [{"messageId": id, "state": "read"}]});
    let own = rig.post("bob-token", "/api/v1/receipts", &own).send().await;
    assert_eq!(own.value()["results"][0]["outcome"], "not_found");
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_of_a_watched_log_ends_with_the_watching_and_others_go_on() {
    let rig = Rig::start().await;
    watch(&rig, "bob", "scada").await;
    watch(&rig, "alice", "scada").await;
    let mut gone = Stream::of(&rig, "bob-token", "scada/events", None).await;
    let mut own = Stream::of(&rig, "bob-token", "me/events", None).await;
    let mut stays = Stream::of(&rig, "alice-token", "scada/events", None).await;
    let mut watched = Stream::of(&rig, "scada-token", "me/events", None).await;
    let sent = rig.send(&["bob"], "Hello").await;
    let read = json!({"receipts": [{"messageId": sent["messageId"], "state": "read"}]});
    rig.post("bob-token", "/api/v1/receipts", &read)
        .send()
        .await;
    for stream in [&mut gone, &mut stays, &mut watched] {
        for (seq, kind) in [(1, "message.delivered"), (2, "message.read")] {
            let (id, event) = stream.event().await;
            assert_eq!((id, &event["type"]), (seq, &json!(kind)));
        }
    }
    unwatch(&rig, "bob", "scada").await;
    gone.end().await;
    let next = rig.send(&["bob"], "Again").await;
    let read = json!({"receipts": [{"messageId": next["messageId"], "state": "delivered"}]});
    rig.post("bob-token", "/api/v1/receipts", &read)
        .send()
        .await;
    assert_eq!(stays.event().await.0, 3);
    assert_eq!(watched.event().await.0, 3);
    assert_eq!(own.event().await.1["data"]["message"], "Hello");
    // Being shut out, and losing the token, end it as they end the own one.
    rig.change("alice", UserChange::Disable).await;
    stays.end().await;
    watch(&rig, "bob", "scada").await;
    let mut again = Stream::of(&rig, "bob-token", "scada/events", Some("3")).await;
    rig.revoke("bob-token").await;
    again.end().await;
    own.end().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_call_that_waits_on_a_watched_log_ends_with_the_watching() {
    let rig = Rig::start().await;
    let path = "/api/v1/participants/scada/events?wait=60";
    // A call that came too late to be let in is told so in other words; then there is one more.
    loop {
        watch(&rig, "bob", "scada").await;
        let (reply, ()) = tokio::join!(
            rig.get("bob-token", path).send(),
            unwatch(&rig, "bob", "scada")
        );
        let refused = refusal(&reply);
        assert!(refused.starts_with("404 not_found: "), "{refused}");
        if refused.contains("You do not watch this participant any more") {
            break;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_follows_by_the_socket_and_confirms_nothing_there() {
    let rig = Rig::start().await;
    let sent = rig.send(&["desk", "alice"], "Hello").await;
    watch(&rig, "bob", "desk").await;
    watch(&rig, "bob", "alice").await;
    let hello = json!({"participant": "desk", "cursor": "c"});
    let mut refused = Wire::connect(&rig, "bob-token").await;
    refused.say(&json!({ "hello": hello })).await;
    assert_eq!(refused.hear().await["error"]["code"], "not_found");
    assert_eq!(refused.closed().await.code, 4120);

    for watched in ["desk", "alice"] {
        let (mut wire, welcome) =
            Wire::open(&rig, "bob-token", json!({"participant": watched})).await;
        assert_eq!(welcome["head"], 1);
        assert_eq!(wire.events(1).await[0]["data"]["message"], "Hello");
        wire.say(&json!({"ack": 1})).await;
        let body = json!([{"messageId": sent["messageId"], "state": "read"}]);
        let done = wire.command(1, "receipts", body).await;
        assert_eq!(done["error"]["code"], "not_allowed", "{done}");
        let body = json!({"chatId": sent["chatId"], "message": "Not mine"});
        let done = wire.command(2, "reply", body).await;
        assert_eq!(done["error"]["code"], "not_found", "{done}");
        assert_eq!(rig.events("scada-token", "").await["head"], 0, "{watched}");
        let (mut own, _) = Wire::open(&rig, "bob-token", json!({})).await;
        unwatch(&rig, "bob", watched).await;
        let closed = wire.closed().await;
        assert_eq!(closed.code, 4101);
        assert_eq!(closed.reason, "You do not watch this participant any more.");
        assert_eq!(rig.events("scada-token", "").await["head"], 0, "{watched}");
        rig.send(&["bob"], "Mine").await;
        own.events(1).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn one_that_a_prefix_covers_is_watched_before_it_acts() {
    let rig = Rig::start().await;
    watch(&rig, "bob", "oms:7").await;
    let mut stream = Stream::of(&rig, "bob-token", "oms:7/events", None).await;
    let mut body = message(&["alice"], "Hello");
    body["fromExtUserId"] = json!("oms:7");
    let sent = rig
        .post("oms-token", "/api/v1/messages", &body)
        .send()
        .await;
    assert_eq!(sent.status, 201);
    let read =
        json!({"receipts": [{"messageId": sent.value()["messageId"], "state": "delivered"}]});
    rig.post("alice-token", "/api/v1/receipts", &read)
        .send()
        .await;
    assert_eq!(stream.event().await.1["type"], "message.delivered");
    rig.stop().await;
}

#[tokio::test]
async fn a_role_that_changes_holds_from_the_next_call_on() {
    let rig = Rig::start().await;
    let put = || {
        call(
            &rig,
            Method::PUT,
            "bob-token",
            "/api/v1/participants/scada/watchers/me",
        )
    };
    assert_eq!(put().await.status, 403);
    rig.change("bob", UserChange::Role(Role::Administrator))
        .await;
    assert_eq!(put().await.status, 204);
    rig.change("bob", UserChange::Role(Role::Dispatcher)).await;
    assert_eq!(put().await.status, 403);
    let me = get(&rig, "bob-token", "/api/v1/me").await;
    assert_eq!(
        (&me["role"], &me["watches"]),
        (&json!("dispatcher"), &json!(["scada"]))
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_watcher_finds_what_an_external_sent_before_anybody_has_it() {
    let rig = Rig::start().await;
    let path = "/api/v1/me/chats?participant=scada";
    let refused = rig.get("alice-token", path).send().await;
    assert!(refusal(&refused).starts_with("403 not_allowed"));
    let sent = rig.send(&["bob", "carol"], "Nobody is there").await;
    watch(&rig, "alice", "scada").await;
    assert_eq!(
        get(&rig, "alice-token", "/api/v1/me/chats").await["chats"],
        json!([])
    );
    let page = get(&rig, "alice-token", path).await;
    let chat = &page["chats"][0];
    assert_eq!(chat["chatId"], sent["chatId"]);
    assert_eq!(chat["lastMessage"]["message"], "Nobody is there");
    assert_eq!(
        chat["lastMessage"]["recipients"].as_array().unwrap().len(),
        2
    );
    assert_eq!(page["asOf"], 0);
    unwatch(&rig, "alice", "scada").await;
    let refused = rig.get("alice-token", path).send().await;
    assert!(refusal(&refused).starts_with("403 not_allowed"));
    rig.stop().await;
}
