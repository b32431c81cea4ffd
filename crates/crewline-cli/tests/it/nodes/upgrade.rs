//! A rolling upgrade: under load, one node after the other stops in good order and starts as the next version, which brings a
//! schema of its own; the others work beside it. What is looked at is what is looked at after each fault.
//!
//! The next version is built by `cargo xtask next`; `CREWLINE_NEXT` says where it is.

use std::path::PathBuf;

use crewline_testkit::Random;

use super::cluster::{Cluster, NODES};
use super::ledger::Logs;
use super::load::Load;
use super::receiver::Receiver;
use super::{look_at_posts, nobody_is_stuck, people, verify};
use crate::support::finish;

/// How many messages are taken while a node is away.
const MEANWHILE: usize = 30;

#[test]
fn one_node_after_the_other_becomes_the_next_version_and_nobody_notices() {
    let Some(next) = std::env::var_os("CREWLINE_NEXT").map(PathBuf::from) else {
        eprintln!(
            "LEFT OUT: CREWLINE_NEXT does not say where the next version is; make upgrade builds it"
        );
        return;
    };
    let Some(mut cluster) = Cluster::prepare() else {
        return;
    };
    let tokens = people(&cluster);
    let versions = [
        finish(cluster.world.command(&["--version"])).ok().out,
        finish(cluster.world.command_of(&next, &["--version"]))
            .ok()
            .out,
    ];
    assert_ne!(versions[0], versions[1], "two versions");
    println!("from {} to {}", versions[0].trim(), versions[1].trim());
    cluster.start();
    cluster.bus_is_there();
    let (receiver, schema) = (Receiver::start(&cluster), cluster.schema());
    let mut random = Random::new(u64::from(std::process::id()));
    let mut load = Load::start(&cluster.addresses, &tokens, &mut random);
    let mut logs = Logs::default();
    load.ledger.grow(20);
    let mut look = |cluster: &Cluster, load: &mut Load, step: u64| {
        nobody_is_stuck(cluster, &tokens, step);
        verify(cluster, step as usize % NODES, &tokens, load, &mut logs);
        load.look();
        println!("step {step}: {}", look_at_posts(cluster, &receiver, &logs));
    };
    for node in (0..NODES).rev() {
        let old = cluster.nodes[node].server.take().unwrap();
        old.stop().ok();
        load.ledger.grow(MEANWHILE);
        cluster.start_node_by(&next, node);
        assert_eq!(cluster.schema(), schema + 1, "the first one brings it");
        load.ledger.grow(MEANWHILE);
        look(&cluster, &mut load, node as u64);
        if node == NODES - 1 {
            // One of the version before may also begin beside the new schema: it may have to be started in between.
            cluster.nodes[0].server.take().unwrap().stop().ok();
            cluster.start_node(0);
            load.ledger.grow(MEANWHILE);
        }
    }
    load.stop_sending();
    look(&cluster, &mut load, NODES as u64);
    cluster.check();
    refuses_a_schema_two_newer(&cluster);
}

/// Two versions are too many: the tables may have lost what this one needs.
fn refuses_a_schema_two_newer(cluster: &Cluster) {
    let newer = "UPDATE crewline.schema_version SET version = version + 1";
    cluster.postgres.sql(&cluster.database, newer);
    let args = ["serve", "--listen", "127.0.0.1:0", "--store"];
    let refused = cluster
        .world
        .run(&[&args[..], &[&cluster.database]].concat());
    let refused = refused.failed(1);
    let schema = cluster.schema();
    let (has, remedy) = (
        format!("has the schema {schema}"),
        "Use a newer version of crewline",
    );
    assert!(
        refused.err.contains(&has) && refused.err.contains(remedy),
        "{refused:?}"
    );
}
