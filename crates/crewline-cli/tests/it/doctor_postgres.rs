//! What the doctor finds at a database and at NATS.

use std::time::{Duration, Instant};

use crewline_testkit::nats::Nats;
use crewline_testkit::postgres::Postgres;
use serde_json::Value;

use crate::doctor::finding;
use crate::on_postgres::Place;
use crate::support::{World, until};

/// A doctor that waits for what never comes would take longer than this.
const SECONDS: Duration = Duration::from_secs(45);

fn examine(place: &Place, more: &[(&str, &str)]) -> Value {
    let args = ["doctor", "--json", "--store", &place.url];
    let mut env = vec![("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")];
    env.extend(more);
    let since = Instant::now();
    let done = place.world.run_env(&args, &env);
    assert!(since.elapsed() < SECONDS, "{done:?}");
    assert!(!done.out.contains("pQ7"), "{done:?}");
    done.json()
}

/// Asserts how a check ended, and what it says.
fn says(checks: &Value, check: &str, status: &str, what: &str) {
    let found = finding(checks, check);
    assert_eq!(found["status"], status, "{found}");
    let said = found["what"].as_str().unwrap();
    assert!(said.contains(what), "{found}");
    assert_eq!(found["remedy"].is_null(), status == "ok", "{found}");
}

#[test]
fn a_database_is_looked_at_with_its_servers_and_what_a_failover_would_cost() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let mut place = Place::new(&postgres);
    let none = examine(&place, &[]);
    says(&none, "store", "ok", "none yet");
    says(&none, "servers", "ok", "no server");
    says(&none, "version", "ok", "UTF8");
    says(&none, "replication", "warn", "no standby follows");
    says(&none, "transactions", "warn", "psql");
    says(&none, "two clocks", "ok", "ms");
    place.people();
    let server = place.world.serve_with(&["--store", &place.url]);
    until("the server is heard of", || {
        let found = finding(&examine(&place, &[]), "servers");
        found["what"].as_str().unwrap().contains("retention by")
            || found["what"].as_str().unwrap().contains("webhooks by")
    });
    says(&examine(&place, &[]), "servers", "ok", "one server");
    let standby = postgres.standby("other");
    place.url = Postgres::urls(&place.url, &[&standby]);
    let port = format!("127.0.0.1:{} is a standby", standby.port());
    until("the standby follows", || {
        let checks = examine(&place, &[]);
        let found = finding(&checks, "replication");
        found["what"].as_str().unwrap().contains("1 standby follow")
    });
    let checks = examine(&place, &[]);
    let costs = "may be missing, and the epoch changes";
    says(&checks, "replication", "warn", costs);
    let hosts = checks["checks"].as_array().unwrap().iter();
    let hosts: Vec<&Value> = hosts.filter(|found| found["check"] == "host").collect();
    assert_eq!(hosts.len(), 2);
    assert_eq!(hosts[1]["what"], port);
    postgres.set("synchronous_standby_names", "other");
    until("a commit waits for the standby", || {
        finding(&examine(&place, &[]), "replication")["status"] == "ok"
    });
    says(
        &examine(&place, &[]),
        "replication",
        "ok",
        "a commit waits for other",
    );
    standby.kill();
    until("the standby is missed", || {
        finding(&examine(&place, &[]), "replication")["status"] == "fail"
    });
    postgres.set("synchronous_standby_names", "");
    let sql = "ALTER SYSTEM SET max_connections = 12; ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min'";
    for statement in sql.split("; ") {
        postgres.sql("postgres", statement);
    }
    server.stop().ok();
    postgres.kill();
    postgres.start_again();
    let checks = examine(&place, &[]);
    says(&checks, "connections", "warn", "of 9 in use");
    says(&checks, "transactions", "ok", "300000 ms");
}

#[test]
fn a_database_that_would_not_survive_a_power_cut_is_a_fault() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(&postgres);
    // Those of the tests sync nothing.
    says(&examine(&place, &[]), "commit", "fail", "fsync = off: when");
    postgres.set("fsync", "on");
    postgres.set("full_page_writes", "off");
    until("the database has taken it over", || {
        finding(&examine(&place, &[]), "commit")["status"] == "warn"
    });
    let checks = examine(&place, &[]);
    says(&checks, "commit", "warn", "full_page_writes = off: when");
    postgres.set("full_page_writes", "on");
    postgres.set("synchronous_commit", "off");
    until("the database has taken it over", || {
        finding(&examine(&place, &[]), "commit")["status"] == "ok"
    });
    let set = "synchronous_commit = off; servers set it on";
    until("that too", || {
        let checks = examine(&place, &[]);
        let said = finding(&checks, "commit")["what"]
            .as_str()
            .map(str::to_owned);
        said.is_some_and(|said| said.contains(set))
    });
}

#[test]
fn two_primaries_are_a_fault() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let mut place = Place::new(&postgres);
    let standby = postgres.standby("other");
    standby.promote();
    place.url = Postgres::urls(&place.url, &[&standby]);
    let checks = examine(&place, &[]);
    says(&checks, "hosts", "fail", "one of them is an old primary");
    says(&checks, "store", "ok", "none yet");
}

#[test]
fn a_database_that_is_away_or_does_not_answer_is_told_within_seconds() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let mut place = Place::new(&postgres);
    postgres.kill();
    let checks = examine(&place, &[]);
    says(&checks, "database", "fail", "no host of it takes writes");
    says(&checks, "host", "warn", "cannot be used");
    // It takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    place.url = format!("postgres://crew:secret@127.0.0.1:{port}/none");
    let checks = examine(&place, &[("CREWLINE_POSTGRES_CONNECT_TIMEOUT_MS", "1000")]);
    says(&checks, "host", "warn", "does not answer");
    says(&checks, "database", "fail", "no host of it takes writes");
}

#[test]
fn nats_is_asked_whether_it_carries_what_servers_say() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    let world = World::new();
    let url = nats.url();
    let look = || {
        let env = [
            ("CREWLINE_HTTP_LISTEN", "127.0.0.1:0"),
            ("CREWLINE_BUS_URL", url.as_str()),
        ];
        let since = Instant::now();
        let done = world.run_env(&["doctor", "--json"], &env);
        assert!(since.elapsed() < SECONDS, "{done:?}");
        done.json()
    };
    says(&look(), "bus", "ok", "carries crewline.hints in");
    nats.stop();
    says(&look(), "bus", "fail", "NATS at");
}
