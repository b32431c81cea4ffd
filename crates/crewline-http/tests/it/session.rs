//! Signing in and out.

use hyper::Method;
use serde_json::json;

use crate::call::Reply;
use crate::rig::{Rig, refusal};
use crate::stream::Stream;

const DEVICE: &str = "4b4f6a52-0c5b-4c41-9d2c-7f6a3f0a4f57";

async fn sign_in(rig: &Rig, user: &str, password: &str) -> Reply {
    let body = json!({"userId": user, "password": password});
    rig.call(Method::POST, "/api/v1/session")
        .json(&body)
        .send()
        .await
}

fn cookie(reply: &Reply) -> String {
    reply
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn signing_in_gives_a_token_and_a_cookie_and_signing_out_ends_both() {
    let rig = Rig::start().await;
    let body = json!({"userId": "alice", "password": "secret of alice", "deviceId": DEVICE.to_uppercase(), "deviceName": "Phone"});
    let opened = rig
        .call(Method::POST, "/api/v1/session")
        .json(&body)
        .send()
        .await;
    assert_eq!(opened.status, 201, "{}", opened.text());
    let token = opened.value()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        opened.value(),
        json!({"token": token, "userId": "alice", "expiresAt": "2026-12-23T04:00:00.000Z"})
    );
    let expected =
        format!("crewline_session={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000");
    assert_eq!(opened.header("set-cookie"), Some(expected.as_str()));

    let me = rig.get(&token, "/api/v1/me").send().await.value();
    assert_eq!(me["sessions"][0]["current"], true);
    assert_eq!(me["sessions"][0]["deviceId"], DEVICE);
    assert!(
        me["devices"]
            .as_array()
            .unwrap()
            .iter()
            .any(|d| d["deviceId"] == DEVICE && d["deviceName"] == "Phone")
    );

    let out = rig
        .call(Method::DELETE, "/api/v1/session")
        .token(&token)
        .send()
        .await;
    assert_eq!((out.status, out.body.len()), (204, 0));
    assert_eq!(cookie(&out), "crewline_session=");
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let refused = rig.get(&token, "/api/v1/me").send().await;
    assert!(refusal(&refused).starts_with("401 unauthenticated"));
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Bearer realm=\"crewline\"")
    );
    rig.stop().await;
}

