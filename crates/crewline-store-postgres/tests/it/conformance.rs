//! The promises of the port, as every store keeps them. One server serves many cases: to start one takes longer than most of
//! them. Those that compare long runs with the specification have one each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crewline_store_postgres::{NodeClock, Options, open};
use crewline_testkit::Fixture;
use crewline_testkit::conformance::{CASES, run};
use crewline_testkit::postgres::Postgres;

/// The long runs.
const LONG: [&str; 3] = [
    "operations_and_retention_say_the_same_as_the_store_in_memory",
    "random_operations_say_the_same_as_the_store_in_memory",
    "batches_say_the_same_as_the_store_in_memory",
];

/// Runs cases on stores in databases of one server, two at a time.
fn run_all(cases: &[&str]) {
    let Some(server) = Postgres::start() else {
        return;
    };
    let make = || Fixture {
        opened: open(&Options {
            node_clock: NodeClock::Caller,
            ..Options::new(server.database())
        })
        .unwrap(),
        guard: Box::new(()),
    };
    let (left, failed) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(name) = left.lock().unwrap().next() else {
                        return;
                    };
                    // The panic hook has said what is wrong.
                    if catch_unwind(AssertUnwindSafe(|| run(name, &make))).is_err() {
                        failed.lock().unwrap().push(*name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} cases failed: {failed:#?}",
        failed.len()
    );
}

/// All but the long runs; those at an even place in the list, or at an odd one, so that no test takes minutes.
fn short(parity: usize) -> Vec<&'static str> {
    let names = CASES.iter().map(|(name, _)| *name);
    let short: Vec<&str> = names.filter(|name| !LONG.contains(name)).collect();
    assert_eq!(
        short.len() + LONG.len(),
        CASES.len(),
        "a long run has another name"
    );
    short.into_iter().skip(parity).step_by(2).collect()
}

#[test]
fn every_promise_of_the_port_at_an_even_place_is_kept_on_postgresql() {
    run_all(&short(0));
}

#[test]
fn every_promise_of_the_port_at_an_odd_place_is_kept_on_postgresql() {
    run_all(&short(1));
}

#[test]
fn operations_and_retention_say_the_same_on_postgresql() {
    run_all(&LONG[..1]);
}

#[test]
fn random_operations_say_the_same_on_postgresql() {
    run_all(&LONG[1..2]);
}

#[test]
fn batches_say_the_same_on_postgresql() {
    run_all(&LONG[2..]);
}
