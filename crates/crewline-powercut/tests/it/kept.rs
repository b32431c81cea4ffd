//! The power is cut while old things are removed, step by step, and others are sent: each step was done or not.

use std::path::Path;

use crewline_core::{Command, Cut, Pass};
use crewline_powercut::{Names, Recording, Style, position};
use crewline_testkit::{Desk, Random, USERS, World, draw};

use crate::promise::{Seen, difference, is_well, open, see};

/// Cuts.
const CUTS: usize = 24;

/// What everybody sees; stories are left out, since the same are to be looked at each time.
fn look(desk: &mut Desk) -> Seen {
    while desk.writer.index(1_000).unwrap() {}
    see(desk, &World::default())
}

/// A store that one hand works on: what everybody saw after each step, and from which call on that was promised.
struct Work {
    desk: Desk,
    random: Random,
    world: World,
    moments: Vec<(usize, Seen)>,
}

impl Work {
    fn begin(folder: &Path) -> Self {
        let mut desk = open(folder).unwrap();
        for user in USERS {
            desk.add_user(user);
        }
        Self {
            desk,
            random: Random::new(31),
            world: World::default(),
            moments: Vec::new(),
        }
    }

    fn batch(&mut self) {
        let commands: Vec<Command> = (0..4)
            .map(|_| draw(&mut self.random, &self.world))
            .collect();
        for answer in self.desk.batch(&commands).iter().flatten() {
            self.world.learn(answer);
        }
    }

    fn look(&mut self) {
        let at = position();
        self.moments.push((at, look(&mut self.desk)));
    }

    /// Removes what is older than a few batches, and works in between.
    fn prune(&mut self) {
        let before = self.desk.now.plus_millis(-6);
        let mut pass = Pass::new(Cut {
            before,
            release: before,
        });
        while !pass.is_done() {
            self.desk.writer.prune(&mut pass, 12).unwrap();
            self.look();
            if self.random.one_in(3) {
                self.batch();
                self.look();
            }
        }
        assert!(pass.removed.texts > 10, "{:?}", pass.removed);
    }
}

#[test]
fn a_cut_in_the_retention_finds_each_step_done_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut work = Work::begin(folder.path());
    for _ in 0..40 {
        work.batch();
    }
    // What was there before is durable.
    drop(work.desk);
    work.desk = open(folder.path()).unwrap();
    work.desk.now = work.desk.now.plus_millis(1_000);
    let recording = Recording::begin(folder.path(), None);
    work.look();
    work.prune();
    let moments = work.moments;
    drop(work.desk);
    let tape = recording.end();
    let mut random = Random::new(32);
    for _ in 0..CUTS {
        let cut = random.below(tape.calls.len() + 1);
        let style = (Style::draw(&mut random), Names::draw(&mut random));
        let image = tempfile::tempdir().unwrap();
        tape.image(cut, style, &mut random, image.path()).unwrap();
        let promised = moments.iter().rposition(|(at, _)| *at <= cut).unwrap_or(0);
        let mut desk = open(image.path()).unwrap();
        let found = look(&mut desk);
        // One step may have been under way.
        let differs: Vec<_> = moments[promised..]
            .iter()
            .take(2)
            .filter_map(|(_, seen)| difference(seen, &found))
            .collect();
        let possible = moments[promised..].len().min(2);
        assert!(
            differs.len() < possible,
            "cut before call {cut} of {}, {style:?}: {differs:?}",
            tape.calls.len()
        );
        drop(desk);
        is_well(&image.path().join("crewline.db")).unwrap();
    }
}
