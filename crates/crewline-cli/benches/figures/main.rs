//! The figures: what a message costs on this machine, beside what it could cost at least; and how fast the live wire is.
//! One run, one table.
//!
//! `make bench` runs it whole. `cargo bench -p crewline-cli --bench figures -- trip` runs one part, `--seconds 1` with
//! shorter turns, `--in-flight 64` one row of it, `--quick` with small numbers of everything, to see that it works;
//! `--write docs/figures.md` puts the table of a whole run into that page.
//!
//! - **engine**: messages through the engine in this process, beside the **floor**: a bare loop on the same tables.
//! - **postgres**: the same with a database, with one node and two, beside a bare loop with one statement for each table and batch;
//!   and round trips through one server, and from one to another.
//! - **migrate**: a store of 100,000 messages from SQLite to PostgreSQL.
//! - **http**: the server as its own process, 64 connections kept alive, one request each at a time.
//! - **trip**: from a send to its receipt over sockets and HTTP, beside a bare relay on SQLite.
//! - **waiting**: 1,000 messages for one who connects.
//! - **webhook**: posts to one local receiver: how many a second, and how soon.
//! - **fan-out**: one call to 500 connected people.
//! - **idle**: 5,000 sessions on which nothing happens.
//! - **nodes**: a node dies, and its 1,000 sessions resume at another one.
//! - **growth**: long chats beside short ones, users with many chats beside those with few.
//! - **python**: sending and hearing from Python, with the engine in its process and with a server, beside the engine.
//! - **app**: the app for people in a real browser: loading, long chats, many chats, a bad link.
//!
//! What is compared takes turns, so that all meet the same moods of the disk; a figure is the median of the turns.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that fails shall fail loudly"
)]

mod app;
mod arguments;
mod cost;
mod engine;
mod fan_out;
mod floor;
mod growth;
mod http;
mod idle;
mod live;
mod machine;
mod migrate;
mod nodes;
mod postgres;
mod python;
mod server;
mod sqlite;
mod table;
mod trip;
mod waiting;
mod webhook;

use arguments::Arguments;
use table::Table;

/// As the server: allocation is a part of what a message costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many people messages go to, in turn: each is a chat of its own with each sender.
pub(crate) const PEOPLE: usize = 1_000;
/// The text of each message: 200 bytes.
pub(crate) const TEXT: &str = "Breaker 1204 at Ostwerk has tripped on overcurrent, feeder 7 is dead from pole 31 to the switching \
    station. Please inspect the line from the west end, report what you see, and wait for the word to close.";
/// Turns of each measurement; the median counts.
pub(crate) const TURNS: usize = 5;

fn main() {
    let Some(arguments) = Arguments::read() else {
        return;
    };
    machine::raise_open_files();
    if let Some(file) = &arguments.relay {
        live::relay::serve(file);
    }
    // Each part has a folder of its own, which goes with it: stores of a million messages take room.
    let folder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("figures-");
        builder.tempdir_in(machine::work_folder()).unwrap()
    };
    let flush = || machine::flush(folder().path(), 400);
    let mut machine = machine::describe();
    if arguments.quick {
        machine.push_str(" (A QUICK RUN: these figures say nothing)");
    }
    let mut table = Table::new(machine, flush());
    let (time, only) = (arguments.time, arguments.in_flight);
    if arguments.wants("engine") {
        cost::run(folder().path(), time, only, &mut table);
    }
    if arguments.wants("postgres") {
        postgres::run(folder().path(), time, only, &mut table);
    }
    if arguments.wants("migrate") {
        let messages = arguments.many(100_000, 2_000);
        migrate::run(folder().path(), messages, &mut table);
    }
    if arguments.wants("http") {
        http::measure(folder().path(), time, &mut table);
    }
    if arguments.wants("trip") {
        trip::run(folder().path(), time, only, &mut table);
    }
    if arguments.wants("waiting") {
        waiting::run(folder().path(), arguments.many(11, 3), &mut table);
    }
    if arguments.wants("webhook") {
        let waiting = arguments.many(20_000, 2_000);
        webhook::run(folder().path(), waiting, time, &mut table);
    }
    if arguments.wants("fan-out") {
        fan_out::run(folder().path(), time * 5, &mut table);
    }
    if arguments.wants("idle") {
        idle::run(
            folder().path(),
            arguments.many(5_000, 200),
            time,
            &mut table,
        );
    }
    if arguments.wants("nodes") {
        nodes::run(folder().path(), arguments.many(1_000, 50), &mut table);
    }
    if arguments.wants("growth") {
        growth::run(folder().path(), arguments.quick, &mut table);
    }
    if arguments.wants("python") {
        python::run(
            folder().path(),
            time,
            arguments.many(20_000, 500),
            &mut table,
        );
    }
    if arguments.wants("app") {
        app::run(folder().path(), arguments.quick, &mut table);
    }
    table.flush_after(flush());
    println!("{table}");
    if let Some(page) = &arguments.write {
        table.write(page);
    }
}
