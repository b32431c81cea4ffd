//! What a message costs: the floor and the engine, in turns, for one message in flight and for many.

use std::path::Path;
use std::time::Duration;

use crate::machine::{Turn, median};
use crate::table::{Section, Table};
use crate::{TURNS, engine, floor};

/// How many messages are under way at once.
const IN_FLIGHT: [usize; 3] = [1, 64, 1_024];

/// A table of what messages cost.
pub(crate) fn section(title: &str) -> Section {
    Section::new(
        title,
        &[
            "",
            "in flight",
            "messages/s",
            "CPU µs each",
            "WAL bytes each",
            "messages in turns",
            "",
        ],
    )
}

/// A row of it.
pub(crate) fn row(
    what: &str,
    in_flight: usize,
    turns: &[Turn],
    wal: Option<f64>,
    note: String,
) -> [String; 7] {
    let messages: u64 = turns.iter().map(|turn| turn.messages).sum();
    [
        what.to_owned(),
        in_flight.to_string(),
        format!("{:.0}", median(turns.iter().map(Turn::per_second))),
        format!("{:.1}", median(turns.iter().map(Turn::cpu_us))),
        wal.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0}")),
        format!("{messages} in {}", turns.len()),
        note,
    ]
}

/// Measures.
pub(crate) fn run(folder: &Path, time: Duration, only: Option<usize>, table: &mut Table) {
    let mut section = section("A message in the engine");
    for in_flight in only.map_or(IN_FLIGHT.to_vec(), |number| vec![number]) {
        eprintln!("floor and engine, {in_flight} in flight …");
        let turns = (0..TURNS).map(|turn| {
            let at = |name: &str| folder.join(format!("{name}-{in_flight}-{turn}.db"));
            (
                floor::run(&at("floor"), in_flight, time),
                engine::run(&at("engine"), in_flight, time),
            )
        });
        let (floors, engines): (Vec<_>, Vec<_>) = turns.collect();
        let at = |name: &str| folder.join(format!("{name}-{in_flight}-wal.db"));
        let wal = (
            floor::wal_bytes(&at("floor"), in_flight),
            engine::wal_bytes(&at("engine"), in_flight),
        );
        pair(&mut section, table, in_flight, &floors, &engines, wal);
    }
    table.section(section);
}

fn pair(
    section: &mut Section,
    table: &mut Table,
    in_flight: usize,
    floors: &[Turn],
    engines: &[Turn],
    (floor_wal, engine_wal): (f64, f64),
) {
    let ratio = |of: fn(&Turn) -> f64| {
        let pairs = floors.iter().zip(engines);
        median(pairs.map(|(floor, engine)| of(engine) / of(floor)))
    };
    let (cpu, speed) = (ratio(Turn::cpu_us), ratio(Turn::per_second));
    section.row(row(
        "floor",
        in_flight,
        floors,
        Some(floor_wal),
        String::new(),
    ));
    let note = format!("{speed:.2} of the floor's speed, {cpu:.2} of its CPU");
    section.row(row("engine", in_flight, engines, Some(engine_wal), note));
    table.aim(
        &format!("engine, {in_flight} in flight: CPU at most 1.5 times the floor's"),
        format!("{cpu:.2}"),
        cpu <= 1.5,
    );
    if in_flight == 1_024 {
        table.aim(
            "engine, 1024 in flight: at least 0.7 of the floor's speed",
            format!("{speed:.2}"),
            speed >= 0.7,
        );
    }
}
