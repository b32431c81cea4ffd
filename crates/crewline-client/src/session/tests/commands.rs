//! Commands: answered, repeated, refused, dropped.

use std::time::Duration;

use crewline_api::limits::PAYLOAD_BYTES_MAX;
use crewline_api::{
    ApiError, ErrorCode, NewChat, NewMessage, NewMessageUser, Problem, ReceiptSaid, ReceiptState,
};
use serde_json::{Value, json};

use super::{Rig, id, message, sent};
use crate::session::pending::COMMANDS_MAX;

#[tokio::test(start_paused = true)]
async fn answers_are_told_apart_by_their_numbers() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let chat = "c100000000".parse().unwrap();
    let receipt = ReceiptSaid::Message {
        message_id: "m100000000".to_owned(),
        state: ReceiptState::Read,
        at: None,
    };
    let new_chat = NewChat {
        from_ext_user_id: Some(id("scada")),
        to_user_ids: vec![id("alice")],
        to_groups: Vec::new(),
    };
    let key = Some("k1".parse().unwrap());
    let acts = async {
        tokio::join!(
            handle.send(message("Hello")),
            handle.reply(chat, "On my way", key),
            handle.receipts(vec![receipt]),
            handle.create_chat(new_chat),
        )
    };
    let serve = async {
        let mut asked = Vec::new();
        for _ in 0..4 {
            asked.push(server.read().await["do"].take());
        }
        assert_eq!(asked[1]["reply"]["idempotencyKey"], "k1");
        assert_eq!(asked[1]["reply"]["chatId"], "c100000000");
        for asked in asked.iter().rev() {
            let ok = match asked {
                asked if asked.get("receipts").is_some() => {
                    json!({ "results": [{ "messageId": "m100000000", "outcome": "new" }] })
                }
                asked if asked.get("createChat").is_some() => {
                    json!({ "chatId": "c100000000", "userIds": ["alice", "scada"] })
                }
                _ => sent(),
            };
            // An answer to a command that nobody gave disturbs nobody.
            server.say(json!({ "done": { "id": 77, "ok": {} } })).await;
            server
                .say(json!({ "done": { "id": asked["id"], "ok": ok } }))
                .await;
        }
    };
    let ((sent, replied, receipts, chat), ()) = tokio::join!(acts, serve);
    assert_eq!(sent.unwrap(), replied.unwrap());
    assert_eq!(receipts.unwrap().results.len(), 1);
    assert_eq!(chat.unwrap().user_ids.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn commands_without_an_answer_are_repeated_as_they_were() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let (first, second) = (session.handle(), session.handle());
    let one = tokio::spawn(async move { first.send(message("One")).await });
    let asked_one = server.read().await;
    let two = tokio::spawn(async move { second.send(message("Two")).await });
    let asked_two = server.read().await;
    let key = asked_one["do"]["send"]["idempotencyKey"].as_str().unwrap();
    assert!(key.len() > 30, "a key by chance: {key}");
    assert_ne!(asked_two["do"]["send"]["idempotencyKey"], key);
    server.sent(&asked_one["do"]["id"]).await;
    one.await.unwrap().unwrap();
    // The answer to the second is lost, twice.
    drop(server);
    for _ in 0..2 {
        let (_, mut server) = rig.welcome().await;
        assert_eq!(server.read().await, asked_two);
    }
    let (_, mut server) = rig.welcome().await;
    assert_eq!(server.read().await, asked_two);
    server.sent(&asked_two["do"]["id"]).await;
    two.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_tried_again_with_the_same_key_and_what_is_wrong_is_not() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let sending = tokio::spawn(async move { handle.send(message("Hello")).await });
    let mut asked = server.read().await["do"].take();
    let key = asked["send"]["idempotencyKey"].clone();
    for code in [
        ErrorCode::Busy,
        ErrorCode::TooManyRequests,
        ErrorCode::UnknownRecipient,
    ] {
        assert_eq!(asked["send"]["idempotencyKey"], key);
        let problem = Problem::new(&ApiError::new(code, "No."), "r1");
        server
            .say(json!({ "done": { "id": asked["id"], "error": problem } }))
            .await;
        if code.retryable() {
            asked = server.read().await["do"].take();
        }
    }
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::UnknownRecipient);
    assert_eq!(error.request_id.as_deref(), Some("r1"));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_answers_ends_with_the_patience() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    rig.dialled.close();
    let error = session.handle().send(message("Hello")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    assert_eq!(rig.begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_dropped_is_not_repeated() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let dropped = tokio::spawn(async move { handle.send(message("Dropped")).await });
    server.read().await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    drop(server);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let kept = tokio::spawn(async move { handle.send(message("Kept")).await });
    let asked = server.read().await;
    assert_eq!(asked["do"]["send"]["message"], "Kept");
    server.sent(&asked["do"]["id"]).await;
    kept.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_commands_than_may_be_under_way_wait_their_turn() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let count = 3 * COMMANDS_MAX;
    for number in 0..count {
        let handle = session.handle();
        tokio::spawn(async move { handle.send(message(&number.to_string())).await.unwrap() });
    }
    let mut waiting: Vec<Value> = Vec::new();
    for _ in 0..COMMANDS_MAX {
        waiting.push(server.read().await["do"]["id"].take());
    }
    // No other comes before one is answered.
    let next = tokio::time::timeout(Duration::from_secs(1), server.read()).await;
    assert!(next.is_err(), "{next:?}");
    for done in 0..count {
        let id = waiting.pop().unwrap();
        server.sent(&id).await;
        if done + COMMANDS_MAX < count {
            waiting.push(server.read().await["do"]["id"].take());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_would_end_the_session_is_refused_here() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, _server) = rig.welcome().await;
    let payload = vec![7u8; PAYLOAD_BYTES_MAX];
    let users =
        (0..40).map(|number| NewMessageUser::new(format!("u{number}")).on_read_payload(&payload));
    let large = NewMessage::builder("scada", "SCADA", "Hello").to_all(users);
    let error = session.handle().send(large.build().unwrap()).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::TooLarge);
}
