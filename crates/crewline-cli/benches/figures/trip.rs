//! The round trip: a message is sent, comes to its receiver's socket, is confirmed there, and its receipt comes to the
//! sender's socket. The server beside the bare relay, in turns, each turn between two probes of the disk.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::live::crowd::{Crowd, EACH, SENDERS};
use crate::live::post::Posts;
use crate::live::protocol::{Bare, Socket};
use crate::live::runtime;
use crate::live::sender::{CONNECTED, Outcome};
use crate::machine::{self, Turn, median, median_and_p99};
use crate::server::{People, Process, serve};
use crate::table::{Section, Table};
use crate::{PEOPLE, TURNS};

/// Probes between two turns.
const PROBES: usize = 50;

/// What a turn measured.
struct Trips {
    turn: Turn,
    own: Duration,
    accepted: (f64, f64),
    receipt: (f64, f64),
    flush_ms: f64,
}

/// What is measured, on both ends.
struct Rig {
    relay: Process,
    server: Process,
    bare: Crowd<Bare>,
    socket: Crowd<Socket>,
    posts: Posts,
}

/// The turns of all ways, in the order of [`WAYS`].
type Ways = [Vec<Trips>; 3];

const WAYS: [&str; 3] = ["bare relay", "socket", "HTTP"];

/// Measures.
pub(crate) fn run(folder: &Path, time: Duration, only: Option<usize>, table: &mut Table) {
    let people = People {
        users: PEOPLE,
        with_token: CONNECTED,
        externals: SENDERS,
    };
    let store = folder.join("trip.db");
    let tokens = people.fill(&store);
    let mut relay = Command::new(std::env::current_exe().unwrap());
    relay.arg("--relay").arg(folder.join("relay.db"));
    let (relay, server) = (Process::start(relay), serve(&store, &[], &[]));
    let runtime = runtime();
    let mut rig = runtime.block_on(async {
        let bare = Bare {
            address: relay.address.as_str().into(),
        };
        let socket = Socket::new(&server.address, tokens);
        Rig {
            bare: Crowd::gather(bare).await,
            socket: Crowd::gather(socket).await,
            posts: Posts::default(),
            relay,
            server,
        }
    });
    let mut section = Section::new(
        "Round trip",
        &[
            "",
            "in flight",
            "round trips/s",
            "accepted p50 ms",
            "p99",
            "receipt p50 ms",
            "p99",
            "server CPU µs each",
            "generator CPU µs each",
            "flush ms",
            "trips in turns",
            "",
        ],
    );
    for (senders, each) in [(1, 1), (SENDERS, EACH)] {
        let in_flight = senders * each;
        if only.is_some_and(|only| only != in_flight) {
            continue;
        }
        eprintln!("round trips, {in_flight} in flight …");
        let ways = measure(&runtime, &mut rig, folder, time, (senders, each));
        for (name, turns) in WAYS.iter().zip(&ways) {
            row(&mut section, name, in_flight, turns, &ways[0]);
        }
        if in_flight == 1 {
            aims_alone(table, &ways);
        } else {
            aims_together(table, &ways, in_flight);
        }
    }
    table.section(section);
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    rig: &mut Rig,
    folder: &Path,
    time: Duration,
    (senders, each): (usize, usize),
) -> Ways {
    let probe = || machine::flush(folder, PROBES).median_ms;
    let mut ways = Ways::default();
    let mut before = probe();
    for _ in 0..TURNS {
        for (way, turns) in ways.iter_mut().enumerate() {
            let process = if way == 0 { &rig.relay } else { &rig.server };
            let (begun, used, own) = (Instant::now(), process.cpu(), machine::own_cpu());
            let outcome: Outcome = runtime.block_on(async {
                match way {
                    0 => rig.bare.turn(senders, each, time).await,
                    1 => rig.socket.turn(senders, each, time).await,
                    _ => {
                        let posts = &mut rig.posts;
                        rig.socket.post_turn(posts, senders, each, time).await
                    }
                }
            });
            let turn = Turn {
                messages: outcome.receipts.len() as u64,
                time: begun.elapsed(),
                cpu: process.cpu().saturating_sub(used),
            };
            let own = machine::own_cpu().saturating_sub(own);
            assert_eq!(outcome.accepted.len(), outcome.receipts.len());
            let after = probe();
            turns.push(Trips {
                turn,
                own,
                accepted: median_and_p99(outcome.accepted),
                receipt: median_and_p99(outcome.receipts),
                flush_ms: f64::midpoint(before, after),
            });
            before = after;
        }
    }
    ways
}

