//! What a message costs: SQLite, the floor, one node, and two nodes to which messages go in turn.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crewline_core::Opened;
use crewline_engine::{Engine, Others};
use crewline_store_postgres::{NotifyBus, Options};
use crewline_testkit::postgres::Postgres;

use super::{IN_FLIGHT, cpu, floor};
use crate::machine::{Turn, median};
use crate::table::{Section, Table};
use crate::{TURNS, engine};

/// What a turn measured, and what the database used meanwhile.
struct Both {
    nodes: Turn,
    database: Duration,
}

impl Both {
    fn of(postgres: &Postgres, run: impl FnOnce() -> Turn) -> Self {
        let before = cpu(postgres);
        let nodes = run();
        let database = cpu(postgres).saturating_sub(before);
        Self { nodes, database }
    }

    fn database_us(&self) -> f64 {
        self.database.as_secs_f64() * 1e6 / self.nodes.messages as f64
    }
}

/// The rows, in their order.
const ROWS: [&str; 4] = [
    "SQLite",
    "PostgreSQL, floor",
    "PostgreSQL, one node",
    "PostgreSQL, two nodes in turn",
];

/// Measures.
pub(super) fn run(
    postgres: &Postgres,
    folder: &Path,
    time: Duration,
    only: Option<usize>,
    table: &mut Table,
) {
    let mut section = Section::new(
        "A message on PostgreSQL",
        &[
            "",
            "in flight",
            "messages/s",
            "node CPU µs each",
            "database CPU µs each",
            "messages in turns",
            "",
        ],
    );
    for in_flight in only.map_or(IN_FLIGHT.to_vec(), |number| vec![number]) {
        eprintln!("SQLite, floor, one node and two on PostgreSQL, {in_flight} in flight …");
        let mut rows: [Vec<Both>; 4] = Default::default();
        for turn in 0..TURNS {
            let file = folder.join(format!("beside-{in_flight}-{turn}.db"));
            let of = |run: &dyn Fn() -> Turn| Both::of(postgres, run);
            rows[0].push(of(&|| engine::run(&file, in_flight, time)));
            let url = postgres.database();
            drop(open(&url));
            rows[1].push(of(&|| floor::bare_loop(&url, in_flight, time)));
            for (row, nodes) in [(2, 1), (3, 2)] {
                let url = postgres.database();
                rows[row].push(of(&|| {
                    engine::run_on(|| nodes_on(&url, nodes), in_flight, time)
                }));
            }
        }
        let floors: Vec<f64> = rows[1].iter().map(|both| both.nodes.per_second()).collect();
        for (name, turns) in ROWS.iter().zip(&rows) {
            let pairs = turns.iter().zip(&floors);
            let speed = median(pairs.map(|(own, floor)| own.nodes.per_second() / floor));
            row(&mut section, name, in_flight, turns, speed);
            if in_flight == 64 && *name == ROWS[2] {
                table.aim(
                    "one node on PostgreSQL, 64 in flight: within 1.5 times of a bare loop",
                    format!("{:.2} times", 1.0 / speed),
                    speed >= 1.0 / 1.5,
                );
            }
        }
    }
    table.section(section);
}

fn row(section: &mut Section, name: &str, in_flight: usize, turns: &[Both], speed: f64) {
    let messages: u64 = turns.iter().map(|both| both.nodes.messages).sum();
    let of = |of: &dyn Fn(&Both) -> f64| median(turns.iter().map(of));
    section.row([
        name.to_owned(),
        in_flight.to_string(),
        format!("{:.0}", of(&|both| both.nodes.per_second())),
        format!("{:.1}", of(&|both| both.nodes.cpu_us())),
        if name == ROWS[0] {
            "–".to_owned()
        } else {
            format!("{:.1}", of(&Both::database_us))
        },
        format!("{messages} in {}", turns.len()),
        if name == ROWS[1] {
            String::new()
        } else {
            format!("{speed:.2} of the floor's speed")
        },
    ]);
}

fn open(url: &str) -> Opened {
    crewline_store_postgres::open(&Options::new(url)).unwrap()
}

/// So many nodes as a server starts them, here in one process.
fn nodes_on(url: &str, nodes: usize) -> Vec<Engine> {
    let node = |_| {
        let others = Others {
            bus: Some(Arc::new(NotifyBus::open(&Options::new(url)).unwrap())),
            look_every: Duration::from_secs(2),
            life: Duration::from_secs(10),
        };
        engine::start_among(others, open(url))
    };
    (0..nodes).map(node).collect()
}
