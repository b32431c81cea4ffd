//! Three nodes on a real PostgreSQL and a real NATS, under load, while one thing after the other goes wrong: a node is killed,
//! or paused for longer than its leases; NATS or the database is stopped; the network between a node and the database is cut
//! in the middle of a commit, silent or slow.
//!
//! Clients send over HTTP, listen by streams and long polls, say receipts, and receive a webhook; where a node does not answer
//! they go to the next one, with the same idempotency key or behind the last event that they were told. Rounds: 12, or as many as
//! `CREWLINE_FAULT_ROUNDS` says; `CREWLINE_FAULT_SEED` draws the same faults in the same order.
//!
//! After each round, by what the clients remember: every message that was answered is in the logs of those it is for, once, with
//! its id and text; no log has a gap; each listener was told each event of its log exactly once and in order, and the same as is
//! read there; every node is ready and takes messages. Of webhooks, whose receivers may be posted an event again when a node was
//! killed or paused between the post and the note of it: no event is missing or out of order, what comes again is the same, no
//! cursor went back (the database tells), and another node posts only when the lease changed hands. A node that wakes may finish
//! the one post that it was at, so that each change of the lease explains three changes of who posts: to the new one, to
//! the old one's last post, and back. Retention and the audit's have their leases in the same way, and removing twice cannot be
//! seen from outside: their fences are tested in the stores.

mod cluster;
mod fault;
mod ledger;
mod listener;
mod load;
mod receiver;
mod upgrade;

use std::time::Instant;

use crewline_testkit::Random;
use serde_json::json;

use self::cluster::{Cluster, NODES, http};
use self::fault::Rotation;
use self::ledger::Logs;
use self::load::{DESK, Load, SENDERS, Tokens, USERS, answer, sender};
use self::receiver::{Posted, Receiver};
use crate::support::until;

/// Changes of who posts that one change of the lease explains; see the module.
const TURNS_FOR_EACH_LEASE: i64 = 3;

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// Makes the people, and their credentials.
fn people(cluster: &Cluster) -> Tokens {
    let token = |args: &[&str]| cluster.run(&[&["token", "create"], args].concat());
    for user in USERS {
        cluster.run(&["user", "add", user]);
    }
    Tokens {
        scada: token(&["--external", "scada:*"]),
        desk: token(&["--external", DESK]),
        users: USERS.map(|user| token(&["--user", user])).to_vec(),
    }
}

#[test]
fn nothing_is_lost_or_told_twice_by_three_nodes_while_one_fault_follows_the_other() {
    let rounds = setting("CREWLINE_FAULT_ROUNDS", 12);
    let seed = setting("CREWLINE_FAULT_SEED", u64::from(std::process::id()));
    println!("seed {seed}, {rounds} rounds, {NODES} nodes");
    let Some(mut cluster) = Cluster::prepare() else {
        return;
    };
    let tokens = people(&cluster);
    cluster.start();
    cluster.bus_is_there();
    let receiver = Receiver::start(&cluster);
    let (mut random, mut rotation) = (Random::new(seed), Rotation::new());
    let mut load = Load::start(&cluster.addresses, &tokens, &mut random);
    let mut logs = Logs::default();
    load.ledger.grow(20);
    for round in 1..=rounds {
        let (fault, begun) = (rotation.next(&mut random), Instant::now());
        fault.happen(&mut cluster, &load, &receiver);
        let lasted = begun.elapsed().as_secs_f64();
        let node = random.below(NODES);
        nobody_is_stuck(&cluster, &tokens, round);
        verify(&cluster, node, &tokens, &load, &mut logs);
        load.look();
        let posted = look_at_posts(&cluster, &receiver, &logs);
        let took = begun.elapsed().as_secs_f64();
        let memory = load.ledger.memory();
        println!(
            "round {round}: {fault} for {lasted:.1} s, all well after {took:.1} s; {} answered, {} done again ({} had been stored), \
             {} resumed; {posted}",
            memory.answered.len(),
            memory.again,
            memory.stored,
            memory.resumed
        );
    }
    load.stop_sending();
    verify(&cluster, 0, &tokens, &load, &mut logs);
    load.look();
    look_at_posts(&cluster, &receiver, &logs);
    for node in 0..NODES {
        // Whoever is asked, from the first event on, says the same.
        let mut anew = Logs::default();
        read(&cluster, node, &tokens, &mut anew);
        for who in everybody() {
            // What the webhook's receiver has taken may be told as delivered since.
            assert!(logs.end(&who) <= anew.end(&who), "the log of {who}");
            logs.hold_to(&who, anew.of(&who));
        }
    }
    cluster.check();
}

