//! Whether a send grows with the history of its chat: 100,000 messages beside 10, in turns.

use std::path::Path;
use std::time::Instant;

use crewline_api::NewMessage;
use crewline_core::{Command, DeviceNo, SendCommand};
use crewline_engine::Engine;

use crate::engine::{runtime, start};
use crate::machine::{Turn, cpu};

const LARGE: usize = 100_000;
const SMALL: usize = 10;
const ROUNDS: usize = 15;
const SENDS: usize = 4_096;
const IN_FLIGHT: usize = 64;

fn message(to: &str) -> Command {
    let message = NewMessage::builder("scada", "SCADA", crate::TEXT)
        .to(to)
        .build()
        .unwrap();
    Command::Send(SendCommand::new(message, DeviceNo(1)).unwrap())
}

async fn send(engine: &Engine, to: &str, count: usize, in_flight: usize) {
    let tasks: Vec<_> = (0..in_flight)
        .map(|task| {
            let (engine, to) = (engine.clone(), to.to_owned());
            tokio::spawn(async move {
                for _ in (task..count).step_by(in_flight) {
                    engine.submit(message(&to)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn measure(engine: &Engine, to: &str) -> Turn {
    let (begun, used) = (Instant::now(), cpu("self"));
    send(engine, to, SENDS, IN_FLIGHT).await;
    Turn {
        messages: SENDS as u64,
        time: begun.elapsed(),
        cpu: cpu("self").saturating_sub(used),
    }
}

/// For each round, what sends into the small chat cost, and into the large one.
pub(crate) fn run(path: &Path) -> Vec<(Turn, Turn)> {
    runtime(IN_FLIGHT).block_on(async {
        let engine = start(path, None);
        send(&engine, "large", LARGE, 1_024).await;
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let small = format!("small-{round}");
            send(&engine, &small, SMALL, 1).await;
            // Who goes first changes, so that neither gets the better moments.
            let pair = if round % 2 == 0 {
                let small = measure(&engine, &small).await;
                (small, measure(&engine, "large").await)
            } else {
                let large = measure(&engine, "large").await;
                (measure(&engine, &small).await, large)
            };
            rounds.push(pair);
        }
        engine.stop().await;
        rounds
    })
}
