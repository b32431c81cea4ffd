//! `kill -9` under load: whatever was answered is there, once, whole and in order; whatever was interrupted can be said
//! again and happens once.
//!
//! 128 clients send, reply and say receipts over HTTP, each one act at a time; the server is killed in the middle and
//! started again, on one store, round after round. After each kill the store is checked, every interrupted act is said
//! again with the same idempotency key, and all logs are read from the first event and held against what the clients
//! remember. Rounds: 15, or as many as `CREWLINE_KILL_ROUNDS` says; `CREWLINE_KILL_SEED` repeats a run.
//!
//! What counts as failure: an act that was answered and is not in the logs, a gap, an event or payload twice, wrong bytes, a
//! second message for one key, a message nobody sent. What does not: which interrupted acts had been stored.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crewline_testkit::Random;
use tokio::sync::{Semaphore, watch};

use crate::act::{self, Act, Answer, Client};
use crate::ledger::Ledger;
use crate::server::{self, Server};

const CLIENTS: usize = 128;
/// How long after the kill every client knows of it.
const PATIENCE: Duration = Duration::from_secs(10);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_when_the_server_is_killed_under_load() {
    let rounds = setting("CREWLINE_KILL_ROUNDS", 15);
    let seed = setting("CREWLINE_KILL_SEED", u64::from(std::process::id()));
    println!("seed {seed}, {rounds} rounds, {CLIENTS} clients");
    // The client could speak TLS; it must be told with what, though it does not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = server::Store::make();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut random = Random::new(seed);
    for round in 1..=rounds {
        let server = Server::start(&store).await;
        let until = 150 + random.below(700) as u32;
        let (in_flight, interrupted) = load(server, &ledger, &mut random, until).await;
        assert!(in_flight >= 100, "only {in_flight} acts were in flight");

        store.check();
        let server = Server::start(&store).await;
        let (repeated, stored) = repeat(&server, &ledger, interrupted).await;
        let read = verify(&server, &ledger).await;
        let totals = ledger.lock().unwrap().totals();
        println!(
            "round {round}: killed after {until} answers with {in_flight} acts in flight, {repeated} interrupted and said again ({stored} had been \
             stored); {totals}; {read} events read"
        );
        server.kill().await;
    }
    store.check();
}

/// Loads the server until it is killed; returns how many acts were under way then, and those that got no answer.
async fn load(
    server: Server,
    ledger: &Arc<Mutex<Ledger>>,
    random: &mut Random,
    until: u32,
) -> (usize, Vec<Act>) {
    let under_way = Arc::new(AtomicUsize::new(0));
    let answered = Arc::new(Semaphore::new(0));
    let (is_killed, killed) = watch::channel(false);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, ledger) = (server.client(), Arc::clone(ledger));
            let (under_way, answered) = (Arc::clone(&under_way), Arc::clone(&answered));
            let mut random = Random::new(random.bits());
            let killed = killed.clone();
            tokio::spawn(async move {
                loop {
                    let act = ledger.lock().unwrap().draw(&mut random);
                    under_way.fetch_add(1, Ordering::SeqCst);
                    let answer = answer(&client, &act, killed.clone()).await;
                    match answer {
                        Some(answer) => ledger.lock().unwrap().learn(&act, &answer),
                        // It stays under way: nobody knows what became of it.
                        None => return act,
                    }
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    answered.add_permits(1);
                }
            })
        })
        .collect();
    // In the middle of the work, wherever that is: as soon as so many acts were answered.
    let _ = answered.acquire_many(until).await.unwrap();
    let in_flight = under_way.load(Ordering::SeqCst);
    server.kill().await;
    is_killed.send_replace(true);
    let mut interrupted = Vec::new();
    for client in clients {
        interrupted.push(client.await.unwrap());
    }
    (in_flight, interrupted)
}

/// What an act is answered, if it is. A client learns from its connection that the server is gone; one that does not is at fault
/// itself, and is told of with what it did, instead of keeping the test waiting.
async fn answer(client: &Client, act: &Act, mut killed: watch::Receiver<bool>) -> Option<Answer> {
    let performing = client.perform(act);
    tokio::pin!(performing);
    tokio::select! {
        answer = &mut performing => return answer,
        _ = killed.wait_for(|killed| *killed) => {}
    }
    let Ok(answer) = tokio::time::timeout(PATIENCE, performing).await else {
        panic!("{PATIENCE:?} after the kill a client still waits: {act:?}");
    };
    answer
}

/// Says every interrupted act again (returns how many, and how many of them had been stored), and everything that was sent with a key before: the same key, the same message.
async fn repeat(
    server: &Server,
    ledger: &Arc<Mutex<Ledger>>,
    interrupted: Vec<Act>,
) -> (usize, usize) {
    let client = server.client();
    let mut stored = 0;
    for act in &interrupted {
        let answer = client.perform(act).await.expect("the server is there");
        stored += usize::from(answer.was_stored_before());
        ledger.lock().unwrap().learn(act, &answer);
    }
    let sample = ledger.lock().unwrap().answered_sends(200);
    for (act, message) in sample {
        let answer = client.perform(&act).await.expect("the server is there");
        assert_eq!(
            answer.status, 200,
            "a message that was answered is stored: {act:?}"
        );
        assert_eq!(
            answer.message_id(),
            Some(message),
            "the same key, the same message"
        );
    }
    (interrupted.len(), stored)
}

async fn verify(server: &Server, ledger: &Arc<Mutex<Ledger>>) -> usize {
    let client: Client = server.client();
    let mut logs = Vec::new();
    for who in act::everyone() {
        logs.push((who.clone(), client.log(&who).await));
    }
    ledger.lock().unwrap().hold_against(&logs)
}
