//! Events and what confirms them.

use std::time::Duration;

use crewline_api::ErrorCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{Rig, event, known, message, next};
use crate::session::buffer::BYTES_MAX;

#[tokio::test(start_paused = true)]
async fn a_session_resumes_behind_the_last_event_that_came_and_gives_none_out_twice() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (hello, mut server) = rig.welcome().await;
    assert_eq!(hello, json!({}));
    server.events([1, 2, 3]).await;
    assert_eq!(next(&mut session).await, [1, 2, 3]);
    server.events([4]).await;
    drop(server);
    let (hello, mut server) = rig.welcome().await;
    assert_eq!(hello, json!({ "after": 4, "epoch": "e1" }));
    // A server that goes back further than it was asked to.
    server.events([3, 4, 5]).await;
    server.events([5, 6]).await;
    let mut seqs = next(&mut session).await;
    while seqs.last() != Some(&6) {
        seqs.extend(next(&mut session).await);
    }
    assert_eq!(seqs, [4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn frames_and_kinds_of_tomorrow_are_passed_over() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (_, mut server) = rig.dialled().await;
    server.read().await;
    server.say(json!({ "weather": "fine" })).await;
    server.welcome().await;
    server.say(json!({ "presence": { "alice": true } })).await;
    let tomorrow = json!({ "seq": 1, "type": "of.tomorrow", "data": [1, 2] });
    server
        .say(json!({ "events": [tomorrow, event(2)], "more": false }))
        .await;
    let events = session.next().await.unwrap();
    assert_eq!(events[0].json(), tomorrow.to_string());
    assert_eq!(known(&events), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_confirmed_goes_out_once_and_again_on_the_next_connection() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder.cursor("desk".parse().unwrap()));
    let (_, mut server) = rig.welcome().await;
    server.events([1, 2, 3]).await;
    assert_eq!(next(&mut session).await, [1, 2, 3]);
    let error = session.ack(4).unwrap_err();
    assert_eq!(
        (error.code, error.fields[0].field.as_str()),
        (ErrorCode::Invalid, "ack")
    );
    for seq in [1, 3, 2] {
        session.ack(seq).unwrap();
    }
    // What came together is one.
    assert_eq!(server.read().await, json!({ "ack": 3 }));
    server.events([4]).await;
    assert_eq!(next(&mut session).await, [4]);
    drop(server);
    let (hello, mut server) = rig.welcome().await;
    assert_eq!(
        hello,
        json!({ "after": 4, "cursor": "desk", "epoch": "e1" })
    );
    assert_eq!(server.read().await, json!({ "ack": 3 }));
}

#[tokio::test(start_paused = true)]
async fn asking_for_the_next_confirms_those_before_where_that_is_wanted() {
    let mut rig = Rig::new();
    let mut session = rig.start(super::super::SessionBuilder::confirm_by_asking);
    let (_, mut server) = rig.welcome().await;
    server.events([1, 2]).await;
    assert_eq!(next(&mut session).await, [1, 2]);
    let asked = tokio::time::timeout(Duration::from_secs(1), session.next());
    assert!(asked.await.is_err(), "nothing else has come");
    assert_eq!(server.read().await, json!({ "ack": 2 }));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_session_says_what_was_confirmed_and_closes() {
    for close in [true, false] {
        let mut rig = Rig::new();
        let mut session = rig.start(|builder| builder);
        let (_, mut server) = rig.welcome().await;
        server.events([1, 2]).await;
        assert_eq!(next(&mut session).await, [1, 2]);
        session.ack(2).unwrap();
        let ended = tokio::spawn(async move {
            if close {
                session.close().await;
            }
        });
        assert_eq!(server.read().await, json!({ "ack": 2 }));
        let Message::Close(Some(frame)) = server.message().await else {
            panic!("a close")
        };
        assert_eq!(u16::from(frame.code), 1000);
        assert!(
            futures_util::StreamExt::next(&mut server.socket)
                .await
                .is_none()
        );
        ended.await.unwrap();
        assert!(rig.dialled.recv().await.is_none(), "it has come back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_wait_for_a_server_that_is_not_there() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, _half_open) = rig.welcome().await;
    let begin = tokio::time::Instant::now();
    session.close().await;
    assert!(begin.elapsed() <= Duration::from_secs(5));
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    rig.dialled.close();
    let begin = tokio::time::Instant::now();
    session.close().await;
    assert!(begin.elapsed() <= Duration::from_secs(5));
}

/// Events of a quarter of the room each.
fn large(seqs: std::ops::RangeInclusive<u64>) -> Vec<Value> {
    let text = "x".repeat(BYTES_MAX / 4);
    seqs.map(|seq| json!({ "seq": seq, "type": "of.tomorrow", "data": text }))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn events_that_nobody_takes_stop_at_the_bound_and_none_is_lost() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let mut said = 0;
    for event in large(1..=20) {
        let say = server.say(json!({ "events": [event] }));
        if tokio::time::timeout(Duration::from_secs(1), say)
            .await
            .is_err()
        {
            break;
        }
        said += 1;
    }
    // Four fill the room; another may stand in the pipe.
    assert!((4..=5).contains(&said), "{said}");
    drop(server);
    assert_eq!(next(&mut session).await, [1, 2, 3, 4]);
    let (hello, _server) = rig.welcome().await;
    assert_eq!(hello["after"], 4);
}

#[tokio::test(start_paused = true)]
async fn answers_come_through_where_events_are_not_taken() {
    let mut rig = Rig::new();
    let mut session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    let sending = tokio::spawn(async move { handle.send(message("Hello")).await });
    let asked = server.read().await;
    // A consumer that sends in between does not take events; their answers stand behind more than there is room for.
    for event in large(1..=12) {
        server.say(json!({ "events": [event] })).await;
    }
    server.sent(&asked["do"]["id"]).await;
    sending.await.unwrap().unwrap();
    assert_eq!(next(&mut session).await, [1, 2, 3, 4]);
    // What was left out is asked for again.
    let (hello, mut server) = rig.welcome().await;
    assert_eq!(hello["after"], 4);
    server.events(5..=12).await;
    assert_eq!(next(&mut session).await, [5, 6, 7, 8, 9, 10, 11, 12]);
}

#[tokio::test(start_paused = true)]
async fn handles_go_on_when_nobody_listens_any_more() {
    let mut rig = Rig::new();
    let session = rig.start(|builder| builder);
    let (_, mut server) = rig.welcome().await;
    let handle = session.handle();
    drop(session);
    for event in large(1..=12) {
        server.say(json!({ "events": [event] })).await;
    }
    let sending = tokio::spawn(async move { handle.send(message("Hello")).await });
    let asked = server.read().await;
    server.sent(&asked["do"]["id"]).await;
    sending.await.unwrap().unwrap();
    // The last handle is gone with the call.
    assert!(matches!(server.message().await, Message::Close(_)));
}
