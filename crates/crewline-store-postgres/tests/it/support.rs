//! Stores in databases of their own, and what tests do with them.

use std::time::{Duration, Instant};

use crewline_api::NewMessage;
use crewline_core::{Command, DeviceNo, SendCommand};
use crewline_store_postgres::{Options, open};
use crewline_testkit::Desk;

/// Longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Looks until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// A desk at a store with two users.
pub(crate) fn desk(options: &Options) -> Desk {
    let mut desk = Desk::new(open(options).unwrap());
    desk.add_user("alice");
    desk.add_user("bob");
    desk
}

/// A message from an external to alice.
pub(crate) fn message(text: &str) -> Command {
    let message = NewMessage::builder("scada", "SCADA", text)
        .to("alice")
        .build()
        .unwrap();
    Command::Send(SendCommand::new(message, DeviceNo(1)).unwrap())
}
