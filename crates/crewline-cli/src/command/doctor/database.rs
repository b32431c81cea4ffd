//! The database of a store on PostgreSQL: which host takes writes, how it is set, who serves from it, and what a failover costs.

use std::fmt::Write as _;
use std::time::Duration;

use crewline_engine::{Clock as _, SystemClock};
use crewline_store_postgres::{DatabaseReport, HostReport, HostState, NEWEST_SCHEMA, survey};

use super::finding::Finding;
use crate::config::Store;
use crate::context::Context;

/// The check that fails where it cannot be reached.
const AWAY: &str = "database";
/// How long one host has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The oldest version that is tested.
const OLDEST: i64 = 150_000;
/// Clocks further apart than this confuse those who compare the times of messages with other logs.
const CLOCK_MS: i64 = 1_000;
/// Connections of a server beside those that read: one that writes, one that fills the index, one that listens.
const BESIDE_READERS: i64 = 3;

/// Looks at it. What cannot be reached is told, with what to do, and takes a few seconds.
pub(crate) fn look(context: &Context) -> Vec<Finding> {
    let Store::Postgres(url) = &context.config.store else {
        return Vec::new();
    };
    let surveyed = context.postgres_options(url).and_then(|mut options| {
        options.connect = options.connect.min(PATIENCE);
        survey(&options, || SystemClock.now())
    });
    let found = match surveyed {
        Ok(found) => found,
        Err(error) => {
            let remedy = "set store.url, postgres.caFile and postgres.passwordFile right";
            return vec![Finding::fail(AWAY, error.to_string(), remedy)];
        }
    };
    let mut findings = hosts(&found.hosts);
    match found.database {
        Err(error) => {
            let remedy = "look at the database, its address and the password (PGPASSWORD, postgres.passwordFile); nothing says that the data is damaged";
            findings.push(Finding::fail(AWAY, error.to_string(), remedy));
        }
        Ok(found) => {
            findings.push(version(&found));
            findings.push(schema(&found));
            findings.push(serving(&found));
            findings.push(durability(&found));
            findings.push(replication(&found));
            findings.push(connections(&found, context.config.postgres.readers));
            findings.push(forgotten(&found));
            findings.push(clock(&found));
        }
    }
    findings
}

/// Whether the database could not be reached.
pub(super) fn is_away(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.check == AWAY)
}

fn hosts(hosts: &[HostReport]) -> Vec<Finding> {
    let writable = hosts
        .iter()
        .filter(|host| host.state == HostState::Writable);
    let mut findings: Vec<Finding> = match writable.clone().count() {
        2.. => {
            let names: Vec<&str> = writable.map(|host| host.host.as_str()).collect();
            let what = format!(
                "{} take writes at the same time: one of them is an old primary",
                names.join(" and ")
            );
            let remedy =
                "stop the old primary, and let it follow the new one (pg_rewind, pg_basebackup)";
            vec![Finding::fail("hosts", what, remedy)]
        }
        _ => Vec::new(),
    };
    findings.extend(hosts.iter().map(|host| match &host.state {
        HostState::Writable => Finding::ok("host", format!("{} takes writes", host.host)),
        HostState::ReadOnly => Finding::ok("host", format!("{} is a standby", host.host)),
        HostState::Away(why) => {
            let what = format!("{} cannot be used: {why}", host.host);
            let remedy = "start it, or take it out of store.url; look at its name, the user and PGPASSWORD, and pg_hba.conf";
            Finding::warn("host", what, remedy)
        }
    }));
    if let Some(host) = hosts.iter().find(|host| host.readable) {
        let what = format!("what is stored travels readably to {}", host.host);
        findings.push(Finding::warn(
            "database TLS",
            what,
            "?sslmode=require behind store.url",
        ));
    }
    findings
}

fn version(found: &DatabaseReport) -> Finding {
    let what = format!("PostgreSQL {}, {}", found.version, found.encoding);
    if found.version_number < OLDEST {
        return Finding::fail("version", what, "use version 15 or newer");
    }
    if found.encoding != "UTF8" {
        let remedy = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and move what there is by pg_dump";
        return Finding::fail("version", what, remedy);
    }
    Finding::ok("version", what)
}

fn schema(found: &DatabaseReport) -> Finding {
    match found.schema {
        0 => Finding::ok("store", "there is none yet; the first start makes it"),
        schema if schema > NEWEST_SCHEMA + 1 => {
            let what =
                format!("it has the schema {schema}, and this version knows {NEWEST_SCHEMA}");
            Finding::fail("store", what, "use a newer version of crewline")
        }
        schema if schema < NEWEST_SCHEMA => {
            let what =
                format!("it has the schema {schema}; the next start brings it to {NEWEST_SCHEMA}");
            Finding::ok("store", what)
        }
        schema => Finding::ok(
            "store",
            format!("schema {schema}, timeline {}", found.timeline),
        ),
    }
}

