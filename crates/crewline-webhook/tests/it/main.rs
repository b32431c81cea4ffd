//! Webhooks: the engine on the store in memory, the real supervisor, and receivers over TCP that answer as a test wants.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod order;
mod parked;
mod receiver;
mod refused;
mod states;
mod tls;
mod world;
