//! The power is cut while a backup takes the place of a store: one of the two is there, whole; and the new one, once it
//! was said.

use std::path::Path;
use std::sync::Arc;

use crewline_api::Event;
use crewline_powercut::{Call, Names, Recording, Style, Tape, position};
use crewline_store_sqlite::admin::{self, RestoreOptions};
use crewline_testkit::{EXTERNALS, Random, USERS};
use tempfile::TempDir;

use crate::cuts::killed;
use crate::ledger::Shared;
use crate::promise::{is_well, open};
use crate::work::{Counting, backup, begin, load, options, start};

/// Cuts behind each sync and each change of names.
const CUTS: usize = 2;

type Logs = Vec<Vec<Event>>;

/// What a store holds, and its epoch.
fn held(folder: &Path) -> Result<(Logs, String), String> {
    let store = folder.join("crewline.db");
    is_well(&store)?;
    let desk = open(folder)?;
    let epoch = desk.reader.epoch().map_err(|error| error.detail)?;
    let logs = USERS.iter().chain(&EXTERNALS).map(|who| desk.log(who));
    let held = (logs.collect(), epoch);
    drop(desk);
    is_well(&store)?;
    Ok(held)
}

/// A folder with a store that has worked on since a backup of it was made, with its log, as a kill leaves it; and the
/// backup.
async fn prepare() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, clock) = (Shared::default(), Arc::new(Counting::default()));
    let recording = Recording::begin(folder.path(), None);
    let engine = start(&options(folder.path()), &clock, &ledger);
    begin(&engine, &ledger).await;
    load(&engine, &ledger, 11, 40).await;
    backup(folder.path(), "backup.db", &ledger).await;
    load(&engine, &ledger, 12, 40).await;
    let kill = position();
    engine.stop().await;
    drop(engine);
    killed(&recording.end(), kill)
}

fn restore(folder: &Path) {
    let options = RestoreOptions {
        replace: true,
        revoke_sessions: false,
        stamp: "20261125T010203Z".to_owned(),
        note: None,
    };
    let (from, to) = (folder.join("backup.db"), folder.join("crewline.db"));
    admin::restore(&from, &to, &options, Box::new(|_, _| {})).unwrap();
}

/// What is left of the folder after a cut.
fn left(
    tape: &Tape,
    cut: usize,
    style: (Style, Names),
    random: &mut Random,
) -> Result<(Logs, String), String> {
    let image = tempfile::tempdir().unwrap();
    tape.image(cut, style, random, image.path()).unwrap();
    held(image.path())
}

/// An old log, or the journal of what made it one file, would be taken for the new store's: a disk may keep names in any order.
#[tokio::test(flavor = "multi_thread")]
async fn the_logs_of_the_old_store_are_gone_for_good_before_the_new_one_takes_its_name() {
    let folder = prepare().await;
    let recording = Recording::begin(folder.path(), None);
    restore(folder.path());
    let tape = recording.end();
    let placed = |call: &Call| match call {
        Call::Names(changes) => changes.contains_key("crewline.db"),
        _ => false,
    };
    let placed = tape.find(placed)[0];
    let image = tempfile::tempdir().unwrap();
    let durable = (Style::Dropped, Names::Dropped);
    tape.image(placed, durable, &mut Random::new(1), image.path())
        .unwrap();
    for log in ["crewline.db-wal", "crewline.db-journal"] {
        assert!(!image.path().join(log).exists(), "{log} may come back");
    }
    assert!(image.path().join("crewline.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_a_restore_leaves_the_old_store_or_the_new_one() {
    let folder = prepare().await;
    let recording = Recording::begin(folder.path(), None);
    restore(folder.path());
    let tape = recording.end();
    let mut random = Random::new(1);
    let whole = (Style::Dropped, Names::Dropped);
    let old = left(&tape, 0, whole, &mut random).unwrap();
    let new = held(folder.path()).unwrap();
    assert!(
        old.0 != new.0 && old.1 != new.1,
        "there is nothing to tell them apart"
    );
    let edges = tape.find(|call| !matches!(call, Call::Write { .. } | Call::Length { .. }));
    let edges = edges.iter().flat_map(|at| [at + 1; CUTS]);
    let others = (0..tape.calls.len()).step_by(8);
    for cut in edges.chain(others) {
        let style = (Style::draw(&mut random), Names::draw(&mut random));
        let found = left(&tape, cut, style, &mut random);
        let is_one = found
            .as_ref()
            .is_ok_and(|found| *found == new || *found == old);
        let of = tape.calls.len();
        assert!(
            is_one,
            "cut before call {cut} of {of}, {style:?}: {:?}",
            found.err()
        );
    }
    for _ in 0..CUTS {
        let style = (Style::draw(&mut random), Names::draw(&mut random));
        let found = left(&tape, tape.calls.len(), style, &mut random);
        assert!(
            found == Ok(new.clone()),
            "it was restored, and is not there: {style:?}"
        );
    }
}
