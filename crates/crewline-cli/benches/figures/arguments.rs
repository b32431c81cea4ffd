//! What a run was asked for.

use std::path::PathBuf;
use std::time::Duration;

/// The parts of a run, in the order in which they are measured.
pub(crate) const PARTS: [&str; 13] = [
    "engine", "postgres", "migrate", "http", "trip", "waiting", "webhook", "fan-out", "idle",
    "nodes", "growth", "python", "app",
];

/// What a run was asked for.
pub(crate) struct Arguments {
    /// How long a turn takes.
    pub(crate) time: Duration,
    /// Small numbers of everything: to see that it works. Its figures say nothing.
    pub(crate) quick: bool,
    /// Only so many messages in flight.
    pub(crate) in_flight: Option<usize>,
    /// The page of which the block between the marks is to be replaced.
    pub(crate) write: Option<PathBuf>,
    /// Be the bare relay on this file, and nothing else.
    pub(crate) relay: Option<PathBuf>,
    parts: Vec<String>,
}

impl Arguments {
    /// Reads the command line; `None` where cargo only asks for a list of tests.
    pub(crate) fn read() -> Option<Self> {
        let mut read = Self {
            time: Duration::from_secs(2),
            quick: false,
            in_flight: None,
            write: None,
            relay: None,
            parts: Vec::new(),
        };
        let mut given = std::env::args().skip(1);
        let mut seconds = None;
        while let Some(argument) = given.next() {
            let mut value = || {
                let value = given.next();
                value.unwrap_or_else(|| panic!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--bench" => {}
                "--list" => return None,
                "--quick" => read.quick = true,
                "--seconds" => seconds = Some(value().parse().expect("--seconds is a number")),
                "--in-flight" => {
                    read.in_flight = Some(value().parse().expect("--in-flight is a number"));
                }
                // Cargo starts a benchmark in the folder of its package; a person means the workspace.
                "--write" => read.write = Some(workspace().join(value())),
                "--relay" => read.relay = Some(value().into()),
                part if PARTS.contains(&part) => read.parts.push(argument),
                other => panic!("{other} is unknown; the parts are {}", PARTS.join(", ")),
            }
        }
        let usual = if read.quick { 0.3 } else { 2.0 };
        read.time = Duration::from_secs_f64(seconds.unwrap_or(usual));
        assert!(
            read.write.is_none() || read.parts.is_empty(),
            "--write keeps whole runs alone: it would take the other parts from the page"
        );
        Some(read)
    }

    pub(crate) fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    /// A number that is large in a run that counts.
    pub(crate) fn many(&self, usual: usize, quick: usize) -> usize {
        if self.quick { quick } else { usual }
    }
}

pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