fn of(turns: &[Trips], of: impl Fn(&Trips) -> f64) -> f64 {
    median(turns.iter().map(of))
}

fn row(section: &mut Section, name: &str, in_flight: usize, turns: &[Trips], bare: &[Trips]) {
    let trips: u64 = turns.iter().map(|trips| trips.turn.messages).sum();
    let ms = |value: f64| format!("{value:.2}");
    // Each turn beside the relay's of the same round.
    let beside = |of: fn(&Trips, &Trips) -> f64| {
        let pairs = turns.iter().zip(bare);
        median(pairs.map(|(own, bare)| of(own, bare)))
    };
    let note = if name == WAYS[0] {
        String::new()
    } else {
        format!(
            "{:.2} of the relay's; accepted {:+.2} ms, receipt {:+.2} ms",
            beside(|own, bare| own.turn.per_second() / bare.turn.per_second()),
            beside(|own, bare| own.accepted.0 - bare.accepted.0),
            beside(|own, bare| own.receipt.0 - bare.receipt.0)
        )
    };
    section.row([
        name.to_owned(),
        in_flight.to_string(),
        format!("{:.0}", of(turns, |trips| trips.turn.per_second())),
        ms(of(turns, |trips| trips.accepted.0)),
        ms(of(turns, |trips| trips.accepted.1)),
        ms(of(turns, |trips| trips.receipt.0)),
        ms(of(turns, |trips| trips.receipt.1)),
        format!("{:.1}", of(turns, |trips| trips.turn.cpu_us())),
        format!("{:.1}", of(turns, own_us)),
        ms(of(turns, |trips| trips.flush_ms)),
        format!("{trips} in {}", turns.len()),
        note,
    ]);
}

fn own_us(trips: &Trips) -> f64 {
    trips.own.as_secs_f64() * 1e6 / trips.turn.messages as f64
}

/// One in flight: what is on top of the flushes.
fn aims_alone(table: &mut Table, [_, socket, post]: &Ways) {
    for (name, turns) in [("socket", socket), ("HTTP", post)] {
        let accepted = of(turns, |trips| trips.accepted.0 - trips.flush_ms);
        table.aim(
            &format!("{name}, 1 in flight: accepted within one flush + 0.15 ms, p50"),
            format!("one flush {accepted:+.2} ms"),
            accepted <= 0.15,
        );
        let receipt = of(turns, |trips| trips.receipt.0 - 2.0 * trips.flush_ms);
        table.aim(
            &format!("{name}, 1 in flight: the receipt within two flushes + 0.3 ms, p50"),
            format!("two flushes {receipt:+.2} ms"),
            receipt <= 0.3,
        );
    }
}

/// Many in flight: beside the relay, and by themselves.
fn aims_together(table: &mut Table, [bare, socket, _]: &Ways, in_flight: usize) {
    let ratio = median(
        bare.iter()
            .zip(socket)
            .map(|(bare, socket)| socket.turn.per_second() / bare.turn.per_second()),
    );
    let what = |aim: &str| format!("socket, {in_flight} in flight: {aim}");
    table.aim(
        &what("at least half as many round trips as the bare relay"),
        format!("{ratio:.2} of them"),
        ratio >= 0.5,
    );
    let each_second = of(socket, |trips| trips.turn.per_second());
    table.aim(
        &what("10,000 round trips a second"),
        format!("{each_second:.0}"),
        each_second >= 10_000.0,
    );
    let cpu = of(socket, |trips| trips.turn.cpu_us());
    table.aim(
        &what("below 100 µs of server CPU each"),
        format!("{cpu:.1} µs"),
        cpu < 100.0,
    );
    let (p50, p99) = (
        of(socket, |trips| trips.receipt.0),
        of(socket, |trips| trips.receipt.1),
    );
    table.aim(
        &what("receipt p50 below 6 ms"),
        format!("{p50:.2} ms"),
        p50 < 6.0,
    );
    table.aim(
        &what("receipt p99 below 15 ms"),
        format!("{p99:.2} ms"),
        p99 < 15.0,
    );
}
