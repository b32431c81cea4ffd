//! Web Push, as a person whose app is closed meets it: the real program, and a push service that decrypts what comes.

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::client::client;
use crate::push_service::{Browser, PushService, claims, now_ms};
use crate::support::{PASSWORD, Server, World, call, until};

/// A world in which alice and bob can be woken by a push service on this machine, at once.
struct Scene {
    world: World,
    service: PushService,
    scada: String,
}

impl Scene {
    fn new(settings: &str) -> Self {
        let world = World::with_users(&["alice", "bob"]);
        let scada = world.external("scada");
        let at_once = "after = \"0s\"\nafterEmergency = \"0s\"\n";
        let at_once = if settings.contains("after =") {
            ""
        } else {
            at_once
        };
        world.write(
            "crewline.toml",
            &format!("[push]\nallowNetworks = [\"127.0.0.0/8\"]\n{at_once}{settings}\n"),
        );
        Self {
            world,
            service: PushService::start(),
            scada,
        }
    }

    fn send(&self, server: &Server, priority: u8) -> String {
        let body = json!({
            "fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": "alice" }],
            "message": "Breaker 1204 has tripped", "priority": priority,
        });
        let (status, sent) = server.call("POST", "/api/v1/messages", &self.scada, Some(body));
        assert_eq!(status, 201, "{sent}");
        sent["messageId"].as_str().unwrap().to_owned()
    }

    /// Lets a browser of alice be woken; returns her session's token.
    fn subscribe(&self, server: &Server, browser: &Browser) -> String {
        let session = sign_in(server);
        let subscription = browser.subscription(&self.service.origin());
        assert_eq!(put(server, &session, subscription).0, 201);
        session
    }
}

fn sign_in(server: &Server) -> String {
    let body = json!({ "userId": "alice", "password": PASSWORD });
    let (status, opened) = call(&server.url, "POST", "/api/v1/session", "", Some(body));
    assert_eq!(status, 201, "{opened}");
    opened["token"].as_str().unwrap().to_owned()
}

fn put(server: &Server, session: &str, subscription: Value) -> (u16, Value) {
    let path = "/api/v1/push/subscription";
    server.call("PUT", path, session, Some(subscription))
}

fn own(server: &Server, session: &str) -> Value {
    let (status, push) = server.get("/api/v1/push", session);
    assert_eq!(status, 200, "{push}");
    push
}

#[test]
fn a_person_who_is_not_there_is_woken_after_a_moment_by_ids_and_no_text() {
    let settings = "after = \"700ms\"\ncontact = \"mailto:ops@example.org\"";
    let scene = Scene::new(settings);
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = scene.subscribe(&server, &browser);
    let before = now_ms();
    let message = scene.send(&server, 3);
    scene.service.wait(&browser, 1);
    let came = scene.service.came(&browser).remove(0);
    assert!(
        came.at_ms - before >= 700,
        "it waits whether the device is there"
    );
    let body = browser.decrypt(&came.body);
    let chat = body["chatId"].as_str().unwrap();
    let expected = json!({
        "web_push": 8030,
        "notification": {
            "title": "Crewline", "body": "Important message", "tag": chat,
            "navigate": format!("{}/chats/{chat}", server.url),
        },
        "messageId": message, "chatId": chat, "priority": 3,
    });
    assert_eq!(body, expected);
    let header = |name: &str| came.headers.get(name).map(String::as_str);
    assert_eq!(header("content-encoding"), Some("aes128gcm"));
    assert_eq!((header("urgency"), header("topic")), (Some("high"), None));
    let ttl: i64 = header("ttl").unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&ttl), "{ttl}");
    let push = own(&server, &session);
    let claims = claims(&came, push["publicKey"].as_str().unwrap());
    assert_eq!(claims["aud"], scene.service.origin());
    assert_eq!(claims["sub"], "mailto:ops@example.org");
    let left = claims["exp"].as_i64().unwrap() - now_ms() / 1_000;
    assert!((1..=24 * 3_600).contains(&left), "{left}");
    let host = push["subscription"]["endpointHost"].as_str();
    assert_eq!(host, Some("127.0.0.1"));
    assert_eq!(push["subscription"]["lastError"], Value::Null);
    let (_, view) = server.get(&format!("/api/v1/messages/{message}"), &scene.scada);
    assert_eq!(
        view["recipients"][0]["state"], "accepted",
        "a push makes nothing delivered"
    );
    scene.send(&server, 2);
    scene.service.wait(&browser, 2);
    let passing = scene.service.came(&browser).remove(1);
    assert_eq!(passing.headers["topic"].len(), 32);
    assert_eq!(passing.headers["urgency"], "normal");
}

