//! What the works take for granted of a system, tried with the real server, where one is asked for:
//! `CREWLINE_LOAD_PEERS=ejabberd,mosquitto,nats,redis cargo nextest run --workspace -E 'test(conformance)'`.
//! Crewline is always there: it was built beside this.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::crewline::{ByHttp, BySocket, Crewline};
use super::ejabberd::Ejabberd;
use super::mosquitto::Mosquitto;
use super::nats::Nats;
use super::redis::Redis;
use crate::system::{Crowd, Receiver, Said, Sender, Settings, System, Urgency};
use crate::text;

const CROWD: Crowd = Crowd {
    users: 20,
    senders: 2,
};

fn asked(name: &str) -> bool {
    let asked = std::env::var("CREWLINE_LOAD_PEERS").unwrap_or_default();
    name == "crewline" || asked.split(',').any(|peer| peer == name)
}

/// The server that this build has made.
fn crewline() -> PathBuf {
    let built = || {
        let this = std::env::current_exe().unwrap();
        // Tests lie in a folder beside the programs.
        this.ancestors().nth(2).unwrap().join("crewline")
    };
    std::env::var_os("CREWLINE_BIN").map_or_else(built, PathBuf::from)
}

/// Runs something with a fresh system, where it is asked for.
fn with<S: System>(name: &str, test: impl AsyncFnOnce(S)) {
    if !asked(name) {
        eprintln!("LEFT OUT: {name}; CREWLINE_LOAD_PEERS={name} asks for it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        crewline: crewline(),
    };
    let facts = S::facts(&settings).unwrap();
    assert!(
        facts
            .version
            .starts_with(|first: char| first.is_ascii_digit())
    );
    let path = folder.path().join("system");
    std::fs::create_dir(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let system = S::start(&settings, &path, CROWD).await.unwrap();
        test(system).await;
    });
}

/// Sends messages one after the other, each when the one before is accepted.
async fn send(sender: &mut impl Sender, numbers: impl Iterator<Item = u64>, to: &[usize]) {
    for no in numbers {
        sender.send(no, to, Urgency::Usual);
        let mut accepted = false;
        while !accepted {
            let mut tell = |said| accepted |= said == Said::Accepted(no);
            sender.hear(&mut tell).await.unwrap();
        }
    }
}

/// What comes to a device, in its order, up to this one.
async fn up_to(last: u64, receiver: &mut impl Receiver) -> Vec<u64> {
    let mut came = Vec::new();
    while came.last() != Some(&last) {
        receiver.hear(&mut came).await.unwrap();
        receiver.confirm().await.unwrap();
    }
    came
}

/// The receipts of so many messages.
async fn receipts(sender: &mut impl Sender, count: usize) -> BTreeSet<u64> {
    let mut receipts = BTreeSet::new();
    while receipts.len() < count {
        let mut tell = |said| {
            if let Said::Receipt(no) = said {
                assert!(receipts.insert(no), "a receipt came twice");
            }
        };
        sender.hear(&mut tell).await.unwrap();
    }
    receipts
}

/// What waits comes once and in order when its receiver connects, its receipts reach the sender, and it does not come again.
async fn waits<S: System>(system: S) {
    let numbers = text::first(1) + 1..=text::first(1) + 150;
    let (mut sender, next) = (system.sender(1, 8).await.unwrap(), numbers.end() + 1);
    send(&mut sender, numbers.clone(), &[7]).await;
    let mut receiver = system.receiver(7).await.unwrap();
    let came = up_to(*numbers.end(), &mut receiver).await;
    assert_eq!(came, numbers.clone().collect::<Vec<_>>());
    let confirmed = receipts(&mut sender, came.len()).await;
    assert_eq!(confirmed, numbers.collect());
    drop(receiver);
    let mut receiver = system.receiver(7).await.unwrap();
    send(&mut sender, next..=next, &[7]).await;
    assert_eq!(up_to(next, &mut receiver).await, [next]);
}

