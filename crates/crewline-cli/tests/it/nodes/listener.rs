//! Those who follow a log, by a stream or by long polls: they go on where they were, at another node when theirs is away.

use std::time::Duration;

use crewline_testkit::Random;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::load::{Client, answer};

/// A stream says something each second; one that is silent for longer is at a node that is away.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// After so many events at most, a stream is opened anew at the next node.
const STAY_MAX: usize = 60;

/// Who follows which log.
pub(crate) struct Listener {
    /// Whose log, and which of those who follow it.
    pub(crate) name: String,
    who: String,
    /// The last seq that was told.
    last: u64,
    /// Told of messages.
    unread: Option<mpsc::Sender<String>>,
    random: Random,
}

impl Listener {
    pub(crate) fn new(
        who: &str,
        no: usize,
        unread: Option<mpsc::Sender<String>>,
        seed: u64,
    ) -> Self {
        Self {
            name: format!("{who} {no}"),
            who: who.to_owned(),
            last: 0,
            unread,
            random: Random::new(seed),
        }
    }

    /// Takes an event; the ledger sees to it that it is the next one.
    fn hear(&mut self, client: &Client, event: Value) {
        self.last = event["seq"].as_u64().unwrap();
        let id = event["data"]["messageId"].as_str().map(str::to_owned);
        if let (Some(unread), Some(id), true) =
            (&self.unread, id, event["type"] == "message.received")
        {
            // Who has much to read leaves some.
            let _ = unread.try_send(id);
        }
        client.ledger.hear(&self.name, event);
    }
}

/// Follows by server-sent events.
pub(crate) async fn stream(client: Client, mut listener: Listener) {
    loop {
        let left = 1 + listener.random.below(STAY_MAX);
        follow(&client, &mut listener, left).await;
        client.ledger.note(|memory| memory.resumed += 1);
        client.move_on();
    }
}

/// Follows one stream until it ends, is silent, or has told enough.
async fn follow(client: &Client, listener: &mut Listener, mut left: usize) {
    let path = format!("/api/v1/participants/{}/events", listener.who);
    let request = client
        .get(&path, client.tokens.of(&listener.who))
        .header("Accept", "text/event-stream")
        .header("Last-Event-ID", listener.last);
    let Ok(Ok(mut response)) = timeout(SILENCE_MAX, request.send()).await else {
        return;
    };
    let status = response.status().as_u16();
    if status != 200 {
        let text = response.text().await.unwrap_or_default();
        assert_eq!(status, 503, "{}: {text}", listener.name);
        return;
    }
    let mut read = Vec::new();
    while let Ok(Ok(Some(bytes))) = timeout(SILENCE_MAX, response.chunk()).await {
        read.extend_from_slice(&bytes);
        while let Some(end) = read.windows(2).position(|two| two == b"\n\n") {
            let piece: Vec<u8> = read.drain(..end + 2).collect();
            let piece = String::from_utf8(piece).unwrap();
            let data = piece.lines().find_map(|line| line.strip_prefix("data: "));
            let Some(data) = data else { continue };
            listener.hear(client, serde_json::from_str(data).unwrap());
            left = left.saturating_sub(1);
        }
        if left == 0 {
            return;
        }
    }
}

/// Follows by long polls, each at another node.
pub(crate) async fn poll(client: Client, mut listener: Listener) {
    loop {
        let (who, last) = (&listener.who, listener.last);
        let path = format!("/api/v1/participants/{who}/events?after={last}&wait=2");
        let request = client.get(&path, client.tokens.of(who));
        if let Some((status, page)) = answer(request).await {
            assert!(matches!(status, 200 | 503), "{}: {page}", listener.name);
            for event in page["events"].as_array().into_iter().flatten() {
                listener.hear(&client, event.clone());
            }
        }
        client.ledger.note(|memory| memory.resumed += 1);
        client.move_on();
        tokio::task::yield_now().await;
    }
}