#[test]
fn what_this_device_has_stored_or_its_user_has_read_wakes_nobody() {
    let scene = Scene::new("");
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = scene.subscribe(&server, &browser);
    let elsewhere = sign_in(&server);
    // What follows is looked at only when this one was answered.
    scene.service.hold(&browser);
    let first = scene.send(&server, 2);
    scene.service.wait(&browser, 1);
    let (stored, read, other) = (
        scene.send(&server, 2),
        scene.send(&server, 3),
        scene.send(&server, 2),
    );
    server.receipt(&session, &json!(stored), "delivered");
    server.receipt(&elsewhere, &json!(read), "read");
    server.receipt(&elsewhere, &json!(other), "delivered");
    let last = scene.send(&server, 2);
    scene.service.let_go(&browser);
    scene.service.wait(&browser, 3);
    let woken = scene.service.messages(&browser);
    assert_eq!(
        woken,
        [first, other, last],
        "what another device has stored is not on this one"
    );
}

#[test]
fn what_an_open_socket_has_acked_wakes_nobody() {
    let scene = Scene::new("");
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = scene.subscribe(&server, &browser);
    scene.service.hold(&browser);
    let first = scene.send(&server, 2);
    scene.service.wait(&browser, 1);
    let (second, third) = (scene.send(&server, 2), scene.send(&server, 3));
    let runtime = Runtime::new().unwrap();
    let phone = client(&server.url, &session);
    let socket = runtime.block_on(async {
        let mut socket = phone.session().connect().await.unwrap();
        let mut last = 0;
        while last < 3 {
            let events = socket.next().await.unwrap();
            last = events.last().unwrap().seq();
        }
        socket.ack(last).unwrap();
        socket
    });
    for message in [&second, &third] {
        let path = format!("/api/v1/messages/{message}");
        until("it is delivered", || {
            server.get(&path, &scene.scada).1["recipients"][0]["state"] == "delivered"
        });
    }
    drop(socket);
    let fourth = scene.send(&server, 2);
    scene.service.let_go(&browser);
    scene.service.wait(&browser, 2);
    assert_eq!(scene.service.messages(&browser), [first, fourth]);
}

#[test]
fn a_subscription_that_is_gone_is_removed_and_one_that_was_signed_out_wakes_nobody() {
    let scene = Scene::new("");
    let server = scene.world.serve();
    let (gone, out, stays) = (Browser::new(1), Browser::new(2), Browser::new(3));
    let session = scene.subscribe(&server, &gone);
    let signed_out = scene.subscribe(&server, &out);
    scene.subscribe(&server, &stays);
    scene.service.answer(&gone, 410, "");
    scene.send(&server, 2);
    for browser in [&gone, &out, &stays] {
        scene.service.wait(browser, 1);
    }
    until("it is removed", || {
        own(&server, &session)["subscription"].is_null()
    });
    let (status, _) = server.call("DELETE", "/api/v1/session", &signed_out, None);
    assert_eq!(status, 204);
    scene.send(&server, 2);
    scene.service.wait(&stays, 2);
    scene.send(&server, 2);
    scene.service.wait(&stays, 3);
    assert_eq!(scene.service.came(&gone).len(), 1);
    assert_eq!(scene.service.came(&out).len(), 1);
}

