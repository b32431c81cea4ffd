//! Python: what a message costs from there, beside the engine; and how fast messages come to an observer.
//!
//! Each turn is a process of its own (`python/bench/figures.py`), which prints what it has measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::arguments::workspace;
use crate::cost;
use crate::engine;
use crate::machine::{Turn, median};
use crate::server::{People, Process, serve};
use crate::table::{Section, Table};
use crate::{PEOPLE, TURNS};

/// How a turn sends: the word for the script, for the reader, and how many are in flight.
const WAYS: [(&str, &str, usize); 3] = [
    ("one", "one at a time", 1),
    ("threads", "64 threads", 64),
    ("tasks", "64 tasks of asyncio", 64),
];

/// What a turn has printed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    messages: u64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Told {
    fn turn(&self) -> Turn {
        Turn {
            messages: self.messages,
            time: Duration::from_secs_f64(self.seconds),
            cpu: Duration::from_secs_f64(self.cpu_seconds),
        }
    }
}

/// An interpreter that has the package, as it is shipped.
struct Python(PathBuf);

impl Python {
    /// Builds and installs it. `None`, and why, where there is no Python to do it with.
    fn prepare() -> Option<Self> {
        eprintln!("Python: building the package …");
        let prepared = Command::new(workspace().join("python/bench.sh"))
            .stderr(std::process::Stdio::inherit())
            .output()
            .unwrap();
        if !prepared.status.success() {
            eprintln!("Python is not measured: python/bench.sh failed");
            return None;
        }
        let said = String::from_utf8(prepared.stdout).unwrap();
        Some(Self(said.trim().into()))
    }

    fn turn(&self, arguments: &[&str]) -> Turn {
        let script = workspace().join("python/bench/figures.py");
        let done = Command::new(&self.0)
            .arg(script)
            .args(arguments)
            .stderr(std::process::Stdio::inherit())
            .output()
            .unwrap();
        assert!(done.status.success(), "figures.py {arguments:?}");
        let told: Told = serde_json::from_slice(&done.stdout).unwrap();
        told.turn()
    }
}

/// Measures.
pub(crate) fn run(folder: &Path, time: Duration, wanted: usize, table: &mut Table) {
    let Some(python) = Python::prepare() else {
        return;
    };
    let mut section = cost::section("A message from Python, and to it");
    embedded(&python, folder, time, &mut section, table);
    remote(&python, folder, time, &mut section);
    hear(&python, folder, wanted, &mut section, table);
    table.section(section);
}

fn embedded(
    python: &Python,
    folder: &Path,
    time: Duration,
    section: &mut Section,
    table: &mut Table,
) {
    let seconds = time.as_secs_f64().to_string();
    for (way, words, in_flight) in WAYS {
        eprintln!("Python with the engine, {words} …");
        let turns = (0..TURNS).map(|turn| {
            let at = |what: &str| folder.join(format!("{what}-{way}-{turn}.db"));
            let beside = engine::run(&at("engine"), in_flight, time);
            let path = at("python");
            let path = path.to_str().unwrap();
            (beside, python.turn(&["send", "open", path, way, &seconds]))
        });
        let (engines, pythons): (Vec<_>, Vec<_>) = turns.collect();
        let pairs = engines.iter().zip(&pythons);
        let times = median(pairs.map(|(engine, python)| python.cpu_us() / engine.cpu_us()));
        let note = format!("{times:.2} times the engine's CPU in turns beside it");
        let what = format!("sendMessage, embedded, {words}");
        section.row(cost::row(&what, in_flight, &pythons, None, note));
        table.aim(
            &format!("Python embedded, {words}: CPU at most 3 times the engine's"),
            format!("{times:.2}"),
            times <= 3.0,
        );
    }
}

/// A server, and the tokens of a sender and a receiver.
fn server(folder: &Path, name: &str) -> (Process, String, String) {
    let store = folder.join(format!("{name}.db"));
    let people = People {
        users: PEOPLE,
        with_token: 0,
        externals: 2,
    };
    let mut tokens = people.fill(&store);
    let receiver = tokens.externals.remove(1);
    (
        serve(&store, &[], &[]),
        tokens.externals.remove(0),
        receiver,
    )
}

fn remote(python: &Python, folder: &Path, time: Duration, section: &mut Section) {
    let seconds = time.as_secs_f64().to_string();
    for (way, words, in_flight) in WAYS {
        eprintln!("Python with a server, {words} …");
        let turns = (0..TURNS).map(|turn| {
            let (process, token, _) = server(folder, &format!("remote-{way}-{turn}"));
            let url = format!("http://{}", process.address);
            python.turn(&["send", &url, &token, way, &seconds])
        });
        let turns: Vec<_> = turns.collect();
        let what = format!("sendMessage, server, {words}");
        let note = "CPU is the client's".to_owned();
        section.row(cost::row(&what, in_flight, &turns, None, note));
    }
}

fn hear(python: &Python, folder: &Path, wanted: usize, section: &mut Section, table: &mut Table) {
    eprintln!("Python: an observer of {wanted} messages …");
    let many = wanted.to_string();
    let turns = (0..TURNS).map(|turn| {
        let path = folder.join(format!("hear-{turn}.db"));
        let own = python.turn(&["hear", "open", path.to_str().unwrap(), &many]);
        let (process, sender, receiver) = server(folder, &format!("hear-remote-{turn}"));
        let url = format!("http://{}", process.address);
        let tokens = format!("{sender},{receiver}");
        (own, python.turn(&["hear", &url, &tokens, &many]))
    });
    let (own, remote): (Vec<_>, Vec<_>) = turns.collect();
    for (where_, turns) in [("embedded", own), ("server", remote)] {
        let what = format!("a Subject's observer, {where_}");
        let note = "messages that waited".to_owned();
        section.row(cost::row(&what, 1, &turns, None, note));
        let speed = median(turns.iter().map(Turn::per_second));
        table.aim(
            &format!("Python {where_}: 5,000 messages a second through a Subject"),
            format!("{speed:.0}/s"),
            speed >= 5_000.0,
        );
    }
}
