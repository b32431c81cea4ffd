//! What is shown and logged of requests.

use std::io::Write;
use std::sync::{Arc, Mutex};

use hyper::Method;

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

#[tokio::test]
async fn a_line_in_the_log_has_the_request_id_and_no_secret_and_no_text() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // This test runs on one thread, and so does its server.
    let _guard = tracing::subscriber::set_default(subscriber);
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
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
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
