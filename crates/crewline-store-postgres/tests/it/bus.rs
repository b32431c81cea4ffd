//! Hints over the database: who is told, and who need not be.

use std::time::Instant;

use crewline_api::BoxStream;
use crewline_core::{Bus as _, Heard};
use crewline_store_postgres::{NotifyBus, Options, open};
use crewline_testkit::postgres::Postgres;
use futures_util::StreamExt as _;

use crate::support::{PATIENCE, until};

/// Says something, and whether it was told: what another one says behind it comes behind it.
async fn is_told(
    server: &Postgres,
    options: &Options,
    bus: &NotifyBus,
    heard: &mut BoxStream<'static, Heard>,
) -> bool {
    bus.publish("said".to_owned()).await;
    tokio::task::block_in_place(|| server.sql(&options.url, "NOTIFY crewline, 'behind'"));
    let mut told = false;
    loop {
        let next = tokio::time::timeout(PATIENCE, heard.next()).await;
        match next.unwrap().unwrap() {
            Heard::Text(text) if text == "behind" => return told,
            Heard::Text(text) => told |= text == "said",
            Heard::Missed => {}
        }
    }
}

/// Waits until it was counted once more who serves.
fn until_counted(server: &Postgres, options: &Options) {
    let now = "SELECT clock_timestamp()";
    let since = server.sql(&options.url, now).remove(0);
    let counts = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM pg_locks%' AND state = 'idle' AND query_start > '{since}'"
    );
    until("it is counted", || {
        server.sql(&options.url, &counts) == ["1"]
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_alone_on_a_database_tells_nobody_and_who_is_not_tells_always() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let serve = || open(&options).unwrap();
    let _first = tokio::task::block_in_place(serve);
    let bus = NotifyBus::open(&options).unwrap();
    let mut heard = bus.subscribe();
    assert!(
        matches!(heard.next().await, Some(Heard::Missed)),
        "it listens"
    );
    let since = Instant::now();
    while is_told(&server, &options, &bus, &mut heard).await {
        assert!(since.elapsed() < PATIENCE, "it goes on telling");
        // Whoever says something is taken to be there, until it is counted again.
        tokio::task::block_in_place(|| until_counted(&server, &options));
    }
    let _second = tokio::task::block_in_place(serve);
    for _ in 0..3 {
        tokio::task::block_in_place(|| until_counted(&server, &options));
        assert!(is_told(&server, &options, &bus, &mut heard).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_is_known_at_once_and_told_to_look() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let serve = || open(&options).unwrap();
    let _first = tokio::task::block_in_place(serve);
    let bus = NotifyBus::open(&options).unwrap();
    let mut heard = bus.subscribe();
    let missed = async |heard: &mut BoxStream<'static, Heard>| {
        let next = tokio::time::timeout(PATIENCE, heard.next()).await;
        assert!(matches!(next.unwrap(), Some(Heard::Missed)));
    };
    // What was said before it listened.
    missed(&mut heard).await;
    let _second = tokio::task::block_in_place(serve);
    let other = NotifyBus::open(&options).unwrap();
    let mut heard_there = other.subscribe();
    missed(&mut heard).await;
    missed(&mut heard_there).await;
    loop {
        bus.publish("hello".to_owned()).await;
        let next = tokio::time::timeout(PATIENCE, heard_there.next()).await;
        if matches!(next.unwrap(), Some(Heard::Text(text)) if text == "hello") {
            break;
        }
    }
}
