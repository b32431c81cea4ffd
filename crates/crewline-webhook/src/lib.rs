//! Webhooks: a consumer like every other. Each webhook reads the log of its participant from a named cursor, posts one event
//! after the other to its URL, signed as Standard Webhooks says, and moves the cursor when a receiver has answered 2xx.
//!
//! [`run`] keeps one task for each webhook that is at work. A task waits for its own receiver and for nobody else's.
//!
//! **Invariant:** events go out in the order of the log, each at least once; never two requests of one webhook at a time. No
//! request goes to an address that was not checked. A secret and the path of a URL, which may hold one, are never logged.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod again;
mod confirm;
mod event;
mod post;
mod refusal;
mod settings;
mod sign;
mod supervisor;
mod task;
mod trial;

pub use crewline_outgoing::Pace;
pub use settings::Settings;
pub use supervisor::{describe_metrics, run};
pub use trial::trial;
