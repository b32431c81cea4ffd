//! The whole: the real program on a real file, over real HTTP.
#![expect(clippy::unwrap_used, reason = "tests")]

mod act;
mod better;
#[cfg(target_os = "linux")]
mod fsync;
#[cfg(target_os = "linux")]
mod hostile;
mod kill;
mod ledger;
#[cfg(target_os = "linux")]
mod no_room;
#[cfg(target_os = "linux")]
mod restore;
mod server;
#[cfg(target_os = "linux")]
mod sessions;
mod wire;
