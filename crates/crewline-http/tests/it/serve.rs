//! The server as a whole: paths, methods, request ids, connections, and stopping.

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, message, refusal};

#[tokio::test]
async fn a_problem_has_every_part_that_the_contract_names() {
    let rig = Rig::start().await;
    let mut body = message(&["alice"], "");
    body["priority"] = json!(4);
    let reply = rig
        .post("scada-token", "/api/v1/messages", &body)
        .header("x-request-id", "shift-7/12")
        .send()
        .await;
    assert_eq!(reply.header("x-request-id"), Some("shift-7/12"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&reply.value()).unwrap());
    rig.stop().await;
}

#[tokio::test]
async fn a_request_id_is_taken_where_it_is_well_formed_and_made_where_not() {
    let rig = Rig::start().await;
    let id_for = |given: &[u8]| {
        let call = rig
            .call(Method::GET, "/healthz")
            .header("x-request-id", given);
        async move { call.send().await.header("x-request-id").unwrap().to_owned() }
    };
    assert_eq!(id_for("x".repeat(64).as_bytes()).await, "x".repeat(64));
    for bad in [&b"x".repeat(65)[..], b"", b"a b", "é".as_bytes()] {
        let made = id_for(bad).await;
        assert!(
            made.len() == 16 && made.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{made}"
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let rig = Rig::start().await;
    for path in [
        "/nowhere",
        "/chats/",
        "/assets/secret.js",
        "/api/v1",
        "/api/v1/messages/",
        "/api/v2/messages",
        "/api/v1/chats/c1",
        "/api/docs/secret",
    ] {
        let reply = rig.get("alice-token", path).send().await;
        assert!(refusal(&reply).starts_with("404 not_found"), "{path}");
    }
    let reply = rig.call(Method::DELETE, "/api/v1/messages").send().await;
    assert!(refusal(&reply).starts_with("405 method_not_allowed"));
    assert_eq!(reply.header("allow"), Some("POST"));
    let reply = rig.call(Method::PATCH, "/api/v1/me").send().await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, Some("GET,HEAD"))
    );
    rig.stop().await;
}

#[tokio::test]
async fn the_server_says_that_it_is_alive_and_ready() {
    let rig = Rig::start().await;
    for path in ["/healthz", "/readyz"] {
        let reply = rig.call(Method::GET, path).send().await;
        assert_eq!(
            (reply.status, reply.value()),
            (200, json!({"status": "ok"}))
        );
    }
    rig.engine.stop().await;
    assert_eq!(rig.call(Method::GET, "/healthz").send().await.status, 200);
    let refused = rig
        .post(
            "scada-token",
            "/api/v1/messages",
            &message(&["alice"], "Hello"),
        )
        .send()
        .await;
    assert!(refusal(&refused).starts_with("503 stopping"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    rig.stop().await;
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", rig.address);
    stream
        .write_all(request.repeat(3).as_bytes())
        .await
        .unwrap();
    let last = format!(
        "GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        rig.address
    );
    stream.write_all(last.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 4);
    rig.stop().await;
}

#[tokio::test]
async fn a_request_that_is_under_way_is_finished_when_the_server_stops() {
    let mut rig = Rig::start().await;
    let body = message(&["alice"], "Hello").to_string();
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer scada-token\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        rig.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is under way.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100 Continue"));
    rig.tell_to_stop();
    while TcpStream::connect(rig.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"));
    rig.stop().await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_stop() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream
        .write_all(format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", rig.address).as_bytes())
        .await
        .unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.unwrap();
    rig.stop().await;
}
