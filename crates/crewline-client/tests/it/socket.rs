//! How a socket comes about, and what is said where it does not.

use std::time::Duration;

use crewline_client::api::ErrorCode;
use crewline_client::{Client, Error};
use serde_json::json;

use crate::fake::{Fake, message, problem};

fn client(fake: &Fake) -> Client {
    Client::builder(&fake.url, "crewline_x").build().unwrap()
}

#[tokio::test]
async fn a_session_sends_listens_and_confirms_over_one_connection() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let serve = async {
        let request = fake.request().await;
        assert_eq!(request.header("authorization"), Some("Bearer crewline_x"));
        let (hello, mut socket) = request.socket().await;
        assert_eq!(hello, json!({ "hello": { "after": 0 } }));
        socket.welcome().await;
        let asked = socket.read().await;
        assert_eq!(asked["do"]["send"]["message"], "Hello");
        let sent: serde_json::Value = serde_json::from_str(crate::fake::SENT).unwrap();
        socket
            .say(json!({ "done": { "id": asked["do"]["id"], "ok": sent } }))
            .await;
        socket
            .say(json!({ "events": [{ "seq": 1, "type": "of.tomorrow" }] }))
            .await;
        assert_eq!(socket.until_closed().await, [json!({ "ack": 1 })]);
    };
    let listen = async {
        let mut session = client.session().after(0).connect().await.unwrap();
        assert_eq!(session.welcome().unwrap().epoch, "e1");
        session.handle().send(message()).await.unwrap();
        assert_eq!(session.next().await.unwrap()[0].seq(), 1);
        session.ack(1).unwrap();
        session.close().await;
    };
    tokio::join!(serve, listen);
}

#[tokio::test]
async fn a_proxy_that_lets_no_websockets_through_is_told() {
    for (status, body) in [
        ("400 Bad Request", String::new()),
        ("426 Upgrade Required", "<html>".to_owned()),
        ("200 OK", "<html>".to_owned()),
        // The proxy left the header out, and the server itself says so.
        (
            "426 Upgrade Required",
            problem(ErrorCode::UpgradeRequired, "Upgrade is missing."),
        ),
    ] {
        let error = refused(status, "", &body).await;
        assert_eq!(error.code, ErrorCode::WrongServer);
        for part in [status, "must let WebSockets through", "Upgrade"] {
            assert!(error.detail.contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn what_the_server_says_instead_of_a_socket_is_told_as_it_was_said() {
    let who = problem(ErrorCode::Unauthenticated, "Who are you?");
    let error = refused("401 Unauthorized", "", &who).await;
    assert_eq!(
        (error.code, error.detail.as_str()),
        (ErrorCode::Unauthenticated, "Who are you?")
    );
    let busy = problem(ErrorCode::Busy, "Full.");
    let error = refused("503 Service Unavailable", "Retry-After: 3\r\n", &busy).await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    let error = refused(
        "404 Not Found",
        "",
        &problem(ErrorCode::NotFound, "Nothing."),
    )
    .await;
    assert!(error.detail.contains("older than this client"), "{error}");
}

async fn refused(status: &str, headers: &str, body: &str) -> Error {
    let fake = Fake::http().await;
    let client = client(&fake);
    let (session, _) = tokio::join!(
        client.session().connect(),
        fake.answer(status, headers, body)
    );
    session.map(drop).unwrap_err()
}

#[tokio::test]
async fn a_wrong_accept_opens_nothing() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let headers = "Upgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n";
    let serve = async {
        let mut request = fake.request().await;
        request
            .raw(&format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n{headers}\r\n"
            ))
            .await;
    };
    let (session, ()) = tokio::join!(client.session().connect(), serve);
    assert_eq!(session.map(drop).unwrap_err().code, ErrorCode::WrongServer);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_told_at_once_and_a_started_session_goes_on_trying() {
    let fake = Fake::http().await;
    let client = client(&fake);
    drop(fake);
    let error = client.session().connect().await.map(drop).unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    assert!(
        error.detail.starts_with("cannot reach http://127.0.0.1:"),
        "{error}"
    );
    let mut session = client
        .session()
        .give_up_after(Duration::from_millis(400))
        .start();
    assert_eq!(
        session.next().await.unwrap_err().code,
        ErrorCode::Unreachable
    );
}

#[tokio::test]
async fn a_strange_answer_to_a_session_that_was_open_before_is_a_proxys_and_not_the_end() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let serve = async {
        let (_, mut socket) = fake.request().await.socket().await;
        socket.welcome().await;
        socket
            .say(json!({ "events": [{ "seq": 1, "type": "x" }] }))
            .await;
        drop(socket);
        fake.answer("404 Not Found", "", "<html>maintenance</html>")
            .await;
        let (hello, mut socket) = fake.request().await.socket().await;
        assert_eq!(hello["hello"]["after"], 1);
        socket.welcome().await;
        socket
            .say(json!({ "events": [{ "seq": 2, "type": "x" }] }))
            .await;
        socket.until_closed().await;
    };
    let listen = async {
        let mut session = client.session().connect().await.unwrap();
        assert_eq!(session.next().await.unwrap()[0].seq(), 1);
        assert_eq!(session.next().await.unwrap()[0].seq(), 2);
    };
    tokio::join!(serve, listen);
}
