//! What is shown and logged of requests.

use std::io::Write;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt as _;
use hyper::Method;
use tower::ServiceExt as _;

use crate::rig::{Rig, message};

#[tokio::test]
async fn metrics_are_those_that_the_owner_renders() {
    let rig = Rig::start().await;
    let reply = rig.call(Method::GET, "/metrics").send().await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (200, "crewline_up 1\n")
    );
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    rig.stop().await;
}

/// Lines of a log, kept for a look.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged on this thread, for as long as the guard lives.
fn kept_log() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_panic_is_answered_500_that_tells_nothing_and_is_logged_once_with_the_request_id() {
    let rig = Rig::start().await;
    let (lines, _guard) = kept_log();
    let renderer = Arc::new(|| panic!("the secret of the house"));
    let app = crewline_http::App::new(
        rig.engine.clone(),
        crewline_http::Settings::default(),
        renderer,
    );
    let request = hyper::Request::get("/metrics").header("x-request-id", "my-request");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = crewline_http::router(app).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    insta::assert_snapshot!(std::str::from_utf8(&body).unwrap());
    let log = lines.text();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("the secret of the house"))
        .collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(
        told[0].contains("ERROR") && told[0].contains("my-request"),
        "{log}"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_line_in_the_log_has_the_request_id_and_no_secret_and_no_text() {
    // This test runs on one thread, and so does its server.
    let (lines, _guard) = kept_log();
    let rig = Rig::start().await;
    let mut body = message(&["alice"], "the words of the message");
    body["toUsers"][0]["onReadPayload"] = serde_json::json!("c2VjcmV0IHBheWxvYWQ=");
    let call = rig
        .post("scada-token", "/api/v1/messages", &body)
        .header("x-request-id", "my-request");
    assert_eq!(call.send().await.status, 201);
    let wrong = serde_json::json!({"userId": "alice", "password": "not the password"});
    assert_eq!(
        rig.call(Method::POST, "/api/v1/session")
            .json(&wrong)
            .send()
            .await
            .status,
        401
    );
    rig.stop().await;
    let log = lines.text();
    let line = log
        .lines()
        .find(|line| line.contains("answered") && line.contains("my-request"))
        .unwrap();
    for part in [
        "method=\"POST\"",
        "route=\"/api/v1/messages\"",
        "status=201",
        "duration_ms=",
    ] {
        assert!(line.contains(part), "{line}");
    }
    for secret in [
        "scada-token",
        "the words of the message",
        "c2VjcmV0",
        "not the password",
        "secret payload",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn what_was_not_there_to_be_ended_is_not_logged_as_done() {
    let (lines, _guard) = kept_log();
    let rig = Rig::start().await;
    for path in [
        "/api/v1/admin/tokens/999",
        "/api/v1/admin/users/alice/sessions/999",
        "/api/v1/admin/users/alice/devices/none",
    ] {
        let gone = rig.call(Method::DELETE, path).token("admin-token");
        assert_eq!(gone.send().await.status, 404, "{path}");
    }
    let out = "/api/v1/admin/users/alice/sign-out";
    let out = rig.call(Method::POST, out).token("admin-token");
    assert_eq!(out.send().await.status, 204);
    rig.stop().await;
    let log = lines.text();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("administration actor="))
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("about=alice"),
        "{told:?}"
    );
}