#[test]
fn a_service_that_is_busy_is_asked_again_when_it_said_and_one_that_refuses_is_not() {
    let scene = Scene::new("");
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = scene.subscribe(&server, &browser);
    scene.service.answer(&browser, 413, "");
    scene.send(&server, 3);
    until("the refusal is told", || {
        own(&server, &session)["subscription"]["lastError"] == "127.0.0.1 answered 413"
    });
    scene.service.answer(&browser, 503, "Retry-After: 3\r\n");
    let emergency = scene.send(&server, 1);
    scene.service.wait(&browser, 2);
    until("it is told why", || {
        own(&server, &session)["subscription"]["lastError"] == "127.0.0.1 answered 503"
    });
    scene.service.answer(&browser, 201, "");
    scene.service.wait(&browser, 3);
    let came = scene.service.came(&browser);
    assert!(came[2].at_ms - came[1].at_ms >= 2_900, "not before it said");
    assert_eq!(
        scene.service.messages(&browser)[1..],
        [emergency.clone(), emergency]
    );
    until("the error is gone", || {
        own(&server, &session)["subscription"]["lastError"].is_null()
    });
}

#[test]
fn an_emergency_wakes_every_device_again_until_it_is_acknowledged() {
    let scene = Scene::new("repeatEmergency = \"1s\"");
    let server = scene.world.serve();
    let (one, other) = (Browser::new(1), Browser::new(2));
    let session = scene.subscribe(&server, &one);
    scene.subscribe(&server, &other);
    let first = scene.send(&server, 1);
    for browser in [&one, &other] {
        scene.service.wait(browser, 3);
        let body = scene.service.bodies(browser).remove(2);
        assert_eq!(body["notification"]["body"], "EMERGENCY");
        assert_eq!(body["notification"]["tag"], first.as_str());
    }
    // Read is not acknowledged.
    server.receipt(&session, &json!(first), "read");
    let so_far = scene.service.came(&one).len();
    scene.service.wait(&one, so_far + 1);
    server.receipt(&session, &json!(first), "acknowledged");
    let count = |browser: &Browser, message: &String| {
        let messages = scene.service.messages(browser);
        messages.iter().filter(|one| *one == message).count()
    };
    let second = scene.send(&server, 1);
    until("the second wakes", || {
        count(&one, &second) >= 1 && count(&other, &second) >= 1
    });
    // One may have been under way.
    let before = (count(&one, &first), count(&other, &first));
    until("the second wakes again", || {
        count(&one, &second) >= 3 && count(&other, &second) >= 3
    });
    assert_eq!((count(&one, &first), count(&other, &first)), before);
}

#[test]
fn a_test_push_proves_a_device_and_nothing_else_does() {
    let scene = Scene::new("");
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = sign_in(&server);
    let test = |session: &str| server.call("POST", "/api/v1/push/test", session, None);
    let (status, none) = test(&session);
    assert_eq!(
        (status, &none["code"]),
        (409, &json!("no_push_subscription"))
    );
    let subscription = browser.subscription(&scene.service.origin());
    assert_eq!(put(&server, &session, subscription.clone()).0, 201);
    assert_eq!(
        put(&server, &session, subscription).0,
        200,
        "the same again"
    );
    let (status, sent) = test(&session);
    assert_eq!(status, 202, "{sent}");
    assert_eq!(test(&session).0, 429, "at most one a second");
    scene.service.wait(&browser, 1);
    let body = scene.service.bodies(&browser).remove(0);
    let expected = json!({
        "web_push": 8030,
        "notification": {
            "title": "Crewline", "body": "This device can be woken", "tag": "test",
            "navigate": format!("{}/#setup", server.url),
        },
        "test": sent["test"],
    });
    assert_eq!(body, expected);
    let prove = |session: &str, test: &Value| {
        let body = Some(json!({ "test": test }));
        server.call("POST", "/api/v1/push/proof", session, body).0
    };
    let other = scene.subscribe(&server, &Browser::new(2));
    assert_eq!(
        prove(&other, &sent["test"]),
        404,
        "it was sent to another session"
    );
    assert_eq!(prove(&session, &json!("AAAA")), 404);
    assert_eq!(
        own(&server, &session)["subscription"]["provenAt"],
        Value::Null
    );
    assert_eq!(prove(&session, &sent["test"]), 204);
    assert!(own(&server, &session)["subscription"]["provenAt"].is_string());
    let elsewhere = Browser::new(3).subscription(&scene.service.origin());
    assert_eq!(put(&server, &session, elsewhere).0, 201);
    assert_eq!(
        own(&server, &session)["subscription"]["provenAt"],
        Value::Null,
        "another endpoint is not proven"
    );
    for _ in 0..2 {
        let path = "/api/v1/push/subscription";
        assert_eq!(server.call("DELETE", path, &session, None).0, 204);
    }
    assert!(own(&server, &session)["subscription"].is_null());
}

