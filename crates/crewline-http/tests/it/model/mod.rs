//! The model played on the real thing: the engine on SQLite and on PostgreSQL, and a server on SQLite over HTTP and over the socket.
//!
//! `CREWLINE_MODEL_SEEDS` says how many seeds each of them gets, `CREWLINE_MODEL_FIRST` which one is the first
//! (`make model SEEDS=1000`). Each run prints its seeds; a failure prints the shortest list of steps that still fails.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use crewline_core::{Settings, UnknownRecipients};
use crewline_testkit::model::{Edge, Memory, Op, Step, Target, play, shrink, steps, to_rust};
use crewline_testkit::postgres::Postgres;
use futures_util::FutureExt as _;

mod device;
mod drawn;
mod house;
mod http;
mod line;
mod poll;
mod regressions;
mod socket;
mod stream;
mod together;
mod wire;

use house::House;
use http::Http;
use socket::Socket;

/// Steps of a play.
const STEPS: usize = 160;
/// Seeds where nothing else is said: so many that all of it takes some ten seconds.
const SEEDS: u64 = 9;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The seeds of this run.
fn seeds() -> std::ops::Range<u64> {
    let first = number("CREWLINE_MODEL_FIRST").unwrap_or(1);
    first..first + number("CREWLINE_MODEL_SEEDS").unwrap_or(SEEDS)
}

/// Some plays take unknown recipients, as an embedded engine does.
fn settings(seed: u64) -> Settings {
    let unknown_recipients = if seed.is_multiple_of(4) {
        UnknownRecipients::Accept
    } else {
        UnknownRecipients::Refuse
    };
    Settings { unknown_recipients }
}

/// What is compared with the specification.
#[derive(Clone, Copy, Debug)]
enum What {
    Engine,
    Http,
    Socket,
}

impl What {
    const ALL: [Self; 3] = [Self::Engine, Self::Http, Self::Socket];

    /// The first difference, if there is one. What the target's client cannot go on with is one too: it can be made
    /// shorter like any other.
    async fn difference(self, steps: &[Step], settings: Settings) -> Option<String> {
        // A whole server is in it: too much for a stack.
        caught(Box::pin(self.play(steps, settings))).await
    }

    async fn play(self, steps: &[Step], settings: Settings) -> Option<String> {
        let house = House::new(settings);
        match self {
            Self::Engine => against(&mut Edge::begin(house).await, steps, settings).await,
            Self::Http => {
                let mut target = Http::begin(house).await;
                let difference = against(&mut target, steps, settings).await;
                target.stop().await;
                difference
            }
            Self::Socket => {
                let mut target = Socket::begin(house).await;
                let difference = against(&mut target, steps, settings).await;
                target.stop().await;
                difference
            }
        }
    }
}

async fn caught(play: impl Future<Output = Option<String>>) -> Option<String> {
    let played = AssertUnwindSafe(play).catch_unwind();
    played.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Some(text.unwrap_or_else(|| "it panicked, and said so above".to_owned()))
    })
}

async fn against(target: &mut impl Target, steps: &[Step], settings: Settings) -> Option<String> {
    let mut spec = Edge::begin(Memory::new(settings)).await;
    let difference = play(&mut spec, target, steps).await.err()?;
    Some(difference.to_string())
}

async fn play_seeds(what: What) {
    println!("{what:?}: seeds {:?}", seeds());
    for seed in seeds() {
        println!("seed {seed}");
        let settings = settings(seed);
        let drawn = steps(seed, STEPS);
        let difference = async |steps: &[Step]| what.difference(steps, settings).await;
        let which = format!("{what:?}, seed {seed}");
        Box::pin(hold(&which, drawn, difference)).await;
    }
}

/// Fails where there is a difference, with the shortest list of steps that still has one.
async fn hold(which: &str, drawn: Vec<Step>, difference: impl AsyncFn(&[Step]) -> Option<String>) {
    if let Some(first) = difference(&drawn).await {
        println!("{which}: {first}\nmaking it shorter …");
        let fails = async |steps: &[Step]| difference(steps).await.is_some();
        let short = shrink(drawn, fails).await;
        let last = difference(&short).await.unwrap_or(first);
        panic!("{which}: {last}\n{}", to_rust(&short));
    }
}

/// The same on a real PostgreSQL, but for backups: those are the database's own.
#[tokio::test]
async fn the_engine_on_postgresql_does_what_the_specification_does() {
    let Some(server) = Postgres::start().map(Arc::new) else {
        return;
    };
    // A store over the network takes its time for each look at everything.
    let few = number("CREWLINE_MODEL_SEEDS").map_or(3, |_| usize::MAX);
    println!("PostgreSQL: seeds {:?}, of them {few} at most", seeds());
    for seed in seeds().take(few) {
        println!("seed {seed}");
        let settings = settings(seed);
        let mut drawn = steps(seed, STEPS);
        drawn.retain(|step| !matches!(step.op, Op::Backup | Op::Restore { .. }));
        let difference = async |steps: &[Step]| {
            let house = House::on_postgres(&server, settings);
            let played = async { against(&mut Edge::begin(house).await, steps, settings).await };
            caught(played).await
        };
        let which = format!("PostgreSQL, seed {seed}");
        Box::pin(hold(&which, drawn, difference)).await;
    }
}

#[tokio::test]
async fn the_engine_on_sqlite_does_what_the_specification_does() {
    play_seeds(What::Engine).await;
}

#[tokio::test]
async fn a_server_over_http_does_what_the_specification_does() {
    play_seeds(What::Http).await;
}

#[tokio::test]
async fn a_server_over_the_socket_does_what_the_specification_does() {
    play_seeds(What::Socket).await;
}
