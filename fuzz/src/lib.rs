//! What must hold for whatever strangers send, by target. The same functions are replayed on the corpus by ordinary tests
//! of `crewline-http` and `crewline-cli`, which include these files.
//!
//! Each takes one input, panics where something does not hold, and gives how many readers understood the input.

mod administration;
mod command;
mod configuration;
mod failure;
mod head;
mod headers;
mod lists;
mod moving;
mod names;
mod others;
mod stored;
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

/// Bodies of administration, webhooks, push and the desk.
pub fn administration(data: &[u8]) {
    administration::administration(data);
}

/// Places between pages, searches, and the headers of browsers.
pub fn head(data: &[u8]) {
    head::head(data);
}

/// Bytes of a store, and hints of other nodes.
pub fn stored(data: &[u8]) {
    stored::stored(data);
}

/// Files of users and of groups.
pub fn lists(data: &[u8]) {
    lists::lists(data);
}

/// What other programs say: addresses, answers of receivers, frames of servers.
pub fn others(data: &[u8]) {
    others::others(data);
}

/// Rows of the original, moving in.
pub fn moving(data: &[u8]) {
    moving::moving(data);
}