/// A device that goes and comes back has what was sent meanwhile, as one that was never there.
async fn comes_back<S: System>(system: S) {
    let mut sender = system.sender(0, 8).await.unwrap();
    let mut receiver = system.receiver(3).await.unwrap();
    send(&mut sender, 1..=5, &[3]).await;
    assert_eq!(up_to(5, &mut receiver).await, [1, 2, 3, 4, 5]);
    // What was confirmed has arrived when its receipts are there.
    receipts(&mut sender, 5).await;
    drop(receiver);
    send(&mut sender, 6..=10, &[3]).await;
    let mut receiver = system.receiver(3).await.unwrap();
    let mut came = Vec::new();
    while came.len() < 5 {
        receiver.hear(&mut came).await.unwrap();
        receiver.confirm().await.unwrap();
    }
    // JetStream may have pushed one to the connection that it did not know to be gone yet: that one comes again, and last.
    came.sort_unstable();
    assert_eq!(came, [6, 7, 8, 9, 10]);
}

/// A message to many comes to each of them, is accepted once, and has a receipt of each.
async fn to_many<S: System>(system: S) {
    let users: Vec<usize> = (0..CROWD.users).collect();
    let mut sender = system.sender(0, 1).await.unwrap();
    sender.send(1, &users, Urgency::Emergency);
    let mut said = Vec::new();
    while said.is_empty() {
        sender.hear(&mut |one| said.push(one)).await.unwrap();
    }
    for user in users {
        let mut receiver = system.receiver(user).await.unwrap();
        let mut came = Vec::new();
        while came.is_empty() {
            receiver.hear(&mut came).await.unwrap();
        }
        receiver.confirm().await.unwrap();
        assert_eq!(came, [1]);
        while said.len() < user + 2 {
            sender.hear(&mut |one| said.push(one)).await.unwrap();
        }
    }
    assert_eq!(said[0], Said::Accepted(1));
    assert_eq!(said[1..], [Said::Receipt(1); CROWD.users]);
}

/// After `kill -9` everything that was accepted is there once, where the system promises it; and it works again in any case.
async fn outlives_a_kill<S: System>(mut system: S) {
    let mut sender = system.sender(0, 8).await.unwrap();
    send(&mut sender, 1..=150, &[5]).await;
    system.kill().await.unwrap();
    system.start_again().await.unwrap();
    let mut receiver = system.receiver(5).await.unwrap();
    drop(sender);
    let mut sender = system.sender(0, 8).await.unwrap();
    send(&mut sender, 151..=151, &[5]).await;
    let came = up_to(151, &mut receiver).await;
    let kept = if S::KEEPS { 1..=151 } else { 151..=151 };
    assert_eq!(came, kept.collect::<Vec<_>>());
}

macro_rules! each {
    ($($test:ident: $work:ident;)*) => {
        mod ejabberd {
            use super::*;
            $(#[test] fn $test() { with("ejabberd", $work::<Ejabberd>); })*
        }
        mod crewline_by_http {
            use super::*;
            $(#[test] fn $test() { with("crewline", $work::<Crewline<ByHttp>>); })*
        }
        mod crewline_by_socket {
            use super::*;
            $(#[test] fn $test() { with("crewline", $work::<Crewline<BySocket>>); })*
        }
        mod nats {
            use super::*;
            $(#[test] fn $test() { with("nats", $work::<Nats<false>>); })*
        }
        mod nats_stored {
            use super::*;
            $(#[test] fn $test() { with("nats", $work::<Nats<true>>); })*
        }
        mod redis {
            use super::*;
            $(#[test] fn $test() { with("redis", $work::<Redis>); })*
        }
        mod mosquitto {
            use super::*;
            $(#[test] fn $test() { with("mosquitto", $work::<Mosquitto>); })*
        }
    };
}

each! {
    what_waits_comes_once_and_in_order_and_its_receipts_too: waits;
    a_device_that_comes_back_has_what_was_sent_meanwhile: comes_back;
    a_message_to_many_comes_to_each_and_has_a_receipt_of_each: to_many;
    what_was_accepted_outlives_a_kill_where_that_is_promised: outlives_a_kill;
}