#[test]
fn a_killed_server_repeats_one_push_at_most_and_loses_none() {
    let scene = Scene::new("");
    let browser = Browser::new(1);
    let server = scene.world.serve();
    let session = scene.subscribe(&server, &browser);
    let key = own(&server, &session)["publicKey"].clone();
    let taken = scene.send(&server, 3);
    scene.service.wait(&browser, 1);
    // That this one goes out says that the first was written down.
    scene.service.hold(&browser);
    let open = scene.send(&server, 3);
    scene.service.wait(&browser, 2);
    let waits = scene.send(&server, 3);
    server.process.signal("-KILL");
    server.process.end();
    scene.service.let_go(&browser);
    let server = scene.world.serve();
    assert_eq!(own(&server, &session)["publicKey"], key, "the key is kept");
    scene.service.wait(&browser, 4);
    let woken = scene.service.messages(&browser);
    assert_eq!(woken, [taken, open.clone(), open, waits]);
}

#[test]
fn where_there_is_no_way_to_a_push_service_others_are_woken_and_it_is_told_once() {
    let scene = Scene::new("");
    let server = scene.world.serve();
    let (lost, good) = (Browser::new(1), Browser::new(2));
    let session = sign_in(&server);
    // Nobody listens on port 1 of this address.
    let nowhere = lost.subscription("http://127.1.2.3:1");
    assert_eq!(put(&server, &session, nowhere).0, 201);
    scene.subscribe(&server, &good);
    for priority in [2, 1, 3] {
        scene.send(&server, priority);
    }
    scene.service.wait(&good, 3);
    until("it is told in plain words", || {
        let push = own(&server, &session);
        let error = push["subscription"]["lastError"].as_str();
        error.is_some_and(|error| {
            error.starts_with("no way to 127.1.2.3: no connection to 127.1.2.3:1")
        })
    });
    let doctor = scene.world.run(&["doctor"]).out;
    assert!(
        doctor.contains("2 devices subscribed, 0 of them proven"),
        "{doctor}"
    );
    assert!(doctor.contains("no way to 127.1.2.3"), "{doctor}");
    let (_, metrics) = server.get("/metrics", "");
    let metrics = metrics.as_str().unwrap();
    assert!(
        metrics.contains("crewline_push_services_failing 1"),
        "{metrics}"
    );
    let log = server.stop().ok().err;
    let told = log.matches("a push service takes no pushes").count();
    assert_eq!(told, 1, "{log}");
}

#[test]
fn only_sessions_of_users_subscribe_and_only_at_push_services() {
    let scene = Scene::new("");
    let server = scene.world.serve();
    let good = Browser::new(1).subscription(&scene.service.origin());
    let admin = scene.world.run(&["token", "create", "--admin"]).ok();
    for token in [
        &scene.scada,
        &scene.world.user("alice"),
        &admin.line().to_owned(),
    ] {
        assert_eq!(server.get("/api/v1/push", token).0, 403);
        assert_eq!(put(&server, token, good.clone()).0, 403);
    }
    let session = sign_in(&server);
    let refused = |field: &str, value: Value| {
        let mut wrong = good.clone();
        *wrong
            .pointer_mut(&format!("/{}", field.replace('.', "/")))
            .unwrap() = value;
        let (status, answer) = put(&server, &session, wrong);
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!(field)),
            "{answer}"
        );
    };
    for endpoint in [
        "http://push.example/x",
        "http://10.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "push.example",
    ] {
        refused("endpoint", json!(endpoint));
    }
    refused(
        "endpoint",
        json!(format!("https://push.example/{}", "x".repeat(2_048))),
    );
    refused("keys", json!("x"));
    refused("keys.p256dh", json!("BAAA"));
    let off_the_curve = format!("BAA{}", "A".repeat(84));
    refused("keys.p256dh", json!(off_the_curve));
    refused("keys.auth", json!("AAAA"));
    assert!(own(&server, &session)["subscription"].is_null());
}

