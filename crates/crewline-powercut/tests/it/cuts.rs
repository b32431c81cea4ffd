//! The power is cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crewline_powercut::{Call, Names, Recording, Style, Tape, position};
use crewline_store_sqlite::admin;
use crewline_testkit::Random;
use tempfile::TempDir;

use crate::ledger::{Ledger, Shared};
use crate::promise::{check, steps_in};
use crate::work::{Counting, backup, begin, load, look_at_all, options, start};

/// Cuts of each seed.
const CUTS: usize = 40;
/// Kills before a cut.
const KILLS: u64 = 6;

/// A number that `make powercut` gives.
fn asked(what: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(format!("CREWLINE_POWERCUT_{what}"));
    asked.map_or(otherwise, |number| number.parse().unwrap())
}

/// A life of a store: it is made, works, is backed up, is closed and opened again, and works on.
async fn life(
    seed: u64,
    store: impl Fn(&Path) -> crewline_store_sqlite::Options,
) -> (Tape, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, clock) = (Shared::default(), Arc::new(Counting::default()));
    let recording = Recording::begin(folder.path(), None);
    let options = store(folder.path());
    let engine = start(&options, &clock, &ledger);
    begin(&engine, &ledger).await;
    let (working, copying) = (
        load(&engine, &ledger, seed, 160),
        backup(folder.path(), "backup.db", &ledger),
    );
    tokio::join!(working, copying);
    engine.stop().await;
    drop(engine);
    let engine = start(&options, &clock, &ledger);
    load(&engine, &ledger, seed + 1, 80).await;
    engine.stop().await;
    drop(engine);
    let tape = recording.end();
    let ledger = ledger.lock().clone();
    (tape, ledger)
}

/// Draws where to cut: anywhere, and half of the time where something has just been promised or named.
fn moment(tape: &Tape, random: &mut Random) -> usize {
    let edges = tape.find(|call| matches!(call, Call::SyncEnded(_) | Call::Names(_)));
    match random.pick_some(&edges) {
        Some(edge) if random.one_in(2) => edge + random.below(3),
        _ => random.below(tape.calls.len() + 1),
    }
    .min(tape.calls.len())
}

/// Cuts once; what is broken then.
fn cut_once(tape: &Tape, ledger: &Ledger, cut: usize, random: &mut Random) -> Result<(), Broken> {
    let style = (Style::draw(random), Names::draw(random));
    cut_as(tape, ledger, cut, style, random)
}

fn cut_as(
    tape: &Tape,
    ledger: &Ledger,
    cut: usize,
    style: (Style, Names),
    random: &mut Random,
) -> Result<(), Broken> {
    let folder = tempfile::tempdir().unwrap();
    tape.image(cut, style, random, folder.path()).unwrap();
    let kept = copy_of(folder.path());
    check(ledger, cut, random.bits(), folder.path()).map_err(|broken| Broken {
        what: format!(
            "cut before call {cut} of {}, {style:?}: {broken}",
            tape.calls.len()
        ),
        kept,
    })
}

/// A promise that was broken, and what the disk held.
struct Broken {
    what: String,
    kept: TempDir,
}

impl Broken {
    fn report(self, seed: u64) -> ! {
        let kept = self.kept.keep();
        // Beside what the disk held: other runs of the seed do the same work, and meet the disk at other moments.
        std::fs::write(kept.join("broken.txt"), &self.what).unwrap();
        panic!(
            "seed {seed}, {}\nThe disk as it was, and this text, are in {}. The same work again, with more cuts: \
             CREWLINE_POWERCUT_CUTS=2000 make powercut FIRST={seed} SEEDS=1",
            self.what,
            kept.display()
        );
    }
}

fn copy_of(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let from: PathBuf = entry.unwrap().path();
        std::fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
    }
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_at_any_moment_everything_that_was_promised_is_there() {
    let (first, seeds) = (asked("FIRST", 1), asked("SEEDS", 1));
    for seed in first..first + seeds {
        let (tape, ledger) = life(seed, options).await;
        println!(
            "seed {seed}: {} calls, {} batches and acts",
            tape.calls.len(),
            ledger.steps.len()
        );
        let mut random = Random::new(seed);
        for _ in 0..asked("CUTS", CUTS as u64) {
            let cut = moment(&tape, &mut random);
            if let Err(broken) = cut_once(&tape, &ledger, cut, &mut random) {
                broken.report(seed);
            }
        }
    }
}

