//! Users with many chats, each chat with another external.

use crewline_engine::Engine;

use super::{
    Act, IN_FLIGHT_MAKING, READERS, Turns, add_users, head, many, number, order, send, turn,
};

/// Of each user's chats as many are written to: more of them would be more pages, which is another question.
const BUSY: usize = 10;
/// Chats of a page.
const LISTED: usize = 50;
/// How many pages a turn reads.
const LISTS: usize = 256;

pub(super) async fn measure(engine: &Engine, sizes: &[usize], rounds: usize) -> Turns {
    add_users(engine, sizes.iter().copied().map(user)).await;
    for size in sizes {
        let to = user(*size);
        let making = engine.clone();
        let sends = move |no| {
            let (engine, to) = (making.clone(), to.clone());
            async move { send(&engine, &external(no), &to).await }
        };
        many(*size, IN_FLIGHT_MAKING.min(*size), sends).await;
        let no = number(engine, &user(*size)).await;
        assert_eq!(head(engine, no).await, *size as u64);
    }
    let mut turns = Turns::new();
    for round in 0..rounds {
        for size in order(sizes, round) {
            turn(engine, &mut turns, size, &user(size), |no| {
                external(no % BUSY)
            })
            .await;
            let no = number(engine, &user(size)).await;
            let reading = engine.clone();
            let lists = move |_| {
                let engine = reading.clone();
                async move {
                    let page = engine.read(move |reader| reader.chats(no, None, LISTED));
                    assert_eq!(page.await.unwrap().chats.len(), LISTED.min(size));
                }
            };
            let listed = many(LISTS, READERS, lists).await.0;
            turns.entry((Act::Chats, size)).or_default().push(listed);
        }
    }
    turns
}

fn user(size: usize) -> String {
    format!("user-of-{size}")
}

fn external(no: usize) -> String {
    format!("external-{no}")
}
