//! A day of work on a store: many at once, on the real engine, so that batches wait for each other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crewline_api::{Role, Timestamp};
use crewline_core::{GroupRow, NewUser};
use crewline_engine::{Clock, Engine, Options};
use crewline_powercut::position;
use crewline_store_sqlite::admin;
use crewline_testkit::model::Act;
use crewline_testkit::{EXTERNALS, Random, USERS, draw};

use crate::ledger::{Answered, Noting, Shared, Told};

/// How many work at once.
const HANDS: u64 = 8;

/// A clock that counts.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    now: AtomicI64,
    count: AtomicU64,
}

impl Counting {
    /// As if it had counted so far.
    pub(crate) fn from(now: i64) -> Self {
        Self {
            now: AtomicI64::new(now),
            count: AtomicU64::new(now as u64),
        }
    }
}

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        let now = self.now.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millis(1_790_000_000_000 + now)
    }

    fn random(&self) -> u64 {
        Random::new(self.count.fetch_add(1, Ordering::Relaxed)).bits()
    }
}

/// How a store is opened here: pages are moved often, so that cuts meet that too.
pub(crate) fn options(folder: &Path) -> crewline_store_sqlite::Options {
    crewline_store_sqlite::Options {
        checkpoint_pages: 60,
        ..crewline_store_sqlite::Options::new(folder.join("crewline.db"))
    }
}

/// Opens the store as a server does.
pub(crate) fn start(
    options: &crewline_store_sqlite::Options,
    clock: &Arc<Counting>,
    ledger: &Shared,
) -> Engine {
    let mut opened = crewline_store_sqlite::open(options).unwrap();
    opened.writer = Box::new(Noting {
        inner: opened.writer,
        ledger: ledger.clone(),
        saved: None,
    });
    let clock: Arc<dyn Clock> = clock.clone();
    let engine = Engine::start(opened, Options::default(), clock).unwrap();
    engine.epoch().clone_into(&mut ledger.lock().epoch);
    engine
}

/// Carries an act out; says whether it was not refused.
async fn act(engine: &Engine, ledger: &Shared, act: Act) -> bool {
    let ledger = ledger.clone();
    let carry_out = move |directory: &mut dyn crewline_core::Directory, now| {
        let done = act.carry_out(directory, now)?;
        ledger.acted(act, now);
        Ok(done)
    };
    engine.directory(carry_out).await.unwrap().is_ok()
}

/// Fills the directory.
pub(crate) async fn begin(engine: &Engine, ledger: &Shared) {
    for user in USERS {
        let user = NewUser {
            id: user.parse().unwrap(),
            name: None,
            role: Role::Crew,
            password: None,
        };
        assert!(act(engine, ledger, Act::AddUser(user)).await);
    }
    for (group, members) in [("north", &USERS[..2]), ("south", &USERS[1..4])] {
        let group = GroupRow {
            id: group.parse().unwrap(),
            name: group.to_owned(),
            members: members.iter().map(|user| user.parse().unwrap()).collect(),
        };
        assert!(act(engine, ledger, Act::PutGroup(group)).await);
    }
}

/// Works until `count` commands were answered.
pub(crate) async fn load(engine: &Engine, ledger: &Shared, seed: u64, count: usize) {
    let each = count / HANDS as usize;
    let mut hands = tokio::task::JoinSet::new();
    for hand in 0..HANDS {
        let random = Random::new(seed * 1_000 + hand);
        hands.spawn(work(engine.clone(), ledger.clone(), random, each));
    }
    while let Some(done) = hands.join_next().await {
        done.unwrap();
    }
}

async fn work(engine: Engine, ledger: Shared, mut random: Random, count: usize) {
    for _ in 0..count {
        let command = {
            let ledger = ledger.lock();
            draw(&mut random, &ledger.world)
        };
        if let Ok(answer) = engine.submit(command.clone()).await {
            let at = position();
            let mut ledger = ledger.lock();
            ledger.world.learn(&answer);
            ledger.answered.push(Answered {
                command,
                answer,
                at,
            });
        }
        if random.one_in(4) {
            look(&engine, &ledger, &mut random).await;
        }
        if random.one_in(40) {
            let user = random.pick(&USERS).parse().unwrap();
            let duty = Act::SetDuty(user, random.one_in(2), "somebody".to_owned());
            // It is refused where a kill came before the users.
            act(&engine, &ledger, duty).await;
        }
    }
}

/// Somebody reads how long a log is.
async fn look(engine: &Engine, ledger: &Shared, random: &mut Random) {
    let everybody: Vec<&'static str> = USERS.iter().chain(&EXTERNALS).copied().collect();
    look_at(engine, ledger, random.pick(&everybody)).await;
}

/// Somebody reads how long each log is.
pub(crate) async fn look_at_all(engine: &Engine, ledger: &Shared) {
    for whose in USERS.iter().chain(&EXTERNALS) {
        look_at(engine, ledger, whose).await;
    }
}

async fn look_at(engine: &Engine, ledger: &Shared, whose: &'static str) {
    let id = whose.parse().unwrap();
    let head = engine.read(move |reader| {
        let Some(row) = reader.participant(&id)? else {
            return Ok(0);
        };
        Ok(reader.heads(&[row.no])?[0])
    });
    let head = head.await.unwrap();
    let at = position();
    ledger.lock().told.push(Told { whose, head, at });
}

/// Makes a backup beside the server.
pub(crate) async fn backup(folder: &Path, name: &str, ledger: &Shared) {
    let (from, to) = (folder.join("crewline.db"), folder.join(name));
    let promised = ledger.lock().promised(position());
    let made = tokio::task::spawn_blocking(move || admin::backup(&from, &to));
    made.await.unwrap().unwrap();
    let at = position();
    ledger.lock().backups.push((name.to_owned(), promised, at));
}