/// What a kill leaves: everything that was written, in a folder of its own.
pub(crate) fn killed(tape: &Tape, kill: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in tape.whole(kill) {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Kills the server before a call, starts it again, reads, and works on: what was recorded and promised, and before which
/// call everything had been read.
async fn kill_and_go_on(
    tape: &Tape,
    ledger: &Ledger,
    kill: usize,
    seed: u64,
) -> (Tape, Ledger, usize) {
    let steps = steps_in(ledger, kill, killed(tape, kill).path()).unwrap();
    let folder = killed(tape, kill);
    let ledger = Shared::of(ledger.after_a_kill(kill, steps));
    let recording = Recording::begin(folder.path(), Some((tape, kill)));
    let clock = Arc::new(Counting::from(1_000_000));
    let engine = start(&options(folder.path()), &clock, &ledger);
    look_at_all(&engine, &ledger).await;
    let seen = position();
    ledger.lock().all_was_shown(seen);
    load(&engine, &ledger, seed, 24).await;
    engine.stop().await;
    drop(engine);
    let tape = recording.end();
    let ledger = ledger.lock().clone();
    (tape, ledger, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_after_a_kill_is_there_after_a_cut() {
    let first = asked("FIRST", 1);
    for seed in first..first + asked("SEEDS", 1) {
        let (tape, ledger) = life(seed, options).await;
        let log = tape.named("-wal");
        // A batch was written, and the disk has not confirmed it.
        let flushes = tape.find(|call| match call {
            Call::SyncBegan { file, .. } => file.is_some_and(|file| log.contains(&file)),
            _ => false,
        });
        let mut random = Random::new(seed);
        for round in 0..KILLS {
            let kill = if random.one_in(2) {
                random.pick(&flushes) + random.below(2)
            } else {
                random.below(tape.calls.len())
            };
            let (tape, ledger, seen) = kill_and_go_on(&tape, &ledger, kill, seed + round).await;
            let later = (Style::draw(&mut random), Names::draw(&mut random));
            let cuts = [
                (seen, (Style::Dropped, Names::Dropped)),
                (seen + random.below(tape.calls.len() - seen), later),
            ];
            for (cut, style) in cuts {
                if let Err(broken) = cut_as(&tape, &ledger, cut, style, &mut random) {
                    println!("killed before call {kill}");
                    broken.report(seed);
                }
            }
        }
    }
}

/// Takes back what the newest migrations made, so that the store is one of an older version.
const OLDER: &str =
    "DROP TABLE node_present; DROP TABLE node; DROP TABLE lease; DROP TABLE search_word;
    PRAGMA user_version = 9;";

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_while_an_older_store_gets_the_newest_schema_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, clock) = (Shared::default(), Arc::new(Counting::default()));
    let options = options(folder.path());
    let engine = start(&options, &clock, &ledger);
    begin(&engine, &ledger).await;
    load(&engine, &ledger, 21, 40).await;
    engine.stop().await;
    drop(engine);
    let mut shell = admin::open_shell(&options.path, true).unwrap();
    shell.run(OLDER).unwrap();
    drop(shell);
    assert_eq!(admin::check(&options.path).unwrap().schema, 9);
    let before = ledger.lock().clone();
    let ledger = Shared::of(before.long_ago());
    let recording = Recording::begin(folder.path(), None);
    let engine = start(&options, &clock, &ledger);
    let opened = position();
    load(&engine, &ledger, 22, 16).await;
    engine.stop().await;
    drop(engine);
    let tape = recording.end();
    let ledger = ledger.lock().clone();
    let mut random = Random::new(21);
    for round in 0..CUTS {
        let cut = match round % 4 {
            0 => opened + random.below(tape.calls.len() - opened + 1),
            _ => random.below(opened + 1),
        };
        if let Err(broken) = cut_once(&tape, &ledger, cut, &mut random) {
            broken.report(21);
        }
    }
}

/// Cuts until something is broken; whether it was, in as many cuts as there are in the test of the promises.
fn notices(tape: &Tape, ledger: &Ledger) -> Option<String> {
    let mut random = Random::new(7);
    (0..CUTS).find_map(|_| {
        let cut = moment(tape, &mut random);
        let broken = cut_once(tape, ledger, cut, &mut random).err()?;
        println!("{}", broken.what.lines().next()?);
        Some(broken.what)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_synced_is_lost_and_this_notices() {
    let (tape, ledger) = life(3, |folder| crewline_store_sqlite::Options {
        synchronous_full: false,
        ..options(folder)
    })
    .await;
    let noticed = notices(&tape, &ledger);
    assert!(
        noticed.is_some(),
        "nothing was synced, and nothing was missed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_lies_is_noticed() {
    let (tape, ledger) = life(4, options).await;
    let log = tape.named("-wal");
    let file = tape.named("crewline.db");
    let lies: [(&str, Tape); 4] = [
        ("about everything", tape.lying(|_| true)),
        (
            "about the log",
            tape.lying(|file| file.is_some_and(|file| log.contains(&file))),
        ),
        (
            "about the file",
            tape.lying(|of| of.is_some_and(|of| file.contains(&of))),
        ),
        ("about names", tape.lying(|file| file.is_none())),
    ];
    for (about, tape) in lies {
        let noticed = notices(&tape, &ledger);
        assert!(
            noticed.is_some(),
            "the disk lied {about}, and nothing was missed"
        );
    }
}
