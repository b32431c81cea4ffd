//! A standby that takes over, with real replication.

use std::time::Instant;

use crewline_core::{StoreError, StoreErrorKind};
use crewline_store_postgres::{Options, open};
use crewline_testkit::Desk;
use crewline_testkit::postgres::Postgres;

use crate::support::{PATIENCE, desk, message, until};

/// A primary with a store, and its standby.
struct Pair {
    primary: Postgres,
    standby: Postgres,
    options: Options,
}

impl Pair {
    fn start(synchronous: bool) -> Option<Self> {
        let primary = Postgres::start()?;
        let url = primary.database();
        let standby = primary.standby("other");
        if synchronous {
            primary.set("synchronous_standby_names", "other");
        }
        let options = Options::new(Postgres::urls(&url, &[&standby]));
        until("the standby follows", || {
            let state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'";
            primary.sql("postgres", state) == [if synchronous { "sync" } else { "async" }]
        });
        Some(Self {
            primary,
            standby,
            options,
        })
    }

    /// The standby gets nothing more.
    fn cut(&self) {
        self.standby.set("primary_conninfo", "");
        until("the standby is alone", || {
            let count = "SELECT count(*) FROM pg_stat_replication";
            self.primary.sql("postgres", count) == ["0"]
        });
    }

    fn fail_over(&self) {
        self.primary.kill();
        self.standby.promote();
    }
}

/// Tries until the store takes the message, or is lost.
fn send_at_last(desk: &mut Desk, text: &str) -> Result<(), StoreError> {
    let since = Instant::now();
    loop {
        match desk.try_batch(&[message(text)]) {
            Ok(results) => {
                results.into_iter().next().unwrap().unwrap();
                return Ok(());
            }
            Err(error) if error.kind == StoreErrorKind::Lost => return Err(error),
            Err(error) => assert!(since.elapsed() < PATIENCE, "{error}"),
        }
    }
}

fn received(texts: &[&str]) -> Vec<String> {
    let told = texts.iter().map(|text| format!("message.received({text})"));
    told.collect()
}

#[test]
fn with_a_standby_that_confirms_nothing_is_lost_and_the_epoch_stays() {
    let Some(pair) = Pair::start(true) else {
        return;
    };
    let mut desk = desk(&pair.options);
    let epoch = desk.reader.epoch().unwrap();
    desk.run(message("one")).unwrap();
    desk.run(message("two")).unwrap();
    pair.fail_over();
    send_at_last(&mut desk, "three").unwrap();
    assert_eq!(desk.story("alice"), received(&["one", "two", "three"]));
    assert_eq!(desk.reader.epoch().unwrap(), epoch);
    assert_eq!(desk.writer.lost(), None);
    drop(desk);
    let again = Desk::new(open(&pair.options).unwrap());
    assert_eq!(again.reader.epoch().unwrap(), epoch);
}

#[test]
fn without_one_the_epoch_changes_once_and_each_server_that_was_there_ends() {
    let Some(pair) = Pair::start(false) else {
        return;
    };
    let mut first = desk(&pair.options);
    let mut second = Desk::new(open(&pair.options).unwrap());
    let epoch = first.reader.epoch().unwrap();
    first.run(message("one")).unwrap();
    second.send("scada", &["alice"], "two").unwrap();
    pair.fail_over();
    let lost = send_at_last(&mut first, "three").unwrap_err();
    assert!(lost.detail.contains(&epoch), "{lost}");
    assert_eq!(first.writer.lost(), Some(lost));
    // A reading finds it out as well.
    let since = Instant::now();
    let told = loop {
        let error = second.reader.epoch().unwrap_err();
        if error.kind == StoreErrorKind::Lost {
            break error;
        }
        assert!(since.elapsed() < PATIENCE, "{error}");
    };
    assert_eq!(second.writer.lost(), Some(told));
    let again = Desk::new(open(&pair.options).unwrap());
    let new = again.reader.epoch().unwrap();
    assert_ne!(new, epoch);
    let once_more = Desk::new(open(&pair.options).unwrap());
    assert_eq!(once_more.reader.epoch().unwrap(), new);
}

#[test]
fn what_was_confirmed_in_vain_changes_the_epoch_whatever_the_database_was_set_to() {
    let Some(pair) = Pair::start(true) else {
        return;
    };
    let mut desk = desk(&pair.options);
    desk.run(message("one")).unwrap();
    let epoch = desk.reader.epoch().unwrap();
    // The store has noted that standbys confirm, and then that they do not: in the transaction that is lost.
    pair.primary.set("synchronous_standby_names", "");
    pair.cut();
    desk.run(message("two")).unwrap();
    pair.fail_over();
    send_at_last(&mut desk, "three").unwrap_err();
    let again = Desk::new(open(&pair.options).unwrap());
    assert_ne!(again.reader.epoch().unwrap(), epoch);
    assert_eq!(again.story("alice"), received(&["one"]));
}

#[test]
fn an_old_primary_that_is_back_is_not_written_to() {
    let Some(pair) = Pair::start(true) else {
        return;
    };
    let mut first = desk(&pair.options);
    first.run(message("one")).unwrap();
    pair.fail_over();
    send_at_last(&mut first, "two").unwrap();
    // It stands first in the address, and takes writes: the one that nobody stopped.
    pair.primary.start_again();
    pair.primary.set("synchronous_standby_names", "");
    pair.standby.kill();
    for _ in 0..3 {
        let error = first.writer.begin().unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
        let error = first.reader.epoch().unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    }
    until("it is told", || {
        let told = first.writer.begin().unwrap_err();
        told.detail.contains("old primary")
    });
    pair.standby.start_again();
    send_at_last(&mut first, "three").unwrap();
    // Nor by one that is started while both take writes.
    let mut second = Desk::new(open(&pair.options).unwrap());
    send_at_last(&mut second, "four").unwrap();
    assert_eq!(
        first.story("alice"),
        received(&["one", "two", "three", "four"])
    );
}

#[test]
fn a_store_that_is_brought_to_another_cluster_has_another_epoch() {
    let (Some(one), Some(other)) = (Postgres::start(), Postgres::start()) else {
        return;
    };
    let options = Options::new(one.database());
    let mut desk = desk(&options);
    desk.run(message("one")).unwrap();
    let epoch = desk.reader.epoch().unwrap();
    drop(desk);
    let elsewhere = Options::new(other.database());
    other.load(&elsewhere.url, &one.dump(&options.url));
    let moved = Desk::new(open(&elsewhere).unwrap());
    assert_ne!(moved.reader.epoch().unwrap(), epoch);
    assert_eq!(moved.story("alice"), received(&["one"]));
    let same = Desk::new(open(&options).unwrap());
    assert_eq!(same.reader.epoch().unwrap(), epoch);
}
