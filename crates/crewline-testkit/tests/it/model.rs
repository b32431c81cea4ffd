//! The specification held to the laws, and to the same rules said plainly. What is played on the real thing stands in the
//! tests of `crewline-http`.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crewline_core::{Settings, UnknownRecipients};
use crewline_testkit::model::{Edge, Memory, Plain, Step, play, shrink, steps, to_rust};

/// Steps of a play.
const STEPS: usize = 160;
/// Seeds where `CREWLINE_MODEL_SEEDS` says nothing else; `CREWLINE_MODEL_FIRST` is the first.
const SEEDS: u64 = 24;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// What is done in memory never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing waits in memory"),
    }
}

fn settings(seed: u64) -> Settings {
    let unknown_recipients = if seed.is_multiple_of(4) {
        UnknownRecipients::Accept
    } else {
        UnknownRecipients::Refuse
    };
    Settings { unknown_recipients }
}

async fn fault(steps: &[Step], settings: Settings) -> Option<String> {
    let mut plain = Edge::begin(Plain::new(settings)).await;
    let mut spec = Edge::begin(Memory::new(settings)).await;
    play(&mut plain, &mut spec, steps)
        .await
        .err()
        .map(|difference| difference.to_string())
}

#[test]
fn the_specification_holds_the_laws_and_the_plain_rules_whatever_is_done() {
    let first = number("CREWLINE_MODEL_FIRST").unwrap_or(1);
    let seeds = first..first + number("CREWLINE_MODEL_SEEDS").unwrap_or(SEEDS);
    println!("seeds {seeds:?}");
    for seed in seeds {
        let settings = settings(seed);
        let drawn = steps(seed, STEPS);
        if let Some(first) = now(fault(&drawn, settings)) {
            let fails = async |steps: &[Step]| fault(steps, settings).await.is_some();
            let short = now(shrink(drawn, fails));
            let last = now(fault(&short, settings));
            panic!(
                "seed {seed}: {first}\nin short: {}\n{}",
                last.unwrap_or_default(),
                to_rust(&short)
            );
        }
    }
}
