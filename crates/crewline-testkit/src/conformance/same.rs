//! The same operations on two stores: the same answers, the same logs, the same lists.

use crewline_api::{EventKind, EventKinds, Timestamp};
use crewline_core::{Cut, GroupRow, MemoryStore, Removed};

use super::{Make, desk};
use crate::ops::{EXTERNALS, GROUPS, USERS};
use crate::{Desk, Op, Random, World, draw};

/// Seeds of every run. A seed that finds a fault is added to this list, and stays.
const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];
const OPS: usize = 250;

pub(super) fn random_operations_say_the_same_as_the_store_in_memory(make: Make<'_>) {
    for seed in SEEDS {
        play(make, seed, 1, None);
    }
}

pub(super) fn batches_say_the_same_as_the_store_in_memory(make: Make<'_>) {
    for seed in SEEDS {
        play(make, seed + 1_000, 12, None);
    }
}

pub(super) fn operations_and_retention_say_the_same_as_the_store_in_memory(make: Make<'_>) {
    for (seed, step) in SEEDS.into_iter().zip([1, 2, 3, 7, 20, 1_000]) {
        play(make, seed + 2_000, 3, Some(step));
    }
}

/// Removes what is old from both stores: from the one under test in steps of `rows` rows.
fn prune(tested: &mut Desk, model: &mut Desk, random: &mut Random, rows: usize) -> Removed {
    let ago = |random: &mut Random, most: usize| {
        let now = tested.now.as_millis();
        Timestamp::from_millis(now - random.below(most) as i64)
    };
    let cut = Cut {
        before: ago(random, 60),
        release: ago(random, 300),
    };
    let (removed, _) = tested.prune(cut, rows);
    assert_eq!(removed, model.prune(cut, rows).0, "{cut:?}");
    removed
}

/// Groups and duty change, between two batches.
fn change_groups(tested: &mut Desk, model: &mut Desk, random: &mut Random) {
    let groups = GROUPS.map(|group| GroupRow {
        id: group.parse().unwrap(),
        name: group.to_owned(),
        members: (0..random.below(4))
            .map(|_| random.pick(&USERS).parse().unwrap())
            .collect(),
    });
    let (user, on_duty) = (random.pick(&USERS).parse().unwrap(), random.one_in(2));
    for desk in [tested, model] {
        let now = desk.now;
        let put = desk.directory(|directory| directory.put_groups(&groups, now));
        put.unwrap();
        let duty = desk.directory(|directory| directory.set_duty(&user, on_duty, "random", now));
        duty.unwrap();
    }
}

/// Plays operations on the store and on the one in memory, in batches of up to `batch`; where `step` is given, what is
/// old is removed now and then.
fn play(make: Make<'_>, seed: u64, batch: usize, step: Option<usize>) {
    println!("seed {seed}, batches of up to {batch}");
    let mut random = Random::new(seed);
    let (mut tested, _guard) = desk(make);
    let mut model = Desk::new(MemoryStore::new("model").open());
    for user in USERS {
        tested.add_user(user);
        model.add_user(user);
    }
    change_groups(&mut tested, &mut model, &mut random);
    let mut world = World::default();
    let (mut done, mut events, mut texts) = (0, 0, 0);
    while done < OPS {
        let ops: Vec<Op> = (0..=random.below(batch))
            .map(|_| draw(&mut random, &world))
            .collect();
        done += ops.len();
        let (answers, expected) = (tested.batch(&ops), model.batch(&ops));
        for ((op, answer), expected) in ops.iter().zip(&answers).zip(&expected) {
            assert_eq!(
                answer, expected,
                "seed {seed}, batches of up to {batch}: {op:?}"
            );
            if let Ok(answer) = answer {
                world.learn(answer);
            }
        }
        if random.one_in(8) {
            change_groups(&mut tested, &mut model, &mut random);
        }
        if let Some(rows) = step.filter(|_| random.one_in(6)) {
            let removed = prune(&mut tested, &mut model, &mut random, rows);
            events += removed.events;
            texts += removed.texts;
        }
    }
    assert!(
        step.is_none() || (events > 50 && texts > 10),
        "seed {seed}: {events} events, {texts} texts"
    );
    compare(&tested, &model, &world, seed);
}

fn compare(tested: &Desk, model: &Desk, world: &World, seed: u64) {
    for who in USERS.iter().chain(&EXTERNALS) {
        assert_eq!(tested.no(who), model.no(who), "seed {seed}: {who}");
        let Some(no) = model.no(who) else { continue };
        assert_eq!(
            tested.log(who),
            model.log(who),
            "seed {seed}: the log of {who}"
        );
        let kinds = EventKinds::from_iter([EventKind::MessageRead, EventKind::SelfRead]);
        assert_eq!(
            tested.reader.log(no, 3, kinds, 5),
            model.reader.log(no, 3, kinds, 5),
            "seed {seed}: a page of {who}"
        );
        assert_eq!(
            tested.reader.chats(no, None, 5),
            model.reader.chats(no, None, 5),
            "seed {seed}: the chats of {who}"
        );
        for (message, chat) in &world.messages {
            assert_eq!(
                tested.reader.message(&[no], *message),
                model.reader.message(&[no], *message),
                "seed {seed}: {message} for {who}"
            );
            let history = (
                tested.reader.history(&[no], *chat, Some(4), 3),
                model.reader.history(&[no], *chat, Some(4), 3),
            );
            assert_eq!(history.0, history.1, "seed {seed}: {chat} for {who}");
        }
        for name in ["a", "b"] {
            let name = name.parse().expect("a good name");
            let kept = |desk: &Desk| {
                desk.reader
                    .cursor(no, &name)
                    .expect("the store reads")
                    .map(|row| (row.seq, row.kinds, row.put_at, row.released))
            };
            assert_eq!(
                kept(tested),
                kept(model),
                "seed {seed}: the cursor {name} of {who}"
            );
        }
    }
    assert_eq!(
        tested.reader.cursors_behind(tested.now, 100),
        model.reader.cursors_behind(model.now, 100),
        "seed {seed}: cursors that are behind"
    );
    assert_eq!(
        tested.reader.people("a", None, 4),
        model.reader.people("a", None, 4),
        "seed {seed}"
    );
}
