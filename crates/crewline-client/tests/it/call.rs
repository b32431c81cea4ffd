//! Calls over HTTP.

use std::time::Duration;

use crewline_client::Client;
use crewline_client::api::{ChatApi, ErrorCode, EventKind, NewChat, NewMessage};

use crate::fake::{Fake, SENT, message, problem};

fn client(fake: &Fake) -> Client {
    let client = Client::builder(&fake.url, "crewline_x");
    client.patience(Duration::from_mins(1)).build().unwrap()
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_sent_again_with_the_same_key() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let serve = async {
        // Twice the request arrives and nothing comes back.
        let first = fake.request().await;
        let key = first.header("idempotency-key").unwrap().to_owned();
        assert_eq!(first.header("authorization"), Some("Bearer crewline_x"));
        let body = first.body.clone();
        drop(first);
        for _ in 0..2 {
            let mut next = fake.request().await;
            assert_eq!(next.header("idempotency-key"), Some(key.as_str()));
            assert_eq!(next.body, body);
            next.answer(
                "503 Service Unavailable",
                "",
                &problem(ErrorCode::Busy, "Full."),
            )
            .await;
        }
        let last = fake.answer("200 OK", "", SENT).await;
        assert_eq!(last.header("idempotency-key"), Some(key.as_str()));
    };
    let (sent, ()) = tokio::join!(client.send(message()), serve);
    let sent = sent.unwrap();
    assert!(sent.again);
    assert_eq!(sent.message.recipients[0].user_id.as_str(), "alice");
}

#[tokio::test]
async fn a_key_of_the_caller_is_kept() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let message = NewMessage::builder("scada", "SCADA", "Hello").to("alice");
    let message = message.idempotency_key("ticket-17").build().unwrap();
    let (sent, request) = tokio::join!(
        ChatApi::send_message(&client, message),
        fake.answer("201 Created", "", SENT)
    );
    sent.unwrap();
    assert_eq!(request.header("idempotency-key"), Some("ticket-17"));
}

#[tokio::test]
async fn a_cursor_is_confirmed_when_the_server_has_said_so() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let (participant, cursor) = ("a/b".parse().unwrap(), "desk.messages".parse().unwrap());
    let kinds = [EventKind::MessageReceived];
    let serve = async {
        let busy = problem(ErrorCode::Busy, "Full.");
        fake.answer("503 Service Unavailable", "", &busy).await;
        fake.answer("200 OK", "", r#"{"seq":9}"#).await
    };
    let (confirmed, request) = tokio::join!(
        client.confirm(&participant, &cursor, 7, Some(&kinds)),
        serve
    );
    assert_eq!(confirmed.unwrap().seq, 9, "it never goes back");
    let line = "PUT /api/v1/participants/a%2Fb/cursors/desk%2Emessages HTTP/1.1";
    assert!(request.head.starts_with(line), "{}", request.head);
    let wanted = r#"{"seq":7,"types":["message.received"],"rewind":false}"#;
    assert_eq!(request.body, wanted);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_fields_and_not_tried_again() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let problem = r#"{"type":"urn:x","title":"t","status":422,"code":"unknown_recipient","detail":"Nobody knows alice.",
        "requestId":"r9","errors":[{"field":"toUsers[0].toUserId","code":"unknown_recipient","detail":"is not known"}]}"#;
    let (sent, _) = tokio::join!(
        client.send(message()),
        fake.answer("422 Unprocessable Entity", "", problem)
    );
    let error = sent.unwrap_err();
    assert_eq!(error.code, ErrorCode::UnknownRecipient);
    assert_eq!(error.fields[0].field, "toUsers[0].toUserId");
    assert_eq!(error.request_id.as_deref(), Some("r9"));
    // What can be seen without the server does not go there.
    let mut wrong = message();
    wrong.message.clear();
    assert_eq!(
        client.send(wrong).await.unwrap_err().code,
        ErrorCode::Invalid
    );
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_told_where_patience_is_too_short() {
    let fake = Fake::http().await;
    let client = client(&fake).with_patience(Duration::ZERO);
    let chat = NewChat {
        from_ext_user_id: None,
        to_user_ids: vec!["alice".parse().unwrap()],
        to_groups: Vec::new(),
    };
    let slower = problem(ErrorCode::TooManyRequests, "Slower.");
    let (made, _) = tokio::join!(
        client.create_chat(chat),
        fake.answer("429 Too Many Requests", "Retry-After: 120\r\n", &slower)
    );
    let error = made.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_mins(2)));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn what_is_no_crewline_server_is_told_at_once() {
    for (status, headers, body, told) in [
        (
            "404 Not Found",
            "",
            "<html>nginx</html>",
            "not as a Crewline server does",
        ),
        (
            "200 OK",
            "",
            "<html>hi</html>",
            "not what a Crewline server says",
        ),
        (
            "200 OK",
            "",
            r#"{"ok":true}"#,
            "not what a Crewline server says",
        ),
        (
            "301 Moved Permanently",
            "Location: https://elsewhere.example/\r\n",
            "",
            "points to https://elsewhere.example/: use that address",
        ),
    ] {
        let fake = Fake::http().await;
        let client = client(&fake);
        let (sent, _) = tokio::join!(client.send(message()), fake.answer(status, headers, body));
        let error = sent.unwrap_err();
        assert_eq!(error.code, ErrorCode::WrongServer, "{status}");
        assert!(error.detail.contains(told), "{error}");
        assert!(error.detail.contains(&fake.url), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_whose_server_is_away_is_asked_again() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let serve = async {
        fake.answer("502 Bad Gateway", "", "<html>nginx</html>")
            .await;
        fake.answer("504 Gateway Timeout", "", "").await;
        fake.answer("201 Created", "", SENT).await
    };
    let (sent, _) = tokio::join!(client.send(message()), serve);
    assert!(!sent.unwrap().again);
}

#[tokio::test]
async fn a_dropped_call_ends_its_request() {
    let fake = Fake::http().await;
    let client = client(&fake);
    let sending = tokio::spawn(async move { client.send(message()).await });
    let mut request = fake.request().await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    // The connection is closed: nobody waits for the answer.
    assert_eq!(request.rest().await, 0);
}

#[test]
fn what_cannot_be_an_address_or_a_token_is_refused_before_anything_is_called() {
    for (url, token, field) in [
        ("localhost:8080", "t", "url"),
        ("http://", "t", "url"),
        ("ftp://x", "t", "url"),
        ("http://ho st", "t", "url"),
        ("http://127.0.0.1:8080", "", "token"),
        ("http://127.0.0.1:8080", "a\nb", "token"),
        ("http://127.0.0.1:8080", "ä", "token"),
    ] {
        let error = Client::builder(url, token).build().unwrap_err();
        assert_eq!(
            (error.code, error.fields[0].field.as_str()),
            (ErrorCode::Invalid, field),
            "{url}"
        );
    }
    let debug = format!(
        "{:?}",
        Client::builder("http://127.0.0.1", "secret").build()
    );
    assert!(!debug.contains("secret"), "{debug}");
}
