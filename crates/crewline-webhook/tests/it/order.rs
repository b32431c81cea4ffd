//! In order, at least once, nobody waits for another's receiver.

use std::sync::atomic::{AtomicU32, Ordering};

use crewline_api::{EventKind, EventKinds, Priority, ReceiptState};
use crewline_core::WebhookAct;

use crate::receiver::{Receiver, Reply, TAKEN};
use crate::world::{World, settings};

#[tokio::test]
async fn events_come_in_order_and_what_was_taken_is_delivered() {
    let world = World::new().await;
    let mut receiver = Receiver::good().await;
    let no = world.add(&receiver.url).await;
    let mut last = None;
    for number in 1..=50 {
        last = Some(world.send(&format!("{number}")).await);
    }
    // The chat was made with the first message; every event comes, with its number in the log.
    let row = world
        .until(no, |row| row.head >= 50 && row.seq == row.head)
        .await;
    let posts = receiver.waiting();
    let seqs: Vec<u64> = posts.iter().map(crate::receiver::Post::seq).collect();
    assert_eq!(seqs, (1..=row.head).collect::<Vec<u64>>());
    assert!(posts.iter().all(|post| post.path == "/hook"));
    assert_eq!(world.state(last.unwrap()).await, ReceiptState::Delivered);
}

