//! Round trips through servers: sender and receivers at one node, or at two.

use std::path::Path;
use std::time::{Duration, Instant};

use crewline_store_postgres::{Options, open, open_beside};
use crewline_testkit::nats::Nats;
use crewline_testkit::postgres::Postgres;
use tokio::runtime::Runtime;

use super::cpu;
use crate::live::crowd::{Crowd, EACH, SENDERS};
use crate::live::protocol::Socket;
use crate::live::runtime;
use crate::live::sender::CONNECTED;
use crate::machine::{Turn, median, median_and_p99};
use crate::server::{People, Process, serve, serve_url};
use crate::table::{Section, Table};
use crate::{PEOPLE, TURNS};

/// Servers, and everybody who is connected to them.
struct Way {
    name: &'static str,
    servers: Vec<Process>,
    crowd: Crowd<Socket>,
    turns: Vec<Trips>,
}

/// What a turn measured.
struct Trips {
    turn: Turn,
    database: Duration,
    accepted: (f64, f64),
    receipt: (f64, f64),
}

/// Measures.
pub(super) fn run(
    postgres: &Postgres,
    folder: &Path,
    time: Duration,
    only: Option<usize>,
    table: &mut Table,
) {
    let runtime = runtime();
    let nats = Nats::start();
    if nats.is_none() {
        table.not_measured("round trips between nodes over NATS: nats-server is not here");
    }
    let mut ways = ways(&runtime, postgres, nats.as_ref(), folder);
    let mut section = Section::new(
        "Round trip on PostgreSQL, through one node and from one to another",
        &[
            "",
            "in flight",
            "round trips/s",
            "accepted p50 ms",
            "p99",
            "receipt p50 ms",
            "p99",
            "node CPU µs each",
            "database CPU µs each",
            "trips in turns",
        ],
    );
    for (senders, each) in [(1, 1), (SENDERS, EACH)] {
        let in_flight = senders * each;
        if only.is_some_and(|only| only != in_flight) {
            continue;
        }
        eprintln!("round trips on PostgreSQL, {in_flight} in flight …");
        for _ in 0..TURNS {
            for way in &mut ways {
                let trips = measure(&runtime, postgres, way, time, (senders, each));
                way.turns.push(trips);
            }
        }
        let p50 = |way: &Way| median(way.turns.iter().map(|trips| trips.receipt.0));
        let same = p50(&ways[1]);
        for way in &ways {
            row(&mut section, way, in_flight);
        }
        for way in &ways[2..] {
            let more = p50(way) - same;
            if in_flight == 1 {
                table.aim(
                    &format!(
                        "{}, 1 in flight: the receipt within 2 ms of one node's, p50",
                        way.name
                    ),
                    format!("{more:+.2} ms"),
                    more <= 2.0,
                );
            }
        }
        for way in &mut ways {
            way.turns.clear();
        }
    }
    table.section(section);
}

/// SQLite; one node; two with hints over the database; two with hints over NATS.
fn ways(runtime: &Runtime, postgres: &Postgres, nats: Option<&Nats>, folder: &Path) -> Vec<Way> {
    let people = People {
        users: PEOPLE,
        with_token: CONNECTED,
        externals: SENDERS,
    };
    let gather = |name, servers: Vec<Process>, tokens| {
        let mut socket = Socket::new(&servers[0].address, tokens);
        if let Some(second) = servers.get(1) {
            socket.users_at = second.address.as_str().into();
        }
        Way {
            name,
            crowd: runtime.block_on(Crowd::gather(socket)),
            servers,
            turns: Vec::new(),
        }
    };
    let file = folder.join("trip-beside.db");
    let tokens = people.fill(&file);
    let mut ways = vec![gather("SQLite", vec![serve(&file, &[], &[])], tokens)];
    let mut add = |name, nodes: usize, bus: &[&str]| {
        let url = postgres.database();
        let options = Options::new(&url);
        drop(open(&options).unwrap());
        let mut store = open_beside(&options, false).unwrap();
        let tokens = people.fill_in(store.directory());
        let servers = (0..nodes).map(|_| serve_url(&url, folder, bus, &[]));
        ways.push(gather(name, servers.collect(), tokens));
    };
    add("one node", 1, &[]);
    add("two nodes, LISTEN/NOTIFY", 2, &[]);
    if let Some(nats) = nats {
        add("two nodes, NATS", 2, &["--bus", &nats.url()]);
    }
    ways
}

fn measure(
    runtime: &Runtime,
    postgres: &Postgres,
    way: &mut Way,
    time: Duration,
    (senders, each): (usize, usize),
) -> Trips {
    let used = |way: &Way| way.servers.iter().map(Process::cpu).sum::<Duration>();
    let (begun, nodes, database) = (Instant::now(), used(way), cpu(postgres));
    let outcome = runtime.block_on(way.crowd.turn(senders, each, time));
    let turn = Turn {
        messages: outcome.receipts.len() as u64,
        time: begun.elapsed(),
        cpu: used(way).saturating_sub(nodes),
    };
    assert_eq!(outcome.accepted.len(), outcome.receipts.len());
    Trips {
        turn,
        database: cpu(postgres).saturating_sub(database),
        accepted: median_and_p99(outcome.accepted),
        receipt: median_and_p99(outcome.receipts),
    }
}

fn row(section: &mut Section, way: &Way, in_flight: usize) {
    let trips: u64 = way.turns.iter().map(|trips| trips.turn.messages).sum();
    let of = |of: &dyn Fn(&Trips) -> f64| median(way.turns.iter().map(of));
    let ms = |value: f64| format!("{value:.2}");
    section.row([
        way.name.to_owned(),
        in_flight.to_string(),
        format!("{:.0}", of(&|trips| trips.turn.per_second())),
        ms(of(&|trips| trips.accepted.0)),
        ms(of(&|trips| trips.accepted.1)),
        ms(of(&|trips| trips.receipt.0)),
        ms(of(&|trips| trips.receipt.1)),
        format!("{:.1}", of(&|trips| trips.turn.cpu_us())),
        format!(
            "{:.1}",
            of(&|trips| trips.database.as_secs_f64() * 1e6 / trips.turn.messages as f64)
        ),
        format!("{trips} in {}", way.turns.len()),
    ]);
}
