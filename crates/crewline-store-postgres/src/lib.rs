//! Crewline's store on PostgreSQL: one writer, a bounded pool of readers, and a runtime of its own for the connections.
//!
//! [`open()`] gives a server its store; [`open_beside`] is for the administrator's commands, which work whether a server runs
//! or not. [`admin`] looks at a store as a whole, [`copy`](mod@copy) gives and takes all that is in it.
//!
//! **Invariant:** no rule of Crewline is in here. The writer loads what it is asked for and writes what was decided, in one
//! transaction, which is durable when [`write`](crewline_core::Writer::write) has returned. Who writes has the *turn* (see
//! [`turn`](mod@turn)): transactions that write come one after the other, so that numbers are committed in their order.
//!
//! Ways of failing: every error names the database (never its password) and says what to do. A database that is away leaves
//! nothing half done: the writer connects again by itself, and what became of a commit whose answer was lost is looked up.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod address;
pub mod admin;
mod beside;
mod bus;
mod connect;
mod connection;
pub mod copy;
mod directory;
mod error;
mod keep;
mod lineage;
mod load;
mod meta;
mod migration;
mod node;
mod open;
mod options;
mod pool;
mod reader;
mod row;
mod save;
mod search;
mod sql;
mod survey;
mod tls;
mod together;
mod turn;
mod writer;

pub use beside::Beside;
pub use bus::NotifyBus;
pub use migration::NEWEST as NEWEST_SCHEMA;
pub use open::{open, open_beside};
pub use options::{NodeClock, Options};
pub use survey::{DatabaseReport, HostReport, HostState, Survey, survey};
