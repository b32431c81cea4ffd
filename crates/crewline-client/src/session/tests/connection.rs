//! Connections: lost, refused, half open, made again.

use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, Problem, close};
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{ANSWER, HEARTBEAT_S, Rig, id, message, next};

#[tokio::test(start_paused = true)]
async fn the_hello_says_whose_log_and_from_where() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| {
        let builder = builder.participant(id("scada:7")).after(3).epoch("e1");
        let kinds = [crewline_api::EventKind::MessageRead];
        builder.cursor("desk".parse().unwrap()).types(kinds)
    });
    let (hello, _server) = rig.welcome().await;
    let expected = json!({ "participant": "scada:7", "after": 3, "epoch": "e1", "cursor": "desk", "types": ["message.read"] });
    assert_eq!(hello, expected);
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_is_left_alone_for_as_long_as_it_asks() {
    let mut rig = Rig::new();
    let _session = rig.start(|builder| builder);
    let (_, server) = rig.welcome().await;
    let reason = close::reason_with_delay(40_000, "The server stops.");
    server.close(close::STOPPING, &reason).await;
    let (at, _server) = rig.dialled().await;
    assert!(at >= Duration::from_secs(40), "{at:?}");
    assert!(at < Duration::from_secs(42), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn codes_from_4100_on_end_the_session_and_its_commands() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let sending = tokio::spawn(async move { handle.send(message("Hello")).await });
    server.read().await;
    server.close(close::REVOKED, "The token was revoked.").await;
    let error = session.next().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthenticated);
    assert!(error.detail.contains("The token was revoked."), "{error}");
    assert_eq!(sending.await.unwrap().unwrap_err(), error);
    // Whoever asks later learns the same, at once.
    let begin = Instant::now();
    assert_eq!(session.next().await.unwrap_err(), error);
    assert_eq!(
        session.handle().send(message("Late")).await.unwrap_err(),
        error
    );
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert!(rig.dialled.recv().await.is_none(), "it has come back");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_replaced_is_told_and_not_followed() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    server.events([1, 2]).await;
    assert_eq!(next(&mut session).await, [1, 2]);
    drop(server);
    let (_, mut server) = rig.dialled().await;
    let hello = server.read().await;
    assert_eq!(hello["hello"], json!({ "after": 2, "epoch": "e1" }));
    let error = ApiError::new(ErrorCode::EpochChanged, "The log was replaced.");
    server
        .say(json!({ "error": Problem::new(&error, "r1") }))
        .await;
    let error = session.next().await.unwrap_err();
    assert_eq!(
        (error.code, error.is_retryable()),
        (ErrorCode::EpochChanged, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_is_refused_for_now_is_said_again() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (_, mut server) = rig.dialled().await;
    server.read().await;
    let error = ApiError::new(ErrorCode::StorageUnavailable, "Later.");
    server
        .say(json!({ "error": Problem::new(&error, "r1") }))
        .await;
    let (_, mut server) = rig.welcome().await;
    server.events([1]).await;
    assert_eq!(next(&mut session).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_silently_is_found_after_three_heartbeats() {
    let mut rig = Rig::new();
    let _session = rig.start(|builder| builder);
    // Nothing is read or said on it any more; and it is not closed.
    let (_, _half_open) = rig.welcome().await;
    let (at, _server) = rig.dialled().await;
    let heartbeats = Duration::from_secs(3 * HEARTBEAT_S);
    assert!(
        (heartbeats..heartbeats + Duration::from_secs(1)).contains(&at),
        "{at:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_found_sooner_where_a_command_waits_and_the_command_is_done_on_the_next_one() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, _half_open) = rig.welcome().await;
    let handle = session.handle();
    let sending = tokio::spawn(async move { handle.send(message("Hello")).await });
    let (at, mut server) = rig.dialled().await;
    assert!(
        (ANSWER..ANSWER + Duration::from_secs(1)).contains(&at),
        "{at:?}"
    );
    server.read().await;
    server.welcome().await;
    let asked = server.read().await;
    server.sent(&asked["do"]["id"]).await;
    sending.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_that_answers_pings_is_waited_for() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let sending = tokio::spawn(async move { handle.send(message("Hello")).await });
    let asked = server.read().await;
    let begin = Instant::now();
    // Longer than an answer may take where nothing is heard.
    while begin.elapsed() < ANSWER + Duration::from_secs(5) {
        assert!(matches!(server.message().await, Message::Ping(_)));
    }
    server.sent(&asked["do"]["id"]).await;
    sending.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_both_ways() {
    let mut rig = Rig::new();
    let _session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    for beat in 1..=5 {
        assert!(matches!(server.message().await, Message::Ping(_)));
        assert_eq!(rig.begun.elapsed().as_secs(), beat * HEARTBEAT_S);
    }
    futures_util::SinkExt::send(&mut server.socket, Message::Ping("x".into()))
        .await
        .unwrap();
    assert_eq!(server.message().await, Message::Pong("x".into()));
}

#[tokio::test(start_paused = true)]
async fn a_flapping_server_is_asked_ever_more_rarely() {
    let mut rig = Rig::new();
    let _session = rig.start(|builder| builder);
    let mut dials = 0;
    loop {
        let (at, mut server) = rig.dialled().await;
        if at > Duration::from_mins(10) {
            break;
        }
        dials += 1;
        // It welcomes everyone, and drops everyone.
        server.read().await;
        server.welcome().await;
    }
    // With the longest wait of 15 seconds that is 40 in ten minutes at least, and not more than twice as many.
    assert!((40..=90).contains(&dials), "{dials}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_says_welcome_is_not_waited_for() {
    let mut rig = Rig::new();
    let _session = rig.start(|builder| builder);
    let (_, _silent) = rig.dialled().await;
    let (at, _server) = rig.dialled().await;
    assert!(
        at >= Duration::from_secs(25) && at < Duration::from_secs(26),
        "{at:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_frame_ends_the_session() {
    for said in [
        Message::text("<html>"),
        Message::text(r#"{"events":[{"type":"x"}]}"#),
        Message::binary(vec![1, 2, 3]),
    ] {
        let mut rig = Rig::new();
        let mut session = rig.start(|builder| builder);
        let (_, mut server) = rig.welcome().await;
        futures_util::SinkExt::send(&mut server.socket, said.clone())
            .await
            .unwrap();
        let error = session.next().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::WrongServer, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_gives_up_when_it_was_told_to() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder.give_up_after(Duration::from_mins(2)));
    let (_, mut server) = rig.welcome().await;
    server.events([1]).await;
    assert_eq!(next(&mut session).await, [1]);
    drop(server);
    // From here on every connection is refused.
    rig.dialled.close();
    let begin = Instant::now();
    let error = session.next().await.unwrap_err();
    assert_eq!(
        (error.code, error.is_retryable()),
        (ErrorCode::Unreachable, true)
    );
    let waited = begin.elapsed();
    assert!(
        waited > Duration::from_mins(1) && waited <= Duration::from_mins(2),
        "{waited:?}"
    );
}
