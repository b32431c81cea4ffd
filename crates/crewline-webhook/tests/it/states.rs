//! Pausing, changing, removing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crewline_api::{Timestamp, WebhookUrl};
use crewline_core::webhook::cursor_of;
use crewline_core::{Retention, WebhookAct};
use crewline_engine::{Clock, SystemClock};

use crate::receiver::Receiver;
use crate::world::{World, settings};

#[tokio::test]
async fn a_paused_webhook_posts_nothing_and_resumed_it_loses_nothing() {
    let world = World::new().await;
    let mut receiver = Receiver::good().await;
    let no = world.add(&receiver.url).await;
    world.send("first").await;
    let row = world
        .until(no, |row| row.head > 0 && row.seq == row.head)
        .await;
    world
        .act(no, WebhookAct::Pause("for a while".to_owned()))
        .await;
    let mut other = Receiver::good().await;
    world.add_from_the_start(&other.url).await;
    assert_eq!(other.next().await.text(), "first");
    world.send("second").await;
    assert_eq!(other.next().await.text(), "second");
    let before = receiver.waiting();
    assert_eq!(before.len() as u64, row.head);
    assert_eq!(world.row(no).await.seq, row.seq);
    world.act(no, WebhookAct::Resume).await;
    assert_eq!(receiver.next().await.text(), "second");
}

#[tokio::test]
async fn with_another_url_it_goes_on_there() {
    let world = World::new().await;
    let mut new = Receiver::good().await;
    let no = world.add("http://127.0.0.1:1/nobody").await;
    world.send("hello").await;
    world.until(no, |row| row.failing.is_some()).await;
    let url = Some(WebhookUrl::new(&new.url).unwrap());
    world.act(no, WebhookAct::Change { url, kinds: None }).await;
    assert_eq!(new.next().await.seq(), 1);
    world
        .until(no, |row| row.failing.is_none() && row.seq == row.head)
        .await;
}

#[tokio::test]
async fn removed_it_posts_no_more_and_holds_no_log() {
    let world = World::new().await;
    let mut receiver = Receiver::good().await;
    let no = world.add(&receiver.url).await;
    world.send("first").await;
    let row = world
        .until(no, |row| row.head > 0 && row.seq == row.head)
        .await;
    receiver.waiting();
    let removed = world
        .engine
        .directory(move |directory, _| directory.remove_webhook(no));
    assert!(removed.await.unwrap().unwrap());
    let mut other = Receiver::good().await;
    let next = world.add_from_the_start(&other.url).await;
    assert_ne!(next, no, "numbers are not used again");
    assert_eq!(other.next().await.text(), "first");
    world.send("second").await;
    assert_eq!(other.next().await.text(), "second");
    assert_eq!(receiver.waiting().len(), 0);
    let cursor = world
        .engine
        .read(move |reader| reader.cursor(row.participant, &cursor_of(no)));
    assert_eq!(cursor.await.unwrap(), None);
}

/// A clock that jumps where the test says so.
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> u64 {
        SystemClock.random()
    }
}

#[tokio::test]
async fn where_the_log_was_cut_before_it_was_posted_that_is_told_and_nothing_skipped() {
    let day = Duration::from_hours(24);
    let retention = Retention {
        messages: day,
        cursors: day,
        every: Duration::from_millis(1),
    };
    let clock = Arc::new(Jumping(AtomicI64::new(1_800_000_000_000)));
    let time = Arc::clone(&clock) as Arc<dyn Clock>;
    let mut world = World::keeping(settings(1_000), Some(retention), time).await;
    let mut receiver = Receiver::good().await;
    world.stop().await;
    let no = world.add(&receiver.url).await;
    for text in ["a", "b", "c"] {
        world.send(text).await;
    }
    clock.0.fetch_add(9 * 24 * 3_600_000, Ordering::SeqCst);
    // The log is cut when the cursor was released.
    let row = world.row(no).await;
    let oldest = loop {
        let (participant, head) = (row.participant, row.head);
        let page = world
            .engine
            .read(move |reader| reader.log(participant, 0, crewline_api::EventKinds::ALL, 9));
        let page = page.await.unwrap();
        assert!(page.head >= head);
        if page.oldest > 1 {
            break page.oldest;
        }
        tokio::task::yield_now().await;
    };
    world.start();
    let row = world.until(no, |row| row.paused.is_some()).await;
    let reason = row.paused.unwrap();
    assert!(
        reason.contains(&format!("The log begins at {oldest}")),
        "{reason}"
    );
    assert_eq!(receiver.waiting().len(), 0, "nothing is skipped silently");
    world.act(no, WebhookAct::Replay(oldest)).await;
    world.act(no, WebhookAct::Resume).await;
    assert_eq!(receiver.next().await.seq(), oldest);
}