/// Everybody whose log is looked at.
fn everybody() -> Vec<String> {
    let people = USERS.into_iter().chain([DESK]).map(str::to_owned);
    people.chain((0..SENDERS).map(sender)).collect()
}

/// Each node says that it is ready, and takes a message that is then told at the next one.
fn nobody_is_stuck(cluster: &Cluster, tokens: &Tokens, round: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    let http = http();
    for node in 0..NODES {
        until("the node is ready", || cluster.is_ready(node) == Some(true));
        let key = format!("probe {round}.{node}");
        let body = json!({
            "fromExtUserId": "scada:probe", "fromExtUserName": "SCADA", "toUsers": [{ "toUserId": DESK }], "message": key,
        });
        until("the node takes a message", || {
            let url = format!("{}/api/v1/messages", cluster.addresses.of(node));
            let request = http.post(url).bearer_auth(&tokens.scada).json(&body);
            let request = request.header("Idempotency-Key", &key);
            let answered = runtime.block_on(answer(request));
            matches!(answered, Some((200 | 201, _)))
        });
    }
}

/// Reads all logs on at a node.
fn read(cluster: &Cluster, node: usize, tokens: &Tokens, logs: &mut Logs) {
    for who in everybody() {
        loop {
            let after = logs.end(&who);
            let path = format!("/api/v1/participants/{who}/events?after={after}&limit=1000");
            let (status, page) = cluster.server(node).get(&path, tokens.of(&who));
            assert_eq!(status, 200, "{page}");
            logs.add(&who, &page);
            if page["head"].as_u64() == Some(logs.end(&who) as u64) {
                break;
            }
        }
    }
}

/// What was answered before this is in the logs, and what is in the logs is told.
fn verify(cluster: &Cluster, node: usize, tokens: &Tokens, load: &Load, logs: &mut Logs) {
    let (answered, said) = {
        let memory = load.ledger.memory();
        (memory.answered.clone(), memory.read.clone())
    };
    read(cluster, node, tokens, logs);
    logs.hold_against(&answered, &said);
    let mut listeners: Vec<(String, String)> = Vec::new();
    for user in USERS {
        listeners.extend((0..2).map(|no| (user.to_owned(), format!("{user} {no}"))));
    }
    listeners.extend((0..SENDERS).map(|no| (sender(no), format!("{} 0", sender(no)))));
    for (who, name) in listeners {
        let end = logs.end(&who);
        load.ledger
            .wait("the listener is told everything", |memory| {
                memory.told.get(&name).map_or(0, Vec::len) >= end
            });
        let memory = load.ledger.memory();
        let told = memory.told.get(&name).map_or(&[][..], Vec::as_slice);
        logs.hold_to(&who, told);
    }
}

/// What the receiver of the webhook was posted, held against the log and the lease.
fn look_at_posts(cluster: &Cluster, receiver: &Receiver, logs: &Logs) -> Posted {
    let posted = receiver.hold_to(logs.end(DESK) as u64);
    let leases = cluster.turns_of_webhooks();
    assert!(
        posted.turns <= TURNS_FOR_EACH_LEASE * leases,
        "the lease has changed hands {leases} times: {posted}"
    );
    posted
}
