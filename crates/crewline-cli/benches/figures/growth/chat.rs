//! Chats of many messages. Small ones are made for each turn, since a turn makes them longer.

use std::collections::BTreeSet;

use crewline_engine::Engine;

use super::{IN_FLIGHT_MAKING, Turns, add_users, many, order, send, turn};

/// Chats up to this length are made anew for each turn.
const MADE_ANEW: usize = 1_000;
const SENDER: &str = "scada";

pub(super) async fn measure(engine: &Engine, sizes: &[usize], rounds: usize) -> Turns {
    let ids = (0..rounds).flat_map(|round| sizes.iter().map(move |size| chat(*size, round)));
    add_users(engine, ids.collect::<BTreeSet<_>>()).await;
    for size in sizes.iter().filter(|size| **size > MADE_ANEW) {
        fill(engine, chat(*size, 0), *size).await;
    }
    let mut turns = Turns::new();
    for round in 0..rounds {
        for size in order(sizes, round) {
            let to = chat(size, round);
            if size <= MADE_ANEW {
                fill(engine, to.clone(), size).await;
            }
            turn(engine, &mut turns, size, &to, |_| SENDER.to_owned()).await;
        }
    }
    turns
}

/// Whose chat with the sender it is.
fn chat(size: usize, round: usize) -> String {
    if size > MADE_ANEW {
        format!("chat-of-{size}")
    } else {
        format!("chat-of-{size}-{round}")
    }
}

async fn fill(engine: &Engine, to: String, size: usize) {
    let engine = engine.clone();
    let sends = move |_| {
        let (engine, to) = (engine.clone(), to.clone());
        async move { send(&engine, SENDER, &to).await }
    };
    many(size, IN_FLIGHT_MAKING.min(size), sends).await;
}
