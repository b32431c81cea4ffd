//! The streams of the trait.

use crewline_client::Client;
use crewline_client::api::{ChatApi, ErrorCode, PayloadKind};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::fake::{Fake, problem};

fn received(seq: u64) -> Value {
    json!({
        "seq": seq, "type": "message.received", "timestamp": "2026-11-23T03:47:29.120Z",
        "data": {
            "messageId": "m100000000", "chatId": "c100000000", "position": seq, "fromUserId": "alice",
            "fromUserName": "Alice", "allUserIds": ["alice", "scada"], "message": format!("Reply {seq}"),
            "priority": 2, "sentAt": "2026-11-23T03:47:29.120Z",
        },
    })
}

fn read(seq: u64, payload: Option<&str>) -> Value {
    json!({
        "seq": seq, "type": "message.read", "timestamp": "2026-11-23T03:47:29.120Z",
        "data": {
            "messageId": "m100000000", "chatId": "c100000000", "userId": "alice",
            "at": "2026-11-23T03:47:29.120Z", "payload": payload,
        },
    })
}

#[tokio::test]
async fn messages_come_from_the_cursor_and_asking_for_the_next_confirms_those_before() {
    let fake = Fake::http().await;
    let client = Client::builder(&fake.url, "t").build().unwrap();
    let serve = async {
        let (hello, mut socket) = fake.request().await.socket().await;
        let expected = json!({ "participant": "scada", "cursor": "messages:default", "types": ["message.received"] });
        assert_eq!(hello["hello"], expected);
        socket.welcome().await;
        socket.say(json!({ "events": [received(1), { "seq": 2, "type": "of.tomorrow" }, received(3)] })).await;
        assert_eq!(socket.read().await, json!({ "ack": 3 }));
        socket.say(json!({ "events": [received(4)] })).await;
        // The fourth was given out, and nobody has asked for more.
        assert_eq!(socket.until_closed().await, Vec::<Value>::new());
    };
    let listen = async {
        let mut messages = client.receive_messages("scada".parse().unwrap());
        for seq in [1, 3, 4] {
            let message = messages.next().await.unwrap().unwrap();
            assert_eq!(
                (message.seq, message.message),
                (seq, format!("Reply {seq}"))
            );
        }
    };
    tokio::join!(serve, listen);
}

#[tokio::test]
async fn payloads_come_where_there_are_some() {
    let fake = Fake::http().await;
    let client = Client::builder(&fake.url, "t").build().unwrap();
    let serve = async {
        let (hello, mut socket) = fake.request().await.socket().await;
        assert_eq!(hello["hello"]["cursor"], "payloads:default");
        socket.welcome().await;
        socket
            .say(json!({ "events": [read(1, None), read(2, Some("dGlja2V0"))] }))
            .await;
        socket.until_closed().await
    };
    let listen = async {
        let mut payloads = client.receive_payloads("scada".parse().unwrap());
        let fired = payloads.next().await.unwrap().unwrap();
        assert_eq!((fired.seq, fired.kind), (2, PayloadKind::Read));
        assert_eq!(fired.payload.as_bytes(), b"ticket");
    };
    tokio::join!(serve, listen);
}

#[tokio::test]
async fn after_an_error_a_stream_goes_on_where_the_cursor_stands() {
    let fake = Fake::http().await;
    let client = Client::builder(&fake.url, "t").build().unwrap();
    let serve = async {
        let body = problem(ErrorCode::Unauthenticated, "Who are you?");
        fake.answer("401 Unauthorized", "", &body).await;
        let (hello, mut socket) = fake.request().await.socket().await;
        assert!(hello["hello"].get("after").is_none(), "{hello}");
        socket.welcome().await;
        socket.say(json!({ "events": [received(1)] })).await;
        socket.until_closed().await
    };
    let listen = async {
        let mut messages = client.receive_messages("scada".parse().unwrap());
        let error = messages.next().await.unwrap().unwrap_err();
        assert_eq!(error.code, ErrorCode::Unauthenticated);
        assert_eq!(messages.next().await.unwrap().unwrap().seq, 1);
    };
    tokio::join!(serve, listen);
}

#[tokio::test]
async fn who_was_away_for_too_long_is_told_once_and_goes_on_with_what_is_kept() {
    let fake = Fake::http().await;
    let client = Client::builder(&fake.url, "t").build().unwrap();
    let serve = async {
        let (_, mut socket) = fake.request().await.socket().await;
        let detail = "The log begins at 5; what followed 2 was removed.";
        let refused: Value =
            serde_json::from_str(&problem(ErrorCode::LogTruncated, detail)).unwrap();
        socket.say(json!({ "error": refused })).await;
        drop(socket);
        let page = json!({ "events": [received(5)], "next": 5, "head": 9, "epoch": "e" });
        let asked = fake.answer("200 OK", "", &page.to_string()).await;
        let line = "GET /api/v1/participants/scada/events?limit=1 HTTP/1.1";
        assert_eq!(asked.head.lines().next(), Some(line));
        let (hello, mut socket) = fake.request().await.socket().await;
        assert_eq!(
            (&hello["hello"]["after"], &hello["hello"]["cursor"]),
            (&json!(4), &json!("messages:default"))
        );
        socket.welcome().await;
        socket.say(json!({ "events": [received(5)] })).await;
        assert_eq!(socket.read().await, json!({ "ack": 5 }));
    };
    let listen = async {
        let mut messages = client.receive_messages("scada".parse().unwrap());
        let error = messages.next().await.unwrap().unwrap_err();
        assert_eq!(error.code, ErrorCode::LogTruncated);
        assert_eq!(messages.next().await.unwrap().unwrap().seq, 5);
        // Asking for more confirms it; nothing more comes.
        let more = tokio::time::timeout(std::time::Duration::from_secs(5), messages.next());
        let _ = more.await;
    };
    tokio::select! {
        () = serve => {}
        () = async { listen.await; std::future::pending::<()>().await } => {}
    }
}
