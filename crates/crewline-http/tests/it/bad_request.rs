//! Requests that are wrong as a whole: not JSON, too large, parameters and headers. Nothing changes by any of them.

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, message, refusal, refusals};

#[tokio::test]
async fn bodies_that_are_not_json_are_refused_with_the_place() {
    let rig = Rig::start().await;
    let post = |body: &[u8]| {
        let call = rig
            .call(Method::POST, "/api/v1/messages")
            .token("scada-token");
        call.header("content-type", "application/json")
            .body(body.to_vec())
    };
    let cases = vec![
        ("an empty body", post(b"")),
        ("no JSON", post(b"hello")),
        ("JSON that is cut off", post(b"{\"message\": \"Hel")),
        ("something behind the JSON", post(b"{} {}")),
        (
            "a comma too many, on the second line",
            post(b"{\"message\": \"Hello\",\n}"),
        ),
        (
            "not UTF-8, on the second line",
            post(b"{\n\"message\": \"\xff\"}"),
        ),
        (
            "half of a surrogate pair",
            post(b"{\"message\": \"\\ud800\"}"),
        ),
        (
            "a control character in a string",
            post(b"{\"message\": \"\x01\"}"),
        ),
        ("a byte order mark", post("\u{feff}{}".as_bytes())),
        ("JSON in UTF-16", post(b"{\0}\0")),
        (
            "lists in lists, too deep",
            post(&[b"[".repeat(200), b"]".repeat(200)].concat()),
        ),
        (
            "a number that is too large for any field",
            post(b"{\"priority\": 1e400}"),
        ),
        ("a list", post(b"[]")),
        ("null", post(b"null")),
        ("a number", post(b"7")),
    ];
    insta::assert_snapshot!(refusals(&rig, cases).await);
    rig.stop().await;
}

