//! A database that goes away and comes back.

use std::time::{Duration, Instant};

use crewline_api::EventKinds;
use crewline_core::StoreErrorKind;
use crewline_store_postgres::Options;
use crewline_testkit::Desk;
use crewline_testkit::postgres::Postgres;
use crewline_testkit::wire::Wire;

use crate::proxy::{Fate, Proxy};
use crate::support::{desk, message};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries until the store takes the message.
fn send_when_it_is_back(desk: &mut Desk, text: &str) {
    let since = Instant::now();
    loop {
        match desk.try_batch(&[message(text)]) {
            Ok(results) => return drop(results.into_iter().next().unwrap().unwrap()),
            Err(error) => assert!(
                since.elapsed() < PATIENCE
                    && matches!(
                        error.kind,
                        StoreErrorKind::Unavailable | StoreErrorKind::Conflict
                    ),
                "{error:?}"
            ),
        }
    }
}

#[test]
fn a_database_that_is_away_is_told_at_once_and_the_store_goes_on_when_it_is_back() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut desk = desk(&Options::new(server.database()));
    desk.run(message("before")).unwrap();
    server.kill();
    let since = Instant::now();
    let alice = desk.writer.begin().unwrap_err();
    assert_eq!(alice.kind, StoreErrorKind::Unavailable);
    let read = desk.reader.epoch().unwrap_err();
    assert_eq!(read.kind, StoreErrorKind::Unavailable);
    assert!(!read.detail.contains("pQ7"), "{}", read.detail);
    // Who asks again and again is not kept waiting, and does not keep the machine busy with attempts.
    for _ in 0..1_000 {
        assert!(desk.reader.epoch().is_err() && desk.writer.begin().is_err());
    }
    assert!(since.elapsed() < PATIENCE);
    server.start_again();
    send_when_it_is_back(&mut desk, "after");
    let alice = desk.no("alice").unwrap();
    let since = Instant::now();
    let page = loop {
        match desk.reader.log(alice, 0, EventKinds::ALL, 10) {
            Ok(page) => break page,
            Err(error) => assert!(since.elapsed() < PATIENCE, "{error}"),
        }
    };
    assert_eq!(page.events.len(), 2);
}

#[test]
fn as_soon_as_somebody_writes_again_everybody_reads_again() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let wire = Wire::before(server.port());
    let mut desk = desk(&Options::new(
        wire.instead_of(&server.database(), server.port()),
    ));
    for round in 0..10 {
        // Several connections, of which each ends.
        let read = || {
            for _ in 0..20 {
                desk.reader.epoch().unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(read);
            }
        });
        wire.cut();
        assert!(desk.reader.epoch().is_err(), "nobody is there");
        wire.mend();
        send_when_it_is_back(&mut desk, &format!("{round}"));
        let read = desk.reader.epoch();
        assert!(read.is_ok(), "round {round}: {read:?}");
    }
}

#[test]
fn what_became_of_a_commit_is_found_out_where_its_answer_was_lost() {
    find_out(false);
}

#[test]
fn what_became_of_a_commit_is_found_out_where_the_next_batch_was_begun_with_it() {
    find_out(true);
}

fn find_out(more: bool) {
    let Some(server) = Postgres::start() else {
        return;
    };
    let proxy = Proxy::before(server.port());
    let url = proxy.instead_of(&server.database(), server.port());
    let mut desk = desk(&Options::new(url));
    desk.more = more;
    desk.run(message("before")).unwrap();
    proxy.next(Fate::LoseAnswer);
    // It was written, so that it is answered as such; to repeat it would be a second message.
    let sent = desk.try_batch(&[message("lost answer")]).unwrap();
    assert!(sent[0].is_ok() && proxy.happened());
    proxy.next(Fate::LoseCommit);
    let error = desk.try_batch(&[message("lost commit")]).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict, "it may be repeated");
    assert!(proxy.happened());
    desk.run(message("again")).unwrap();
    assert_eq!(
        desk.story("alice"),
        ["before", "lost answer", "again"].map(|text| format!("message.received({text})"))
    );
}

#[test]
fn a_connection_that_the_database_believes_to_be_alive_keeps_nobody_out() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let proxy = Proxy::before(server.port());
    let url = proxy.instead_of(&server.database(), server.port());
    let mut options = Options::new(url);
    options.settle = PATIENCE;
    let mut desk = desk(&options);
    proxy.next(Fate::LoseAnswerUnnoticed);
    let sent = desk.try_batch(&[message("one")]).unwrap();
    assert!(sent[0].is_ok() && proxy.happened());
    desk.run(message("two")).unwrap();
    assert_eq!(
        desk.story("alice"),
        ["one", "two"].map(|text| format!("message.received({text})"))
    );
}

#[test]
fn an_act_on_the_directory_is_done_once_where_its_answer_was_lost() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let proxy = Proxy::before(server.port());
    let url = proxy.instead_of(&server.database(), server.port());
    let mut desk = desk(&Options::new(url));
    proxy.next(Fate::LoseAnswer);
    desk.add_user("carol");
    assert!(proxy.happened());
    assert_eq!(desk.reader.users().unwrap().len(), 3);
}

#[test]
fn a_commit_of_which_nobody_can_be_asked_ends_the_store() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let proxy = Proxy::before(server.port());
    let url = proxy.instead_of(&server.database(), server.port());
    let mut options = Options::new(url);
    // There is no time to ask.
    options.settle = Duration::ZERO;
    let mut desk = desk(&options);
    desk.run(message("before")).unwrap();
    proxy.next(Fate::LoseCommit);
    let error = desk.try_batch(&[message("unknown")]).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Lost, "{error:?}");
    assert!(proxy.happened());
    assert_eq!(desk.writer.begin().unwrap_err().kind, StoreErrorKind::Lost);
}
