//! What receivers answer, and what is made of it.

use std::time::Duration;

use crewline_core::WebhookAct;
use tokio::time::Instant;

use crate::receiver::{Receiver, Reply, TAKEN};
use crate::world::{World, settings};

/// The first refusal of a webhook whose receiver answers so.
async fn refusal(reply: Reply) -> (World, Receiver, crewline_api::WebhookFailure) {
    let world = World::with(settings(50)).await;
    let receiver = Receiver::start(move |_| reply.clone()).await;
    let no = world.add(&receiver.url).await;
    world.send("hello").await;
    let row = world.until(no, |row| row.failing.is_some()).await;
    (world, receiver, row.failing.unwrap())
}

#[tokio::test]
async fn a_redirect_is_a_refusal_that_says_so_and_is_not_followed() {
    let (_, mut receiver, failure) = refusal(Reply::Status(307, "Location: /elsewhere\r\n")).await;
    assert_eq!(failure.status, Some(307));
    assert!(
        failure.error.contains("redirects are not followed"),
        "{failure:?}"
    );
    assert!(receiver.waiting().iter().all(|post| post.path == "/hook"));
}

#[tokio::test]
async fn who_answers_nothing_is_cut() {
    let (_, _receiver, failure) = refusal(Reply::Silence).await;
    assert_eq!(failure.status, None);
    // 15 seconds, 20 times faster.
    assert_eq!(failure.error, "there was no answer within 0.75 s");
}

#[tokio::test]
async fn who_closes_the_connection_has_not_taken_it() {
    let (_, _receiver, failure) = refusal(Reply::Close).await;
    assert_eq!(failure.status, None);
    assert!(
        failure.error.starts_with("the connection broke"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn of_an_answer_the_beginning_is_kept_and_no_more() {
    let (_, _receiver, failure) = refusal(Reply::Text(500, "é".repeat(5_000))).await;
    assert_eq!(failure.answer, "é".repeat(512));
}

#[tokio::test]
async fn a_huge_answer_and_a_slow_one_are_cut_and_the_status_decides() {
    for reply in [Reply::Endless(200), Reply::Half(200)] {
        let world = World::with(settings(50)).await;
        let shown = format!("{reply:?}");
        let mut receiver = Receiver::start(move |post| {
            if post.text() == "first" {
                reply.clone()
            } else {
                TAKEN
            }
        })
        .await;
        let no = world.add(&receiver.url).await;
        world.send("first").await;
        world.send("second").await;
        world
            .until(no, |row| row.head >= 2 && row.seq == row.head)
            .await;
        let posts = receiver.waiting();
        assert_eq!(posts.len() as u64, world.row(no).await.head, "{shown}");
        assert_eq!(world.failures(no).await, [], "{shown}");
    }
    let (_, _receiver, failure) = refusal(Reply::Endless(500)).await;
    assert_eq!((failure.status, failure.answer.len()), (Some(500), 1_024));
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    // Without it would be tried again after a tenth of a second; asked for is one second.
    let world = World::with(settings(60)).await;
    let mut receiver = Receiver::start(|_| Reply::Status(429, "Retry-After: 60\r\n")).await;
    world.add(&receiver.url).await;
    world.send("hello").await;
    receiver.next().await;
    let began = Instant::now();
    receiver.next().await;
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn gone_pauses_a_webhook_and_resumed_it_loses_nothing() {
    let world = World::new().await;
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_gone = std::sync::Arc::clone(&gone);
    let mut receiver = Receiver::start(move |_| {
        if is_gone.load(std::sync::atomic::Ordering::SeqCst) {
            Reply::Status(410, "")
        } else {
            TAKEN
        }
    })
    .await;
    let no = world.add(&receiver.url).await;
    world.send("first").await;
    let row = world.until(no, |row| row.paused.is_some()).await;
    assert!(row.paused.unwrap().contains("410"));
    world.send("second").await;
    assert_eq!(receiver.waiting().len(), 1, "it is asked no more");
    gone.store(false, std::sync::atomic::Ordering::SeqCst);
    world.act(no, WebhookAct::Resume).await;
    let row = world
        .until(no, |row| row.head >= 2 && row.seq == row.head)
        .await;
    assert_eq!(receiver.waiting().len() as u64, row.head);
}
