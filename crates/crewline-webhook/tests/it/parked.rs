//! One event that a receiver cannot take, and a receiver that can take none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_api::{EventKind, EventKinds, ReceiptState};
use crewline_core::WebhookAct;

use crate::receiver::{Receiver, Reply, TAKEN};
use crate::world::World;

fn received() -> EventKinds {
    EventKinds::from_iter([EventKind::MessageReceived])
}

/// A receiver that cannot take a text, as long as it is ill.
async fn ill(text: &'static str) -> (Receiver, Arc<AtomicBool>) {
    let ill = Arc::new(AtomicBool::new(true));
    let is_ill = Arc::clone(&ill);
    let receiver = Receiver::start(move |post| {
        if is_ill.load(Ordering::SeqCst) && (text.is_empty() || post.text() == text) {
            Reply::Text(422, format!("cannot read {}", post.text()))
        } else {
            TAKEN
        }
    });
    (receiver.await, ill)
}

#[tokio::test]
async fn an_event_that_cannot_be_taken_is_parked_after_ten_minutes_and_those_behind_it_come() {
    let world = World::new().await;
    let (mut receiver, well) = ill("poison").await;
    let no = world.add_of(&receiver.url, received()).await;
    world.send("before").await;
    let poison = world.send("poison").await;
    let after = world.send("after").await;
    let row = world
        .until(no, |row| row.parked == 1 && row.seq == row.head)
        .await;
    assert_eq!(row.failing, None);
    let failures = world.failures(no).await;
    let parked = &failures[0];
    assert_eq!((failures.len(), parked.seq, parked.parked), (1, 2, true));
    assert_eq!(
        (parked.status, parked.answer.as_str()),
        (Some(422), "cannot read poison")
    );
    assert!(parked.attempts > 3, "{parked:?}");
    // Ten minutes, a thousand times faster.
    assert!(
        parked.last_at.as_millis() - parked.first_at.as_millis() >= 600,
        "{parked:?}"
    );
    assert_eq!(
        world.state(poison).await,
        ReceiptState::Accepted,
        "nobody has it"
    );
    assert_eq!(world.state(after).await, ReceiptState::Delivered);

    // It can be tried once more, by itself.
    receiver.waiting();
    world.act(no, WebhookAct::ReplayParked(parked.seq)).await;
    world.until(no, |row| !row.again).await;
    assert_eq!(receiver.texts(1).await, ["poison"]);
    assert_eq!(world.failures(no).await[0].attempts, parked.attempts + 1);
    well.store(false, Ordering::SeqCst);
    world.act(no, WebhookAct::ReplayParked(parked.seq)).await;
    world.until(no, |row| row.parked == 0).await;
    assert_eq!(receiver.texts(1).await, ["poison"]);
    assert_eq!(world.state(poison).await, ReceiptState::Delivered);
}

#[tokio::test]
async fn where_the_next_one_is_refused_too_the_receiver_is_down_and_all_wait() {
    let world = World::new().await;
    let (mut receiver, well) = ill("").await;
    let no = world.add_of(&receiver.url, received()).await;
    for text in ["a", "b", "c"] {
        world.send(text).await;
    }
    // The next one was tried, and the first again after it.
    loop {
        if receiver.next().await.text() == "b" {
            break;
        }
    }
    while receiver.next().await.text() != "b" {}
    let row = world.row(no).await;
    assert_eq!((row.parked, row.seq), (0, 0));
    assert_eq!(row.failing.unwrap().seq, 1);
    well.store(false, Ordering::SeqCst);
    world.until(no, |row| row.seq == row.head).await;
    let texts: Vec<String> = receiver
        .waiting()
        .iter()
        .map(crate::receiver::Post::text)
        .collect();
    assert_eq!(texts[texts.len() - 3..], ["a", "b", "c"], "{texts:?}");
    assert_eq!(world.failures(no).await, []);
}

#[tokio::test]
async fn what_failed_before_a_stop_is_not_forgotten_by_it() {
    let mut world = World::new().await;
    let (mut receiver, _well) = ill("poison").await;
    let no = world.add_of(&receiver.url, received()).await;
    world.send("poison").await;
    receiver.next().await;
    let row = world.until(no, |row| row.failing.is_some()).await;
    world.stop().await;
    let before = world.row(no).await.failing.unwrap();
    assert_eq!(before.first_at, row.failing.unwrap().first_at);
    world.start();
    let after = world
        .until(no, |row| {
            row.failing
                .as_ref()
                .is_some_and(|now| now.attempts > before.attempts)
        })
        .await;
    assert_eq!(after.failing.unwrap().first_at, before.first_at);
}
