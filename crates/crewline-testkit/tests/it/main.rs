//! The rules on the store in memory, which is their specification.
#![expect(clippy::unwrap_used, reason = "tests")]

use crewline_core::MemoryStore;
use crewline_testkit::Fixture;

mod better;
mod confirm;
mod group;
mod laws;
mod model;
mod remind;
mod rules;

fn memory() -> Fixture {
    Fixture {
        opened: MemoryStore::new("test").open(),
        guard: Box::new(()),
    }
}

mod conformance {
    crewline_testkit::store_conformance!(super::memory);
}
