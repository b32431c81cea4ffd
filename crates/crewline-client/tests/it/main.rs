//! The client against servers that answer as a test wants: over HTTP, over TLS, through proxies that are in the way.
//!
//! The sessions' protocol is tested beside their code, and all of it against the real server in crewline-cli.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod call;
mod chat_api;
mod desk;
mod fake;
mod socket;
mod tls;
