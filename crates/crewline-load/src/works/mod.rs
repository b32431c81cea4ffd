//! The works, each written once over [`System`].

mod board;
mod emergency;
mod growth;
mod idle;
mod stage;
mod storm;
mod trip;
mod turn;
mod waiting;

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::fault::Done;
use crate::figures::Figures;
use crate::system::{Settings, System};

/// What is done with each system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
pub(crate) enum Work {
    /// Round trip: accepted, delivered, confirmed by the device, the receipt seen by the sender; 1 and 64 in flight
    W1,
    /// Waiting: 1,000 messages for somebody who is away and then connects; also after kill -9 of the server
    W2,
    /// Idle: memory for each of 5,000 and 20,000 connected users
    W3,
    /// Emergency: one message to 500 connected users, until the last has it
    W4,
    /// Growth: the round trip at 1 in flight in a chat of 10 to 1,000,000 messages
    W5,
    /// Storm: 1,000 users come back at once, 50 messages wait for each
    W6,
}

impl Work {
    pub(crate) const ALL: [Self; 6] = [Self::W1, Self::W2, Self::W3, Self::W4, Self::W5, Self::W6];
}

/// How much of each work is done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sizes {
    /// Users of W1, and how many of them are connected.
    pub(crate) users: usize,
    pub(crate) connected: usize,
    /// Senders of W1, and how many messages each has in flight.
    pub(crate) senders: usize,
    pub(crate) each: usize,
    /// How long a turn of W1 and W5 takes, and how many turns.
    pub(crate) turn: Duration,
    pub(crate) turns: usize,
    /// How often the disk is asked, before and after.
    pub(crate) flushes: usize,
    /// Messages that wait in W2, and for how many users one after the other.
    pub(crate) waiting: usize,
    pub(crate) rounds: usize,
    /// Connected users of W3: the memory is looked at for each.
    pub(crate) idle: Vec<usize>,
    /// How long W3 lets the server rest before its memory is looked at.
    pub(crate) rest: Duration,
    /// Connected users of W4, and how many emergencies.
    pub(crate) alarmed: usize,
    pub(crate) emergencies: usize,
    /// Messages in the chat of W5, and how long the chat may take to be filled for the next of them.
    pub(crate) growth: Vec<usize>,
    pub(crate) filling: Duration,
    /// Users of W6, and how many messages wait for each.
    pub(crate) returning: usize,
    pub(crate) waiting_each: usize,
}

impl Sizes {
    /// What the table is made from.
    pub(crate) fn whole() -> Self {
        Self {
            users: 1_000,
            connected: 200,
            senders: 8,
            each: 8,
            turn: Duration::from_secs(4),
            turns: 3,
            flushes: 50,
            waiting: 1_000,
            rounds: 5,
            idle: vec![5_000, 20_000],
            rest: Duration::from_secs(5),
            alarmed: 500,
            emergencies: 7,
            growth: vec![10, 1_000, 100_000, 1_000_000],
            filling: Duration::from_mins(3),
            returning: 1_000,
            waiting_each: 50,
        }
    }

    /// Enough to see that it works.
    pub(crate) fn quick() -> Self {
        Self {
            users: 20,
            connected: 4,
            senders: 2,
            each: 4,
            turn: Duration::from_millis(300),
            turns: 1,
            flushes: 10,
            waiting: 50,
            rounds: 1,
            idle: vec![20, 40],
            rest: Duration::from_millis(200),
            alarmed: 20,
            emergencies: 1,
            growth: vec![10, 100],
            filling: Duration::from_secs(10),
            returning: 16,
            waiting_each: 4,
        }
    }
}

/// Does one work with a system, in an empty folder.
pub(crate) async fn run<S: System>(
    work: Work,
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    match work {
        Work::W1 => trip::run::<S>(settings, folder, sizes).await,
        Work::W2 => waiting::run::<S>(settings, folder, sizes).await,
        Work::W3 => idle::run::<S>(settings, folder, sizes).await,
        Work::W4 => emergency::run::<S>(settings, folder, sizes).await,
        Work::W5 => growth::run::<S>(settings, folder, sizes).await,
        Work::W6 => storm::run::<S>(settings, folder, sizes).await,
    }
}
