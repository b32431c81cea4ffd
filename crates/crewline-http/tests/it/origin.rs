//! Writing with a cookie.

use hyper::Method;
use serde_json::json;

use crate::rig::{Rig, refusal};

#[tokio::test]
async fn a_write_with_a_cookie_needs_the_origin_of_this_server() {
    let settings = crewline_http::Settings {
        origins: vec!["https://chat.example.org".to_owned()],
        ..Default::default()
    };
    let rig = Rig::with(settings).await;
    let body = json!({"userId": "alice", "password": "secret of alice"});
    let opened = rig
        .call(Method::POST, "/api/v1/session")
        .json(&body)
        .send()
        .await;
    let cookie = opened
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let write = |origin: Option<&str>| {
        let mut call = rig
            .call(Method::POST, "/api/v1/chats")
            .header("cookie", &cookie)
            .json(&json!({"toUserIds": ["bob"]}));
        if let Some(origin) = origin {
            call = call.header("origin", origin);
        }
        async move { call.send().await }
    };
    let before = rig.everything().await;
    for wrong in [
        None,
        Some("null"),
        Some("http://evil.example"),
        Some("https://127.0.0.1"),
        Some(""),
    ] {
        assert!(
            refusal(&write(wrong).await).starts_with("403 wrong_origin"),
            "{wrong:?}"
        );
    }
    assert_eq!(rig.everything().await, before);
    assert_eq!(
        rig.call(Method::GET, "/api/v1/me")
            .header("cookie", &cookie)
            .send()
            .await
            .status,
        200,
        "reading needs none"
    );
    assert_eq!(
        write(Some(&format!("http://{}", rig.address))).await.status,
        201
    );
    assert_eq!(write(Some("https://chat.example.org")).await.status, 200);
    let out = rig
        .call(Method::DELETE, "/api/v1/session")
        .header("cookie", &cookie)
        .send()
        .await;
    assert!(refusal(&out).starts_with("403 wrong_origin"));
    let out = rig
        .call(Method::DELETE, "/api/v1/session")
        .header("cookie", &cookie)
        .header("origin", format!("http://{}", rig.address));
    assert_eq!(out.send().await.status, 204);
    rig.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_signs_nobody_in() {
    let rig = Rig::start().await;
    let body = json!({"userId": "alice", "password": "secret of alice"});
    let call = || rig.call(Method::POST, "/api/v1/session").json(&body);
    assert!(
        refusal(&call().header("origin", "http://evil.example").send().await)
            .starts_with("403 wrong_origin")
    );
    let own = call()
        .header("origin", format!("http://{}", rig.address))
        .send()
        .await;
    assert_eq!(own.status, 201);
    rig.stop().await;
}

#[tokio::test]
async fn a_token_needs_no_origin_and_goes_before_a_cookie() {
    let rig = Rig::start().await;
    let call = rig.post(
        "alice-token",
        "/api/v1/chats",
        &json!({"toUserIds": ["bob"]}),
    );
    let reply = call
        .header("cookie", "crewline_session=nonsense")
        .header("origin", "http://evil.example")
        .send()
        .await;
    assert_eq!(reply.status, 201);
    rig.stop().await;
}
