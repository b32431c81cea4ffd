//! Web Push: wakes the devices of people whose app is closed. A push carries ids and no text; the device fetches the message by
//! itself, and says `delivered` when it has stored it. A push never makes anything `delivered`.
//!
//! [`run`] keeps one task for each subscription. A task follows the log of its user, and pushes what its device has not stored
//! and its user has not read, a moment after it happened; an emergency again and again until it is acknowledged.
//!
//! **Invariant:** what is pushed says no text and nobody's name. Where a task stands is durable before it pushes on, so that a
//! restart repeats one push of each kind at most. No push service delays what goes to another one.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod body;
mod encrypt;
mod nonce;
mod notes;
mod pusher;
mod send;
mod services;
mod settings;
mod supervisor;
mod task;
mod vapid;
mod waiting;

pub use crewline_outgoing::Pace;
pub use pusher::{Pusher, Untested};
pub use settings::{Lives, Settings};
pub use supervisor::{describe_metrics, run};
pub use vapid::{Vapid, new_key};
