//! Pausing, changing, removing.

use crewline_api::WebhookUrl;
use crewline_core::WebhookAct;
use crewline_core::webhook::cursor_of;

use crate::receiver::Receiver;
use crate::world::World;

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