fn serving(found: &DatabaseReport) -> Finding {
    let mut what = match found.serving {
        0 => "no server is connected".to_owned(),
        1 => "one server is connected".to_owned(),
        many => format!("{many} servers are connected"),
    };
    if found.nodes > 0 {
        let _ = write!(what, ", {} heard of as nodes", found.nodes);
    }
    let held = found
        .leases
        .iter()
        .map(|lease| format!("{} by {:x}", lease.name, lease.owner));
    let held: Vec<String> = held.collect();
    if !held.is_empty() {
        let _ = write!(what, "; leases: {}", held.join(", "));
    }
    Finding::ok("servers", what)
}

fn durability(found: &DatabaseReport) -> Finding {
    const CHECK: &str = "commit";
    if !found.off.is_empty() {
        let what = format!(
            "{} = off: when the machine of the database loses power, what was answered can be gone, and the database damaged",
            found.off.join(" = off, ")
        );
        let remedy = format!(
            "ALTER SYSTEM SET {} = on, and SELECT pg_reload_conf()",
            found.off.join(" = on; ALTER SYSTEM SET ")
        );
        // Some file systems never leave a page half written.
        return if found.off.iter().any(|name| name == "fsync") {
            Finding::fail(CHECK, what, remedy)
        } else {
            Finding::warn(CHECK, what, remedy)
        };
    }
    let set = format!("synchronous_commit = {}", found.synchronous_commit);
    match found.synchronous_commit.as_str() {
        "off" => Finding::ok(
            CHECK,
            format!("{set}; servers set it on for what they write"),
        ),
        _ => Finding::ok(CHECK, set),
    }
}

fn replication(found: &DatabaseReport) -> Finding {
    const CHECK: &str = "replication";
    let names = &found.synchronous_standby_names;
    let costs =
        "after a failover messages that were answered may be missing, and the epoch changes";
    if found.is_synchronous && found.standbys == 0 {
        let what = format!(
            "no standby follows, and a commit waits for one ({names}): nothing can be sent"
        );
        let remedy = "start a standby of that application_name; with two of them, synchronous_standby_names = 'ANY 1 (one, two)', one may be away";
        return Finding::fail(CHECK, what, remedy);
    }
    if found.is_synchronous {
        let what = format!(
            "{}, and a commit waits for {names}",
            standbys(found.standbys)
        );
        return Finding::ok(CHECK, what);
    }
    if found.standbys == 0 {
        let what = format!(
            "no standby follows: when the machine of the database is lost, so is what was sent since the last backup, and {costs}"
        );
        let remedy = "set up two standbys, and synchronous_standby_names = 'ANY 1 (one, two)'; or keep backups that go on (WAL archiving)";
        return Finding::warn(CHECK, what, remedy);
    }
    let why = if names.is_empty() {
        "no commit waits for one".to_owned()
    } else {
        format!(
            "synchronous_commit = {} does not wait for them",
            found.synchronous_commit
        )
    };
    let what = format!("{}, and {why}: {costs}", standbys(found.standbys));
    let remedy = "synchronous_standby_names = 'ANY 1 (one, two)', and synchronous_commit = on";
    Finding::warn(CHECK, what, remedy)
}

fn standbys(count: i64) -> String {
    match count {
        1 => "1 standby follows".to_owned(),
        many => format!("{many} standbys follow"),
    }
}

/// Each server may need all of its own.
fn connections(found: &DatabaseReport, readers: u64) -> Finding {
    let each = i64::try_from(readers).unwrap_or(i64::MAX) + BESIDE_READERS;
    let servers = found.serving.max(1);
    let needed = each.saturating_mul(servers);
    let what = format!(
        "{} of {} in use; {servers} × {each} may be needed",
        found.connections, found.connections_max
    );
    // One more server comes when another one is replaced.
    if needed + each > found.connections_max {
        let remedy = "max_connections of the database higher, or postgres.readers lower";
        return Finding::warn("connections", what, remedy);
    }
    Finding::ok("connections", what)
}

fn forgotten(found: &DatabaseReport) -> Finding {
    const CHECK: &str = "transactions";
    if found.idle_in_transaction_ms > 0 {
        let what = format!(
            "one that is forgotten ends after {} ms",
            found.idle_in_transaction_ms
        );
        return Finding::ok(CHECK, what);
    }
    // Those of servers end by themselves.
    let what = "one that somebody forgets in psql is open for ever, and may hold everybody up; those of servers end by themselves";
    let remedy = "ALTER DATABASE … SET idle_in_transaction_session_timeout = '5min'";
    Finding::warn(CHECK, what, remedy)
}

fn clock(found: &DatabaseReport) -> Finding {
    const CHECK: &str = "two clocks";
    let (ahead, trip) = (found.clock_ahead_ms, found.trip.as_secs_f64() * 1_000.0);
    let apart = match ahead {
        0.. => format!("this machine is {ahead} ms ahead of the database"),
        _ => format!("this machine is {} ms behind the database", -ahead),
    };
    let what = format!("{apart}; a question and its answer take {trip:.1} ms");
    // What was waited for may have been spent on one way alone.
    let limit = CLOCK_MS + i64::try_from(found.trip.as_millis()).unwrap_or(i64::MAX);
    if ahead.abs() > limit {
        return Finding::warn(CHECK, what, "timedatectl set-ntp true, or chrony, on both");
    }
    Finding::ok(CHECK, what)
}