#[tokio::test]
async fn a_body_of_json_is_taken_whatever_its_content_type_says() {
    let rig = Rig::start().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-8",
    ] {
        let call = rig
            .call(Method::POST, "/api/v1/messages")
            .token("scada-token");
        let reply = call
            .header("content-type", kind)
            .body(message(&["alice"], "Hello").to_string())
            .send()
            .await;
        assert_eq!(reply.status, 201, "{kind}: {}", reply.text());
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_body_of_2_mib_is_read_and_a_larger_one_refused() {
    let rig = Rig::start().await;
    let limit = 2 * 1024 * 1024;
    let post = |bytes: usize| {
        let mut body = message(&["alice"], "Hello").to_string().into_bytes();
        body.resize(bytes, b' ');
        rig.call(Method::POST, "/api/v1/messages")
            .token("scada-token")
            .body(body)
    };
    let before = rig.everything().await;
    insta::assert_snapshot!(refusal(&post(limit + 1).send().await));
    assert_eq!(rig.everything().await, before);
    assert_eq!(post(limit).send().await.status, 201);
    rig.stop().await;
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent_and_also_in_chunks() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer scada-token\r\n",
        rig.address
    );
    let announced = format!("{head}expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n");
    stream.write_all(announced.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream
        .write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    stream.write_all(chunk.repeat(33).as_bytes()).await.unwrap();
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    rig.stop().await;
}

#[tokio::test]
async fn query_parameters_that_are_unknown_or_malformed_are_named() {
    let rig = Rig::start().await;
    let sent = rig.send(&["alice"], "Hello").await;
    let events = |query: &str| {
        rig.get(
            "alice-token",
            &format!("/api/v1/participants/alice/events?{query}"),
        )
    };
    let history = |query: &str| {
        rig.get(
            "alice-token",
            &format!(
                "/api/v1/chats/{}/messages?{query}",
                sent["chatId"].as_str().unwrap()
            ),
        )
    };
    let get = |path: &str| rig.get("alice-token", path);
    let long = "x".repeat(256);
    let cases = vec![
        ("an unknown parameter", events("afte=1")),
        (
            "several faults",
            events("after=x&limit=0&wait=61&types=a,message.read&x=1&x=2&cursor="),
        ),
        ("after and cursor", events("after=1&cursor=c")),
        ("a parameter twice", events("limit=1&limit=1")),
        ("a negative after", events("after=-1")),
        ("after with a sign", events("after=%2B1")),
        ("an empty after", events("after=")),
        ("a limit above 1,000", events("limit=1001")),
        (
            "a limit that no machine holds",
            events("limit=99999999999999999999999"),
        ),
        ("a limit with a fraction", events("limit=1.5")),
        ("a wait without a value", events("wait")),
        ("an empty list of types", events("types=")),
        (
            "types with a comma at the end",
            events("types=message.read,"),
        ),
        (
            "the name of a cursor too long",
            events(&format!("cursor={long}")),
        ),
        (
            "a control character in the name of a cursor",
            events("cursor=a%01b"),
        ),
        ("a parameter that is not UTF-8", events("cursor=%ff")),
        ("an epoch too long", events(&format!("epoch={long}"))),
        ("a history before nothing", history("before=0")),
        ("a history before a word", history("before=x")),
        (
            "a history of a participant that cannot be",
            history("participant=%01"),
        ),
        ("chats before a word", get("/api/v1/me/chats?before=x")),
        (
            "chats before half a place",
            get("/api/v1/me/chats?before=1."),
        ),
        (
            "a search too long",
            get(&format!("/api/v1/people?q={long}")),
        ),
        ("a search for U+0000", get("/api/v1/people?q=%00")),
        ("a parameter where there are none", get("/api/v1/me?x=1")),
        ("a message with a parameter", get("/api/v1/messages/m1?x=1")),
        (
            "a write with a parameter",
            rig.post(
                "scada-token",
                "/api/v1/messages?x=1",
                &message(&["alice"], "Hello"),
            ),
        ),
        ("a health check with a parameter", get("/healthz?x=1")),
        (
            "a name of a parameter too long to repeat",
            get(&format!("/api/v1/me?{long}=1")),
        ),
    ];
    insta::assert_snapshot!(refusals(&rig, cases).await);
    rig.stop().await;
}

#[tokio::test]
async fn headers_that_are_too_long_or_malformed_are_named() {
    let rig = Rig::start().await;
    let send = || {
        rig.post(
            "scada-token",
            "/api/v1/messages",
            &message(&["alice"], "Hello"),
        )
    };
    let sent = rig.send(&["alice"], "Hello").await;
    let chat = format!(
        "/api/v1/chats/{}/messages",
        sent["chatId"].as_str().unwrap()
    );
    let reply = || rig.post("alice-token", &chat, &json!({"message": "Hello"}));
    let events = || rig.get("alice-token", "/api/v1/participants/alice/events");
    let key = "idempotency-key";
    let cases = vec![
        ("a key of 256 bytes", send().header(key, "k".repeat(256))),
        (
            "a key of 128 times two bytes",
            send().header(key, "é".repeat(128)),
        ),
        ("an empty key", send().header(key, "")),
        ("two keys", send().header(key, "a").header(key, "b")),
        ("a key that is not UTF-8", send().header(key, b"\xff")),
        ("a key with a tab", send().header(key, "a\tb")),
        (
            "a reply with a key of 256 bytes",
            reply().header(key, "k".repeat(256)),
        ),
        (
            "a reply with two keys",
            reply().header(key, "a").header(key, "b"),
        ),
        ("a key that is too long beside a field that is empty", {
            rig.post("scada-token", "/api/v1/messages", &message(&["alice"], ""))
                .header(key, "k".repeat(256))
        }),
        (
            "a last event that is no number",
            events().header("last-event-id", "x"),
        ),
        ("an empty last event", events().header("last-event-id", "")),
        (
            "two last events",
            events()
                .header("last-event-id", "1")
                .header("last-event-id", "1"),
        ),
    ];
    insta::assert_snapshot!(refusals(&rig, cases).await);
    assert_eq!(send().header(key, "é".repeat(127)).send().await.status, 201);
    rig.stop().await;
}
