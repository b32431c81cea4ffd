//! Clients that behave badly, on the real server: nobody else feels it, and memory stays bounded.
//!
//! A good pair exchanges messages and receipts all the while; how long its round trips take is printed for each kind of
//! bad client beside how long they take alone, and is nowhere asserted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, Store};
use crate::wire::{PATIENCE, Wire};

/// How much the server may grow by all that is done to it here. Each bad client alone could send more than that.
const GROWTH_MIB_MAX: u64 = 256;

/// A good pair at work: `scada:1` sends to bob, whose device acks.
pub(crate) struct Pair {
    stop: Arc<AtomicBool>,
    done: watch::Receiver<usize>,
    work: JoinHandle<Vec<Duration>>,
}

impl Pair {
    pub(crate) async fn start(server: &Server) -> Self {
        let head = server.client().head("scada", "scada:1").await;
        let hello = json!({"participant": "scada:1", "after": head});
        let mut sender = Wire::open(server.address(), server.token("scada"), hello).await;
        let head = server.client().head("bob", "bob").await;
        let hello = json!({"after": head});
        let mut bob = Wire::open(server.address(), server.token("bob"), hello).await;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (count, done) = watch::channel(0);
        let work = tokio::spawn(async move {
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let begun = Instant::now();
                round(&mut sender, &mut bob).await;
                times.push(begun.elapsed());
                count.send_replace(times.len());
            }
            times
        });
        Self { stop, done, work }
    }

    /// Waits for so many round trips.
    pub(crate) async fn rounds(&self, count: usize) {
        let mut done = self.done.clone();
        done.wait_for(|done| *done >= count).await.unwrap();
    }

    /// How many it has made by now.
    pub(crate) fn made(&self) -> usize {
        *self.done.borrow()
    }

    /// What its round trips took.
    pub(crate) async fn end(self, what: &str) {
        self.rounds(1).await;
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.work.await.unwrap();
        times.sort_unstable();
        let ms = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
        println!(
            "{what}: {} round trips of the good pair, p50 {:.1} ms, p99 {:.1} ms",
            times.len(),
            ms(50),
            ms(99)
        );
    }
}

async fn round(sender: &mut Wire, receiver: &mut Wire) {
    let send = json!({
        "fromExtUserId": "scada:1", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": "bob"}], "message": "x"
    });
    sender.say(&json!({"do": {"id": 1, "send": send}})).await;
    let frame = receiver.hear().await;
    let seq = &frame["events"].as_array().unwrap().last().unwrap()["seq"];
    receiver.say(&json!({ "ack": seq })).await;
    let mut told = (false, false);
    while told != (true, true) {
        let frame = sender.hear().await;
        told.0 |= frame["done"]["ok"].is_object();
        told.1 |= frame["events"].is_array();
    }
}

/// Does something bad while the good pair works, and waits for its end.
async fn beside<F: Future<Output = ()>>(server: &Server, what: &str, bad: F) {
    let pair = Pair::start(server).await;
    bad.await;
    pair.end(what).await;
}

/// Opens so many sessions of alice.
pub(crate) async fn many(server: &Server, count: usize, hello: Value) -> Vec<Wire> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let (address, token) = (
            server.address().to_owned(),
            server.token("alice").to_owned(),
        );
        let hello = hello.clone();
        opening.spawn(async move { Wire::open(&address, &token, hello).await });
    }
    opening.join_all().await
}

async fn all_closed(wires: Vec<Wire>) -> BTreeMap<u16, usize> {
    let mut closing = JoinSet::new();
    for mut wire in wires {
        closing.spawn(async move { wire.closed().await });
    }
    let mut codes = BTreeMap::new();
    while let Some(code) = closing.join_next().await {
        *codes.entry(code.unwrap()).or_default() += 1;
    }
    codes
}

