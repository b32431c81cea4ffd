//! What must hold for whatever strangers send, by target. The same functions are replayed on the corpus by ordinary tests
//! of `crewline-http` and `crewline-cli`, which include these files.
//!
//! Each takes one input, panics where something does not hold, and gives how many readers understood the input.

mod configuration;
mod failure;
mod headers;
mod names;
mod wire;

// The command is a program, and has no library: its configuration is compiled in here as it stands.
#[path = "../../crates/crewline-cli/src/config/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "most of it is for the rest of the program"
)]
mod config;

/// Bodies of calls.
pub fn body(data: &[u8]) {
    wire::body(data);
}

/// Frames of the socket.
pub fn frame(data: &[u8]) {
    wire::frame(data);
}

/// Queries with cursors and kinds, and the headers beside them.
pub fn query(data: &[u8]) {
    headers::query(data);
}

/// Secrets, keys, and what proxies say.
pub fn credentials(data: &[u8]) {
    headers::credentials(data);
}

/// Ids, patterns of externals, times, payloads, networks.
pub fn names(data: &[u8]) {
    names::names(data);
}

/// Configuration: a file and an environment.
pub fn configuration(data: &[u8]) {
    configuration::configuration(data);
}
