//! Server-sent events.

use std::time::Duration;

use crewline_http::Settings;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::rig::{PATIENCE, Rig, refusal};

/// A stream that is read block by block: what stands between two empty lines.
pub(crate) struct Stream {
    response: Response<Incoming>,
    buffer: Vec<u8>,
}

impl Stream {
    async fn open(rig: &Rig, token: &str, query: &str, last_event_id: Option<&str>) -> Self {
        Self::of(rig, token, &format!("me/events{query}"), last_event_id).await
    }

    /// A stream of another log than the own one, by the end of its path.
    pub(crate) async fn of(rig: &Rig, token: &str, path: &str, last: Option<&str>) -> Self {
        let path = format!("/api/v1/participants/{path}");
        let mut call = rig.get(token, &path).header("accept", "text/event-stream");
        if let Some(last) = last {
            call = call.header("last-event-id", last);
        }
        let response = call.open().await;
        assert_eq!(response.status(), 200);
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next block; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            let end = self.buffer.windows(2).position(|two| two == b"\n\n");
            if let Some(end) = end {
                let block = self.buffer.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(block).unwrap());
            }
            let frame = timeout(PATIENCE, self.response.body_mut().frame()).await;
            let data = frame
                .expect("the stream goes on")?
                .unwrap()
                .into_data()
                .unwrap();
            self.buffer.extend_from_slice(&data);
        }
    }

    /// The next event, without comments and ids by themselves.
    pub(crate) async fn event(&mut self) -> (u64, Value) {
        loop {
            let block = self.block().await.expect("the stream has not ended");
            if let Some((id, data)) = block.split_once("\ndata: ") {
                assert!(!data.contains('\n'), "an event is one line");
                let event: Value = serde_json::from_str(data).unwrap();
                let id = id.strip_prefix("id: ").unwrap().parse().unwrap();
                assert_eq!(event["seq"], id);
                return (id, event);
            }
        }
    }

    pub(crate) async fn end(&mut self) {
        while self.block().await.is_some() {}
        assert!(self.buffer.is_empty(), "nothing is cut off");
    }
}

#[tokio::test]
async fn a_stream_tells_what_was_and_what_comes() {
    let rig = Rig::start().await;
    rig.send(&["alice"], "one").await;
    let mut stream = Stream::open(&rig, "alice-token", "", None).await;
    let headers = stream.response.headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["crewline-epoch"], "epoch-1");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert_eq!(stream.event().await.1["data"]["message"], "one");
    rig.send(&["alice"], "two\n\nlines").await;
    let (id, event) = stream.event().await;
    assert_eq!((id, &event["data"]["message"]), (2, &json!("two\n\nlines")));
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_resumes_from_the_last_event_then_from_after_then_from_a_cursor() {
    let rig = Rig::start().await;
    for text in ["one", "two", "three", "four"] {
        rig.send(&["alice"], text).await;
    }
    rig.put(
        "alice-token",
        "/api/v1/participants/me/cursors/c",
        &json!({"seq": 1}),
    )
    .send()
    .await;
    let first = |query: &'static str, last: Option<&'static str>| {
        let rig = &rig;
        async move {
            Stream::open(rig, "alice-token", query, last)
                .await
                .event()
                .await
                .0
        }
    };
    assert_eq!(first("", Some("3")).await, 4);
    assert_eq!(first("?after=2", Some("3")).await, 4);
    assert_eq!(first("?cursor=c", Some("3")).await, 4);
    assert_eq!(first("?after=2", None).await, 3);
    assert_eq!(first("?cursor=c", None).await, 2);
    assert_eq!(first("", None).await, 1);
    rig.stop().await;
}

#[tokio::test]
async fn ids_pass_what_types_leave_out() {
    let settings = Settings {
        heartbeat: Duration::from_millis(20),
        ..Settings::default()
    };
    let rig = Rig::with(settings).await;
    rig.send(&["alice"], "one").await;
    let mut stream = Stream::open(&rig, "alice-token", "?types=message.read", None).await;
    assert_eq!(stream.block().await.unwrap(), "id: 1");
    rig.send(&["alice"], "two").await;
    // The next heartbeat says how far the log was passed.
    loop {
        match stream.block().await.unwrap().as_str() {
            ":" => {}
            other => break assert_eq!(other, "id: 2"),
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_idle_stream_is_opened_and_kept_alive_by_comments() {
    let settings = Settings {
        heartbeat: Duration::from_millis(5),
        ..Settings::default()
    };
    let rig = Rig::with(settings).await;
    let mut stream = Stream::open(&rig, "alice-token", "", None).await;
    for _ in 0..5 {
        assert_eq!(stream.block().await.unwrap(), ":");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked_and_others_go_on() {
    let rig = Rig::start().await;
    let mut gone = Stream::open(&rig, "alice-token", "", None).await;
    let mut stays = Stream::open(&rig, "bob-token", "", None).await;
    rig.revoke("alice-token").await;
    gone.end().await;
    rig.send(&["bob"], "Hello").await;
    assert_eq!(stays.event().await.0, 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_user_is_disabled() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "alice-token", "", None).await;
    let disable = |directory: &mut dyn crewline_core::Directory, now| {
        directory.change_user(
            &crate::rig::id("alice"),
            &crewline_core::UserChange::Disable,
            now,
        )
    };
    rig.engine.directory(disable).await.unwrap().unwrap();
    stream.end().await;
    let refused = rig.get("alice-token", "/api/v1/me").send().await;
    assert!(refusal(&refused).starts_with("401 unauthenticated"));
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let mut rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "alice-token", "", None).await;
    rig.tell_to_stop();
    stream.end().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_that_cannot_begin_is_refused_like_a_page() {
    let rig = Rig::start().await;
    let open = |query: &str, last: &'static str| {
        let path = format!("/api/v1/participants/alice/events{query}");
        let call = rig
            .get("alice-token", &path)
            .header("accept", "text/event-stream")
            .header("last-event-id", last);
        async move { refusal(&call.send().await) }
    };
    assert!(open("", "1").await.starts_with("409 ahead_of_log"));
    assert!(open("?epoch=x", "0").await.starts_with("409 epoch_changed"));
    assert!(open("", "x").await.contains("Last-Event-ID [malformed]"));
    assert!(
        open("?after=0&cursor=c", "0")
            .await
            .contains("cursor [conflict]")
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_thousand_events_come_whole_and_in_order() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "alice-token", "", None).await;
    let senders = (0..4).map(|_| async {
        for _ in 0..250 {
            rig.send(&["alice"], "Hello").await;
        }
    });
    let reading = async {
        for seq in 1..=1000 {
            assert_eq!(stream.event().await.0, seq);
        }
    };
    tokio::join!(futures_util::future::join_all(senders), reading);
    rig.stop().await;
}

#[tokio::test]
async fn a_reader_that_is_slow_holds_up_nobody_and_loses_nothing() {
    let rig = Rig::start().await;
    // Not read until all is sent; more than what sockets hold.
    let mut slow = Stream::open(&rig, "alice-token", "", None).await;
    let text = "\u{4e2d}".repeat(4000);
    for _ in 0..600 {
        rig.send(&["alice"], &text).await;
    }
    for seq in 1..=600 {
        assert_eq!(slow.event().await.0, seq);
    }
    rig.stop().await;
}