#[tokio::test]
async fn signing_in_makes_no_open_stream_look_again() {
    let rig = Rig::start().await;
    let mut changes = rig.engine.directory_changes();
    changes.mark_unchanged();
    let opened = sign_in(&rig, "alice", "secret of alice").await.value();
    let token = opened["token"].as_str().unwrap();
    assert_eq!(rig.get(token, "/api/v1/me").send().await.status, 200);
    assert!(!changes.has_changed().unwrap());
    let out = rig.call(Method::DELETE, "/api/v1/session").token(token);
    assert_eq!(out.send().await.status, 204);
    assert!(changes.has_changed().unwrap());
    rig.stop().await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_the_user_and_no_token() {
    let rig = Rig::start().await;
    let password = crewline_http::password::hash("secret of dave").unwrap();
    rig.add_user("dave", "Dave", crewline_api::Role::Crew, Some(password))
        .await;
    let mut tokens = Vec::new();
    for user in ["alice", "alice", "dave"] {
        let opened = sign_in(&rig, user, &format!("secret of {user}"))
            .await
            .value();
        tokens.push(opened["token"].as_str().unwrap().to_owned());
    }
    let mut elsewhere = Stream::of(&rig, &tokens[1], "me/events", None).await;
    let out = |query: &str| {
        let path = format!("/api/v1/session{query}");
        rig.call(Method::DELETE, &path).token(&tokens[0]).send()
    };
    let wrong = refusal(&out("?everywhere=yes").await);
    assert!(wrong.contains("everywhere [out_of_range] is \"yes\", and must be true or false"));
    let reply = out("?everywhere=true").await;
    assert_eq!(
        (reply.status, cookie(&reply)),
        (204, "crewline_session=".to_owned())
    );
    elsewhere.end().await;
    for (token, status) in [
        (tokens[0].as_str(), 401),
        (&tokens[1], 401),
        (&tokens[2], 200),
        ("alice-token", 200),
    ] {
        assert_eq!(rig.get(token, "/api/v1/me").send().await.status, status);
    }
    let by_token = rig.call(Method::DELETE, "/api/v1/session?everywhere=true");
    let refused = by_token.token("alice-token").send().await;
    assert!(refusal(&refused).starts_with("403 not_allowed"));
    let opened = sign_in(&rig, "dave", "secret of dave").await.value();
    let one = rig.call(Method::DELETE, "/api/v1/session?everywhere=false");
    let one = one.token(opened["token"].as_str().unwrap()).send().await;
    assert_eq!(one.status, 204);
    assert_eq!(rig.get(&tokens[2], "/api/v1/me").send().await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn over_https_the_cookie_is_secure() {
    let settings = crewline_http::Settings {
        secure_cookie: true,
        session_days: 1,
        ..Default::default()
    };
    let rig = Rig::with(settings).await;
    let opened = sign_in(&rig, "alice", "secret of alice").await;
    assert!(
        opened
            .header("set-cookie")
            .unwrap()
            .ends_with("; Max-Age=86400; Secure")
    );
    rig.stop().await;
}

/// A server that people reach by https alone.
async fn by_https() -> Rig {
    let settings = crewline_http::Settings {
        secure_cookie: true,
        ..Default::default()
    };
    Rig::with(settings).await
}

/// Who somebody with these cookies is, or why nobody.
async fn who(rig: &Rig, cookies: &str) -> String {
    let me = rig.call(Method::GET, "/api/v1/me");
    let me = me.header("cookie", cookies).send().await.value();
    let said = me.get("userId").unwrap_or(&me["code"]);
    said.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn by_https_no_neighbour_puts_another_session_in_the_place_of_ours() {
    let rig = by_https().await;
    let own = cookie(&sign_in(&rig, "alice", "secret of alice").await);
    assert!(own.starts_with("__Host-crewline_session="), "{own}");
    assert_eq!(who(&rig, &own).await, "alice");
    // What a page of another name in the same site can set for both: never one whose name begins so.
    let planted = "crewline_session=bob-token";
    for both in [format!("{planted}; {own}"), format!("{own}; {planted}")] {
        assert_eq!(who(&rig, &both).await, "alice");
        let ended = both.replace(&own, "__Host-crewline_session=ended");
        assert_eq!(who(&rig, &ended).await, "unauthenticated");
    }
    // Nor do they sign anybody in who was not.
    assert_eq!(who(&rig, planted).await, "unauthenticated");
    let out = rig.call(Method::DELETE, "/api/v1/session");
    let origin = format!("https://{}", rig.address);
    let out = out.header("origin", origin).header("cookie", &own);
    assert_eq!(cookie(&out.send().await), "__Host-crewline_session=");
    assert_eq!(who(&rig, &own).await, "unauthenticated");
    rig.stop().await;
    let plain = Rig::start().await;
    assert_eq!(
        who(&plain, "__Host-crewline_session=bob-token").await,
        "unauthenticated"
    );
    plain.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_says_who_came_by_https() {
    let settings = crewline_http::Settings {
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Default::default()
    };
    let rig = Rig::with(settings).await;
    let body = json!({"userId": "alice", "password": "secret of alice"});
    let sign_in = |proto: &'static str, origin: &'static str| {
        rig.call(Method::POST, "/api/v1/session")
            .header("host", "crew.example.org")
            .header("x-forwarded-proto", proto)
            .header("origin", origin)
            .json(&body)
    };
    let secure = sign_in("https", "https://crew.example.org").send().await;
    assert_eq!(secure.status, 201);
    let set = secure.header("set-cookie").unwrap();
    assert!(set.ends_with("; Secure"), "{set}");
    let out = rig
        .call(Method::DELETE, "/api/v1/session")
        .header("host", "crew.example.org")
        .header("x-forwarded-proto", "https")
        .header("origin", "https://crew.example.org")
        .header("cookie", set.split(';').next().unwrap());
    let out = out.send().await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().ends_with("; Secure"));
    let plain = sign_in("http", "http://crew.example.org").send().await;
    assert_eq!(plain.status, 201);
    assert!(!plain.header("set-cookie").unwrap().contains("Secure"));
    let mixed = sign_in("https", "http://crew.example.org").send().await;
    assert!(refusal(&mixed).starts_with("403 wrong_origin"));
    rig.stop().await;
}

#[tokio::test]
async fn what_anybody_writes_of_proxies_is_not_believed() {
    let rig = Rig::start().await;
    let body = json!({"userId": "alice", "password": "secret of alice"});
    let opened = rig
        .call(Method::POST, "/api/v1/session")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "proto=https;for=192.0.2.1")
        .json(&body);
    let opened = opened.send().await;
    assert_eq!(opened.status, 201);
    assert!(!opened.header("set-cookie").unwrap().contains("Secure"));
    rig.stop().await;
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let settings = crewline_http::Settings {
        session_days: 1,
        ..Default::default()
    };
    let rig = Rig::with(settings).await;
    let token = sign_in(&rig, "alice", "secret of alice").await.value()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.clock.advance_s(24 * 3600 - 1);
    assert_eq!(rig.get(&token, "/api/v1/me").send().await.status, 200);
    rig.clock.advance_s(1);
    assert!(
        refusal(&rig.get(&token, "/api/v1/me").send().await).starts_with("401 unauthenticated")
    );
    rig.stop().await;
}

#[tokio::test]
async fn it_is_not_said_whether_the_user_or_the_password_is_wrong() {
    let rig = Rig::start().await;
    let mut answers = Vec::new();
    for (user, password) in [
        ("alice", "wrong"),
        ("nobody", "secret of alice"),
        ("bob", "none was set"),
        ("scada", "external"),
    ] {
        answers.push(refusal(&sign_in(&rig, user, password).await));
    }
    let disable = |directory: &mut dyn crewline_core::Directory, now| {
        directory.change_user(
            &crate::rig::id("alice"),
            &crewline_core::UserChange::Disable,
            now,
        )
    };
    rig.engine.directory(disable).await.unwrap().unwrap();
    answers.push(refusal(&sign_in(&rig, "alice", "secret of alice").await));
    assert!(answers[0].starts_with("401 sign_in_failed"));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    rig.stop().await;
}

#[tokio::test]
async fn ten_wrong_passwords_in_a_minute_and_signing_in_rests() {
    let rig = Rig::start().await;
    for _ in 0..9 {
        assert_eq!(sign_in(&rig, "alice", "wrong").await.status, 401);
    }
    assert_eq!(
        sign_in(&rig, "alice", "secret of alice").await.status,
        201,
        "what is right does not count"
    );
    rig.clock.advance_s(20);
    assert_eq!(sign_in(&rig, "bob", "wrong").await.status, 401);
    let refused = sign_in(&rig, "alice", "secret of alice").await;
    assert!(
        refusal(&refused).starts_with("429 too_many_attempts"),
        "the address has tried ten times"
    );
    assert_eq!(refused.header("retry-after"), Some("41"));
    rig.clock.advance_s(40);
    assert_eq!(sign_in(&rig, "alice", "secret of alice").await.status, 201);
    rig.stop().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_wrong_passwords_count_for_who_sent_them() {
    let settings = crewline_http::Settings {
        wrong_passwords_per_minute: 1,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Default::default()
    };
    let rig = Rig::with(settings).await;
    let from = |user: &str, password: &str, address: &str| {
        rig.call(Method::POST, "/api/v1/session")
            .header("x-forwarded-for", address)
            .json(&json!({"userId": user, "password": password}))
    };
    let wrong = from("bob", "wrong", "192.0.2.1").send().await;
    assert_eq!(wrong.status, 401);
    let same = from("alice", "secret of alice", "192.0.2.1").send().await;
    assert!(refusal(&same).starts_with("429 too_many_attempts"));
    let pretended = from("alice", "secret of alice", "192.0.2.2, 192.0.2.1");
    assert_eq!(
        pretended.send().await.status,
        429,
        "what stands before was said by the caller, and is not believed"
    );
    let other = from("alice", "secret of alice", "192.0.2.2").send().await;
    assert_eq!(other.status, 201);
    rig.stop().await;
}

#[tokio::test]
async fn a_header_that_anybody_can_send_gives_no_more_attempts() {
    let settings = crewline_http::Settings {
        wrong_passwords_per_minute: 1,
        ..Default::default()
    };
    let rig = Rig::with(settings).await;
    let from = |user: &str, address: &str| {
        rig.call(Method::POST, "/api/v1/session")
            .header("x-forwarded-for", address)
            .json(&json!({"userId": user, "password": "wrong"}))
    };
    assert_eq!(from("bob", "192.0.2.1").send().await.status, 401);
    assert_eq!(from("alice", "192.0.2.2").send().await.status, 429);
    rig.stop().await;
}

#[tokio::test]
async fn a_token_is_not_signed_out() {
    let rig = Rig::start().await;
    let refused = rig
        .call(Method::DELETE, "/api/v1/session")
        .token("alice-token")
        .send()
        .await;
    assert!(refusal(&refused).starts_with("403 not_allowed"));
    assert_eq!(
        rig.get("alice-token", "/api/v1/me").send().await.status,
        200
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_device_is_shown_with_when_it_was_last_seen() {
    let rig = Rig::start().await;
    let token = sign_in(&rig, "alice", "secret of alice").await.value()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.clock.advance_s(3600);
    // The first use is noted beside the call, and shows a little later.
    loop {
        let me = rig.get(&token, "/api/v1/me").send().await.value();
        if me["devices"]
            .as_array()
            .unwrap()
            .iter()
            .any(|device| device["lastSeenAt"] == "2026-11-23T05:00:00.000Z")
        {
            break;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn many_sign_in_at_once() {
    let rig = Rig::start().await;
    let all =
        futures_util::future::join_all((0..24).map(|_| sign_in(&rig, "alice", "secret of alice")))
            .await;
    assert!(all.iter().all(|reply| reply.status == 201));
    rig.stop().await;
}
