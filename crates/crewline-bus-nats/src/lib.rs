//! Hints between nodes over core NATS: one subject, on which each node publishes and to which each subscribes. Nothing is kept
//! by NATS, and nothing is awaited from it: what is lost there is found by a look at the store.
//!
//! It owns the connection: several addresses, credentials, TLS, coming back. It never reads a hint, and a server works on while
//! NATS is away.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod bus;
mod options;
mod tls;

pub use bus::{NatsBus, NatsError, probe, try_out};
pub use options::{BadAddress, Login, Options, Tls};
