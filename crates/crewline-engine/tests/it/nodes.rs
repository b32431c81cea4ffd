//! Two nodes on one store: hints, lost hints, wrong hints, and what the directory has to do with it.

use std::sync::Arc;
use std::time::Duration;

use crewline_api::{EventKinds, Seq};
use crewline_core::{Bus, Heard, Hints, MemoryStore, NewUser};
use crewline_engine::{EncodedEvent, Engine, Follower, Others, SystemClock};
use crewline_testkit::LocalBus;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::{no, options, send};

/// Longer than any test: looks that repair nothing here.
const NEVER: Duration = Duration::from_hours(24);
/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

fn node(store: &MemoryStore, bus: Option<&LocalBus>, look_every: Duration) -> Engine {
    let bus = bus.map(|bus| Arc::new(bus.clone()) as Arc<dyn Bus>);
    let others = Others {
        bus,
        look_every,
        life: NEVER,
    };
    Engine::start_among(others, store.open(), options(), Arc::new(SystemClock)).unwrap()
}

async fn take(follower: &mut Follower, up_to: Seq) -> Vec<Seq> {
    let mut seen = Vec::new();
    while follower.position() < up_to {
        let page = timeout(PATIENCE, follower.next(10)).await.unwrap().unwrap();
        seen.extend(page.events.iter().map(EncodedEvent::seq));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_gets_each_event_once_whichever_node_wrote_it() {
    let (store, bus) = (MemoryStore::new("e"), LocalBus::default());
    let nodes = [
        node(&store, Some(&bus), NEVER),
        node(&store, Some(&bus), NEVER),
    ];
    send(&nodes[0], "scada", "alice", "first").await.unwrap();
    let alice = no(&nodes[0], "alice").await;
    let listening: Vec<_> = nodes
        .iter()
        .map(|node| {
            let mut follower = node.follow(alice, 0, EventKinds::ALL);
            tokio::spawn(async move { take(&mut follower, 401).await })
        })
        .collect();
    let sending: Vec<_> = nodes
        .iter()
        .map(|node| {
            let node = node.clone();
            tokio::spawn(async move {
                for at in 0..200 {
                    send(&node, "scada", "alice", &format!("{at}"))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for sending in sending {
        sending.await.unwrap();
    }
    for listening in listening {
        assert_eq!(listening.await.unwrap(), (1..=401).collect::<Vec<Seq>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_hint_did_not_say_is_found_by_looking() {
    let (store, bus) = (MemoryStore::new("e"), LocalBus::default());
    let look = Duration::from_millis(20);
    let (here, there) = (
        node(&store, Some(&bus), look),
        node(&store, Some(&bus), look),
    );
    send(&there, "scada", "alice", "first").await.unwrap();
    let mut follower = here.follow(no(&here, "alice").await, 0, EventKinds::ALL);
    assert_eq!(take(&mut follower, 1).await, [1]);
    bus.lose(true);
    send(&there, "scada", "alice", "second").await.unwrap();
    assert_eq!(take(&mut follower, 2).await, [2]);
    // Without any bus it is the same.
    let alone = node(&store, None, look);
    let mut follower = alone.follow(no(&alone, "alice").await, 2, EventKinds::ALL);
    send(&there, "scada", "alice", "third").await.unwrap();
    assert_eq!(take(&mut follower, 3).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_may_have_missed_something_looks_at_once() {
    let (store, bus) = (MemoryStore::new("e"), LocalBus::default());
    let (here, there) = (
        node(&store, Some(&bus), NEVER),
        node(&store, Some(&bus), NEVER),
    );
    send(&there, "scada", "alice", "first").await.unwrap();
    let mut follower = here.follow(no(&here, "alice").await, 0, EventKinds::ALL);
    assert_eq!(take(&mut follower, 1).await, [1]);
    bus.lose(true);
    send(&there, "scada", "alice", "second").await.unwrap();
    bus.say(&Heard::Missed);
    assert_eq!(take(&mut follower, 2).await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_hint_hides_nothing() {
    let (store, bus) = (MemoryStore::new("e"), LocalBus::default());
    let (here, there) = (
        node(&store, Some(&bus), NEVER),
        node(&store, Some(&bus), NEVER),
    );
    send(&there, "scada", "alice", "first").await.unwrap();
    let alice = no(&here, "alice").await;
    let mut follower = here.follow(alice, 0, EventKinds::ALL);
    assert_eq!(take(&mut follower, 1).await, [1]);
    // A copy of this store, of the same epoch, on the same bus: its logs are longer.
    bus.say(&Heard::Text(format!("crewline1 e 7 - {:x}:ffff", alice.0)));
    bus.say(&Heard::Text("nonsense".to_owned()));
    bus.say(&Heard::Text(format!(
        "crewline1 other 7 - {:x}:fffff",
        alice.0
    )));
    send(&there, "scada", "alice", "second").await.unwrap();
    assert_eq!(take(&mut follower, 2).await, [2]);
    send(&here, "scada", "alice", "third").await.unwrap();
    send(&there, "scada", "alice", "fourth").await.unwrap();
    assert_eq!(take(&mut follower, 4).await, [3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_asked_for_holds_what_another_node_wrote_before() {
    let (store, bus) = (MemoryStore::new("e"), LocalBus::default());
    let (here, there) = (
        node(&store, Some(&bus), NEVER),
        node(&store, Some(&bus), NEVER),
    );
    send(&here, "scada", "alice", "first").await.unwrap();
    let alice = no(&here, "alice").await;
    // Whoever follows fills the ring.
    let _follower = here.follow(alice, 1, EventKinds::ALL);
    send(&here, "scada", "alice", "second").await.unwrap();
    bus.lose(true);
    send(&there, "scada", "alice", "third").await.unwrap();
    let page = here
        .page(alice, Some(2), EventKinds::ALL, 10)
        .await
        .unwrap();
    assert_eq!((page.events.len(), page.head), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_nodes_are_told_that_the_directory_changed() {
    let (store, bus) = (MemoryStore::new("e"), LocalBus::default());
    let (here, there) = (
        node(&store, Some(&bus), NEVER),
        node(&store, Some(&bus), NEVER),
    );
    let mut changes = here.directory_changes();
    let before = *changes.borrow_and_update();
    let user = NewUser {
        id: "alice".parse().unwrap(),
        name: None,
        role: crewline_api::Role::Crew,
        password: None,
    };
    let mut said = bus.subscribe();
    there
        .directory(move |directory, now| directory.add_user(&user, now))
        .await
        .unwrap()
        .unwrap();
    timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    assert!(*changes.borrow() > before);
    // An act that takes nothing from anybody is not told of.
    let seen = there
        .directory(|directory, _| directory.note_seen(&[]))
        .await;
    seen.unwrap().unwrap();
    send(&there, "scada", "alice", "x").await.unwrap();
    let mut told = 0;
    loop {
        let Some(Heard::Text(text)) = timeout(PATIENCE, said.next()).await.unwrap() else {
            continue;
        };
        let (_, hints) = Hints::decode(&text).unwrap();
        told += usize::from(hints.directory);
        if !hints.heads.is_empty() {
            break;
        }
    }
    assert_eq!(told, 1);
}
