//! The figures: what a message costs on this machine, beside what it could cost at least. One run, one table.
//!
//! `make bench` runs it whole; `cargo bench -p crewline-cli --bench figures -- --seconds 1 engine` runs one part, shorter;
//! `--in-flight 64` one row of it.
//!
//! - **floor**: a bare loop on the same tables: begin, so many messages, commit. No queue, no rules, nobody to answer.
//! - **engine**: the same messages through the engine in this process, each answered when it is durable.
//! - **HTTP**: the server as its own process, 64 connections kept alive, one request each at a time.
//! - **chat**: sends into a chat of 100,000 messages beside sends into a chat of 10.
//!
//! Floor and engine take turns, so that both meet the same moods of the disk; a figure is the median of the turns.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that fails shall fail loudly"
)]

mod chat;
mod engine;
mod floor;
mod http;
mod machine;
mod table;

use std::time::Duration;

use table::Table;

/// As the server: allocation is a part of what a message costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many people messages go to, in turn: each is a chat of its own with the sender.
pub(crate) const PEOPLE: usize = 1_000;
/// The text of each message: 200 bytes.
pub(crate) const TEXT: &str = "Breaker 1204 at Ostwerk has tripped on overcurrent, feeder 7 is dead from pole 31 to the switching \
    station. Please inspect the line from the west end, report what you see, and wait for the word to close.";
/// How many messages are under way at once.
const IN_FLIGHT: [usize; 3] = [1, 64, 1_024];
/// Turns of each measurement; the median counts.
const TURNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let value = |name: &str| {
        let mut rest = arguments.iter().skip_while(|argument| *argument != name);
        rest.nth(1)
    };
    let seconds = value("--seconds").and_then(|seconds| seconds.parse().ok());
    let time = Duration::from_secs_f64(seconds.unwrap_or(2.0));
    let only: Option<usize> = value("--in-flight").and_then(|number| number.parse().ok());
    let parts: Vec<&str> = ["engine", "http", "chat"]
        .into_iter()
        .filter(|part| arguments.iter().any(|argument| argument == part))
        .collect();
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);

    let folder = tempfile::Builder::new()
        .prefix("figures-")
        .tempdir_in(machine::work_folder())
        .unwrap();
    let mut table = Table::new(machine::describe(), machine::flush(folder.path(), 400));
    if wanted("engine") {
        for in_flight in only.map_or(IN_FLIGHT.to_vec(), |number| vec![number]) {
            eprintln!("floor and engine, {in_flight} in flight …");
            let turns = (0..TURNS).map(|turn| {
                let at = |name: &str| folder.path().join(format!("{name}-{in_flight}-{turn}.db"));
                (
                    floor::run(&at("floor"), in_flight, time),
                    engine::run(&at("engine"), in_flight, time),
                )
            });
            let (floors, engines): (Vec<_>, Vec<_>) = turns.collect();
            let wal = |measure: fn(&std::path::Path, usize) -> f64, name: &str| {
                measure(
                    &folder.path().join(format!("{name}-{in_flight}-wal.db")),
                    in_flight,
                )
            };
            table.pair(
                in_flight,
                &floors,
                &engines,
                wal(floor::wal_bytes, "floor"),
                wal(engine::wal_bytes, "engine"),
            );
        }
    }
    if wanted("http") {
        eprintln!("HTTP, 64 connections …");
        let turns: Vec<_> = (0..TURNS)
            .map(|turn| http::run(folder.path(), turn, time))
            .collect();
        table.http(&turns, http::wal_bytes(folder.path()));
    }
    if wanted("chat") {
        eprintln!("a chat of 100,000 messages beside a chat of 10 …");
        table.chat(&chat::run(&folder.path().join("chat.db")));
    }
    table.flush_after(machine::flush(folder.path(), 400));
    println!("{table}");
}