#[test]
fn a_new_key_removes_every_subscription_and_push_can_be_switched_off() {
    let scene = Scene::new("");
    let server = scene.world.serve();
    let session = scene.subscribe(&server, &Browser::new(1));
    let key = || scene.world.run(&["push", "key"]).ok().line().to_owned();
    let old = key();
    assert_eq!(own(&server, &session)["publicKey"], old.as_str());
    let new = scene.world.run(&["push", "key", "--rotate"]).ok();
    assert_ne!(new.line(), old);
    assert_eq!(key(), new.line());
    until("the server has the new key", || {
        own(&server, &session)["publicKey"] == new.line()
    });
    assert!(own(&server, &session)["subscription"].is_null());
    server.stop().ok();
    scene
        .world
        .write("crewline.toml", "[push]\nenabled = false\n");
    let server = scene.world.serve();
    let push = own(&server, &session);
    assert_eq!(push, json!({ "publicKey": null, "subscription": null }));
    let subscription = Browser::new(1).subscription("https://push.example");
    assert_eq!(put(&server, &session, subscription).0, 404);
}

#[test]
fn an_emergency_that_this_device_has_stored_wakes_it_only_when_it_is_repeated() {
    let scene = Scene::new("repeatEmergency = \"2s\"");
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = scene.subscribe(&server, &browser);
    // The first push of the second one waits for the answer to that of the first one.
    scene.service.hold(&browser);
    let first = scene.send(&server, 1);
    scene.service.wait(&browser, 1);
    let second = scene.send(&server, 1);
    server.receipt(&session, &json!(second), "delivered");
    server.receipt(&session, &json!(first), "acknowledged");
    let stored_at = now_ms();
    scene.service.let_go(&browser);
    scene.service.wait(&browser, 2);
    let came = scene.service.came(&browser);
    assert_eq!(scene.service.messages(&browser), [first, second.clone()]);
    let (_, view) = server.get(&format!("/api/v1/messages/{second}"), &session);
    let sent_at = view["sentAt"].as_str().unwrap();
    let sent_at: jiff::Timestamp = sent_at.parse().unwrap();
    let waited = came[1].at_ms - sent_at.as_millisecond();
    assert!(
        waited >= 2_000,
        "{waited} ms after it was sent, stored at {stored_at}"
    );
}

#[test]
fn a_notification_leads_to_where_the_app_was_opened() {
    let settings = "[http]\norigins = [\"https://chat.example.org\"]";
    let scene = Scene::new(settings);
    let (server, browser) = (scene.world.serve(), Browser::new(1));
    let session = sign_in(&server);
    let subscription = browser.subscription(&scene.service.origin());
    let put = |origin: &str| {
        let (url, session, body) = (server.url.clone(), session.clone(), subscription.clone());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .put(format!("{url}/api/v1/push/subscription"))
            .bearer_auth(session)
            .header("Origin", origin)
            .json(&body);
        let runtime = Runtime::new().unwrap();
        runtime.block_on(request.send()).unwrap().status().as_u16()
    };
    assert_eq!(put("https://elsewhere.example"), 403);
    assert_eq!(put("https://chat.example.org"), 201);
    scene.send(&server, 3);
    scene.service.wait(&browser, 1);
    let body = scene.service.bodies(&browser).remove(0);
    let leads = body["notification"]["navigate"].as_str().unwrap();
    assert!(
        leads.starts_with("https://chat.example.org/chats/c"),
        "{leads}"
    );
    let key = own(&server, &session)["publicKey"]
        .as_str()
        .unwrap()
        .to_owned();
    let claims = claims(&scene.service.came(&browser)[0], &key);
    assert_eq!(
        claims["sub"], "https://chat.example.org",
        "somebody who can be written to"
    );
}