/// Waits until the server says of itself that it has closed so many sessions with a code.
async fn wait_for_closes(server: &Server, code: &str, count: u64) {
    let line = format!("crewline_sessions_closed_total{{code=\"{code}\"}} ");
    let begun = Instant::now();
    loop {
        let metrics = server.client().text("/metrics").await;
        let closed = metrics.lines().find_map(|text| text.strip_prefix(&line));
        if closed.is_some_and(|closed| closed.parse::<u64>().unwrap() >= count) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "not {count} closed with {code}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_clients_harm_nobody_else_and_memory_stays_bounded() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::make();
    let server = Server::start(&store).await;
    let alone = Pair::start(&server).await;
    alone.rounds(500).await;
    alone.end("alone").await;
    let before = server.resident_mib();

    beside(&server, "10 that stop reading", stop_reading(&server)).await;
    beside(&server, "200 with half a frame", half_a_frame(&server)).await;
    beside(&server, "20 that flood", flood(&server)).await;
    beside(&server, "200 that send binary", binary(&server)).await;
    beside(&server, "100 that send deep JSON", deep(&server)).await;
    beside(&server, "1,000 that come back at once", come_back(&server)).await;

    let after = server.resident_mib();
    println!("resident: {before} MiB before, {after} MiB after");
    assert!(
        after < before + GROWTH_MIB_MAX,
        "{before} MiB, then {after} MiB"
    );
    server.kill().await;
    store.check();
}

/// They are told more than they take, and take nothing. All of it is still there when they come back.
async fn stop_reading(server: &Server) {
    let mut stuck = Vec::new();
    for _ in 0..10 {
        let mut wire = Wire::connect(server.address(), server.token("alice"), Some(4096)).await;
        wire.say(&json!({"hello": {}})).await;
        stuck.push(wire);
    }
    let text = "x".repeat(4_000);
    let hello = json!({"participant": "scada:2"});
    let mut sender = Wire::open(server.address(), server.token("scada"), hello).await;
    let mut sent = 0;
    for id in 0..500 {
        let send = json!({
            "fromExtUserId": "scada:2", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": "alice"}], "message": text
        });
        sender.say(&json!({"do": {"id": id, "send": send}})).await;
    }
    while sent < 500 {
        let frame = sender.hear().await;
        assert!(frame["done"]["ok"].is_object(), "{frame}");
        sent += 1;
    }
    wait_for_closes(server, "4001", 10).await;
    drop(stuck);
    let mut back = Wire::open(server.address(), server.token("alice"), json!({})).await;
    let mut received = 0;
    while received < 500 {
        received += back.hear().await["events"].as_array().unwrap().len();
    }
    assert_eq!(received, 500);
}

/// A frame is announced with 2 MiB, and ends in the middle. The sessions stand, cost little, and end with their clients.
async fn half_a_frame(server: &Server) {
    let mut half = many(server, 200, json!({"after": 500})).await;
    for wire in &mut half {
        // A masked text frame of 2,097,152 bytes, and ten of them.
        wire.raw(&[0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0])
            .await;
        wire.raw(b"{\"do\":{\"id").await;
    }
    let mut one = half.pop().unwrap();
    // It is told what comes all the same.
    let send = json!({
        "fromExtUserId": "scada:2", "fromExtUserName": "SCADA", "toUsers": [{"toUserId": "alice"}], "message": "x"
    });
    let (status, _) = server
        .client()
        .post_with_key("scada", "/api/v1/messages", "half", &send)
        .await;
    assert_eq!(status, 201);
    assert!(one.hear().await["events"].is_array());
}

/// As many commands as the connection takes, without a look at an answer.
async fn flood(server: &Server) {
    let mut floods = JoinSet::new();
    for no in 0..20 {
        let (address, token) = (
            server.address().to_owned(),
            server.token("carol").to_owned(),
        );
        floods.spawn(async move {
            let mut wire = Wire::open(&address, &token, json!({})).await;
            let command =
                json!({"do": {"id": no, "receipts": [{"messageId": "nonsense", "state": "read"}]}});
            let command = command.to_string();
            let flooding = async {
                for _ in 0..20_000 {
                    if wire
                        .socket
                        .feed(Message::text(command.as_str()))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                let _ = wire.socket.flush().await;
            };
            // Who does not read is not read from: the flood stops by itself.
            let _ = tokio::time::timeout(Duration::from_secs(3), flooding).await;
        });
    }
    floods.join_all().await;
}

async fn binary(server: &Server) {
    let mut wires = many(server, 200, json!({"after": 500})).await;
    for wire in &mut wires {
        wire.socket
            .send(Message::binary(vec![0; 100]))
            .await
            .unwrap();
    }
    assert_eq!(all_closed(wires).await, BTreeMap::from([(4110, 200)]));
}

async fn deep(server: &Server) {
    let mut wires = many(server, 100, json!({"after": 500})).await;
    let deep = format!("{{\"do\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    for wire in &mut wires {
        wire.socket
            .send(Message::text(deep.as_str()))
            .await
            .unwrap();
    }
    assert_eq!(all_closed(wires).await, BTreeMap::from([(4110, 100)]));
}

/// All are served within seconds, with what they missed.
async fn come_back(server: &Server) {
    let begun = Instant::now();
    let mut wires = many(server, 1_000, json!({"after": 490})).await;
    for wire in &mut wires {
        assert!(wire.hear().await["events"].as_array().unwrap().len() > 5);
    }
    let took = begun.elapsed().as_secs_f64();
    println!("1,000 came back and were told what they missed within {took:.1} s");
}
