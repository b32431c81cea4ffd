//! PostgreSQL beside SQLite: what a message costs with one node and with two, and how long a round trip takes through one node
//! and from one to another.
//!
//! The database runs on this machine, in a folder of its own, and waits for the disk as it does elsewhere. Nodes, database and what
//! measures them share the processor.

mod cost;
mod floor;
mod trip;

use std::path::Path;
use std::time::Duration;

use crewline_testkit::postgres::Postgres;

use crate::machine;
use crate::table::Table;

/// How many messages are under way at once.
const IN_FLIGHT: [usize; 3] = [1, 64, 1_024];

/// Measures.
pub(crate) fn run(folder: &Path, time: Duration, only: Option<usize>, table: &mut Table) {
    let Some(postgres) = Postgres::start_with(
        "fsync = on\nshared_buffers = 512MB\nmax_wal_size = 4GB",
        |_| {},
    ) else {
        table.not_measured("PostgreSQL: it is not in /usr/lib/postgresql");
        return;
    };
    cost::run(&postgres, folder, time, only, table);
    trip::run(&postgres, folder, time, only, table);
}

/// What the database has used of the processor.
fn cpu(postgres: &Postgres) -> Duration {
    machine::tree_cpu(postgres.pid())
}
