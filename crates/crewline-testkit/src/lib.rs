//! What tests of Crewline share: a desk that drives a store without an engine, operations drawn from a seed, and the
//! conformance suite that holds all stores together; the [`model`] that plays whole days with faults; and what tests stand
//! on: a [`postgres`] and a [`nats`] of their own, and a [`wire`] that is cut.
//!
//! A store passes when [`store_conformance!`] passes on it: named cases for every promise of the port, and long runs of
//! random operations after which it must say the same as [`crewline_core::MemoryStore`], which is the specification.

mod bus;
#[expect(clippy::unwrap_used, reason = "cases are tests")]
pub mod conformance;
pub mod corpus;
mod desk;
pub mod model;
pub mod nats;
mod ops;
pub mod postgres;
mod random;
pub mod wire;

pub use bus::LocalBus;
pub use desk::{Desk, external, person, said, up_to};
pub use ops::{EXTERNALS, Op, USERS, World, draw};
pub use random::Random;

use std::any::Any;

use crewline_core::Opened;

/// A store made for one test, and what must live as long (a folder).
pub struct Fixture {
    /// The store.
    pub opened: Opened,
    /// Dropped with the store.
    pub guard: Box<dyn Any>,
}
