//! A client of a Crewline server: sends messages, hears what becomes of them, and receives what people answer.
//!
//! [`Client`] serves the trait [`ChatApi`] of the contract, which the engine serves in your own process
//! too (the crate `crewline`); what works with one works with the other.
//!
//! ```no_run
//! use crewline_client::{Client, api::NewMessage};
//!
//! # async fn send() -> Result<(), crewline_client::Error> {
//! let client = Client::builder("https://crewline.example", "crewline_…").build()?;
//! let message = NewMessage::builder("scada", "SCADA", "Breaker 1204 has tripped").to("alice").build()?;
//! let sent = client.send(message).await?;
//!
//! // One connection for events and commands, made again when it is lost.
//! let mut session = client.session().after(0).confirm_by_asking().connect().await?;
//! for event in session.next().await? {
//!     println!("{}", event.json());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - **Nothing is sent twice.** Every try of a message has the same idempotency key; one without a key gets one by
//!   chance, before the first try. Commands of a session that were not answered when its connection broke are repeated
//!   on the next one, the same as before.
//! - **Nothing is skipped.** A session resumes behind the last event that came, with the same epoch. What was not
//!   confirmed stays behind the cursor that the server keeps.
//! - **Nothing waits for ever**, unless you say so: [`ClientBuilder::timeout`] is for one try,
//!   [`ClientBuilder::patience`] for all of them; a session lasts until it is ended, refused, or
//!   [`SessionBuilder::give_up_after`].
//! - **Nothing grows.** Events that are not taken and commands under way have bounds, beyond which they wait.
//!
//! An [`Error`] says whether the same may succeed later ([`Error::is_retryable`]).
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]
#![warn(missing_docs)]

mod backoff;
mod builder;
mod chat_api;
mod client;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod http;
mod key;
mod organisation;
mod problem;
mod reach;
mod retry;
mod session;
mod tls;

pub use builder::ClientBuilder;
pub use client::{Client, Head, Sent};
/// The contract: messages, events, receipts, errors, and the trait [`ChatApi`].
pub use crewline_api as api;
pub use crewline_api::ChatApi;
pub use error::Error;
pub use event::RawEvent;
pub use session::{Handle, Session, SessionBuilder};

/// The example of the book, so that it keeps compiling.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/howto-client.md")]
mod book {}