#[tokio::test]
async fn an_event_that_is_refused_comes_again_with_the_same_id_before_those_behind_it() {
    let refusals = AtomicU32::new(0);
    let mut receiver = Receiver::start(move |post| {
        let refuse = post.text() == "second" && refusals.fetch_add(1, Ordering::SeqCst) < 3;
        if refuse {
            Reply::Status(500, "")
        } else {
            TAKEN
        }
    })
    .await;
    let world = World::new().await;
    let no = world
        .add_of(
            &receiver.url,
            EventKinds::from_iter([EventKind::MessageReceived]),
        )
        .await;
    for text in ["first", "second", "third"] {
        world.send(text).await;
    }
    let mut posts = Vec::new();
    for _ in 0..6 {
        posts.push(receiver.next().await);
    }
    let texts: Vec<String> = posts.iter().map(crate::receiver::Post::text).collect();
    assert_eq!(
        texts,
        ["first", "second", "second", "second", "second", "third"]
    );
    let ids: Vec<&str> = posts[1..5].iter().map(crate::receiver::Post::id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_ne!(posts[0].id(), ids[0]);
    let row = world.until(no, |row| row.seq == row.head).await;
    assert_eq!((row.failing, row.parked), (None, 0));
    assert_eq!(
        world.failures(no).await,
        [],
        "what was taken in the end is no failure"
    );
}

#[tokio::test]
async fn only_the_kinds_that_were_asked_for_come() {
    let world = World::new().await;
    let mut receiver = Receiver::good().await;
    let mut reads = Receiver::good().await;
    let no = world
        .add_of(
            &receiver.url,
            EventKinds::from_iter([EventKind::MessageReceived]),
        )
        .await;
    world
        .add_of(&reads.url, EventKinds::from_iter([EventKind::MessageRead]))
        .await;
    world.send("hello").await;
    assert_eq!(receiver.next().await.json()["type"], "message.received");
    let row = world.until(no, |row| row.seq == row.head).await;
    assert!(row.head >= 1);
    assert_eq!(receiver.waiting().len(), 0);
    assert_eq!(reads.waiting().len(), 0);
}

#[tokio::test]
async fn a_message_that_was_not_asked_for_is_not_delivered() {
    let world = World::new().await;
    let mut receiver = Receiver::good().await;
    let others = EventKind::ALL.iter().copied();
    let kinds = others
        .filter(|kind| *kind != EventKind::MessageReceived)
        .collect();
    let no = world.add_of(&receiver.url, kinds).await;
    let message = world.send("hello").await;
    // The cursor moves all the same, or its log would wait for it for ever.
    world
        .until(no, |row| row.head > 0 && row.seq == row.head)
        .await;
    assert_eq!(world.state(message).await, ReceiptState::Accepted);
    assert!(
        receiver
            .waiting()
            .iter()
            .all(|post| post.json()["type"] != "message.received")
    );
}

#[tokio::test]
async fn a_silent_receiver_delays_no_other() {
    // Fast enough that retries come, slow enough that the silent one is not given up meanwhile.
    let world = World::with(settings(10)).await;
    let mut silent = Receiver::start(|_| Reply::Silence).await;
    let mut good = Receiver::good().await;
    let bad = world.add(&silent.url).await;
    let gone = world.add("http://127.0.0.1:1/nobody").await;
    let no = world.add(&good.url).await;
    for number in 0..20 {
        world.send(&format!("{number}")).await;
    }
    silent.next().await;
    let row = world
        .until(no, |row| row.head >= 20 && row.seq == row.head)
        .await;
    assert_eq!(good.waiting().len() as u64, row.head);
    for waiting in [bad, gone] {
        assert_eq!(world.row(waiting).await.seq, 0, "its cursor waits");
    }
}

#[tokio::test]
async fn who_begins_anew_goes_on_where_it_was() {
    let mut world = World::new().await;
    let mut receiver = Receiver::good().await;
    let no = world.add(&receiver.url).await;
    world.send("before").await;
    let row = world
        .until(no, |row| row.head > 0 && row.seq == row.head)
        .await;
    world.stop().await;
    receiver.waiting();
    world.send("while nobody posts").await;
    world.start();
    let first = receiver.next().await;
    assert_eq!(first.seq(), row.seq + 1);
    assert_eq!(first.text(), "while nobody posts");
}

#[tokio::test]
async fn everything_can_be_posted_again_from_any_event_on() {
    let world = World::new().await;
    let mut receiver = Receiver::good().await;
    let no = world.add(&receiver.url).await;
    for text in ["a", "b", "c"] {
        world.send(text).await;
    }
    let row = world
        .until(no, |row| row.head >= 3 && row.seq == row.head)
        .await;
    let before = receiver.waiting();
    world.act(no, WebhookAct::Replay(2)).await;
    let mut again = Vec::new();
    for _ in 2..=row.head {
        again.push(receiver.next().await);
    }
    let ids = |posts: &[crate::receiver::Post]| -> Vec<String> {
        posts.iter().map(|post| post.id().to_owned()).collect()
    };
    assert_eq!(
        ids(&before[1..]),
        ids(&again),
        "the same events with the same ids"
    );
    let row = world.until_at(no, row.head).await;
    assert_eq!(row.rewind_to, None);
}

#[tokio::test]
async fn an_emergency_behind_a_refused_event_lets_nobody_wait_for_minutes() {
    // In real time: the first wait of a message that is none is at least four seconds, the second twelve.
    let world = World::with(settings(1)).await;
    let mut receiver = Receiver::start(|post| {
        if post.text() == "refused" {
            Reply::Status(503, "")
        } else {
            TAKEN
        }
    })
    .await;
    world
        .add_of(
            &receiver.url,
            EventKinds::from_iter([EventKind::MessageReceived]),
        )
        .await;
    world.send("refused").await;
    receiver.next().await;
    let began = tokio::time::Instant::now();
    world.send_as("emergency", Priority::Emergency).await;
    receiver.next().await;
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_reminder_of_an_emergency_is_as_fast_as_an_emergency() {
    // In real time, as above.
    let world = World::with(settings(1)).await;
    let mut receiver = Receiver::start(|post| {
        if post.text() == "refused" {
            Reply::Status(503, "")
        } else {
            TAKEN
        }
    })
    .await;
    let kinds = [EventKind::MessageReceived, EventKind::MessageReminded];
    let no = world
        .add_of(&receiver.url, EventKinds::from_iter(kinds))
        .await;
    let emergency = world.send_as("emergency", Priority::Emergency).await;
    world
        .until(no, |row| row.head > 0 && row.seq == row.head)
        .await;
    receiver.waiting();
    world.send("refused").await;
    receiver.next().await;
    let began = tokio::time::Instant::now();
    world.remind(emergency).await;
    receiver.next().await;
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
}
