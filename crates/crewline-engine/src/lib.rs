//! The engine: commands from all edges meet in one writer, which decides them in batches and commits each batch once;
//! whoever follows a log is woken by a number and pulls the events from there.
//!
//! **Invariant:** nobody is answered, woken or told before the transaction is durable. Nothing here waits on a client.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod chat_api;
mod clock;
mod consumer;
mod directory;
mod engine;
mod flush;
mod gather;
mod health;
mod hub;
mod index;
mod keep;
mod lease;
mod nodes;
mod page;
mod page_room;
mod present;
mod queue;
mod simulated;
mod tell;
mod writer;

pub use clock::{Clock, SystemClock};
pub use consumer::Consumer;
pub use engine::{Engine, Options};
pub use lease::{Held, Lease};
pub use nodes::Others;
pub use page::{EncodedEvent, Follower, Page};
pub use page_room::{HeldPage, PageRoom};
pub use simulated::{Fate, Gate};
