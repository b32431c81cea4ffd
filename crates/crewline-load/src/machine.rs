//! The machine: what it is, how fast its disk says "I have it", and how many files may be open.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::fault::Done;
use crate::figures::{ms, percentile};

/// What is asked for where the system allows it: 20,000 connections, and what else is open.
const FILES: u64 = 65_536;

/// Where and when figures were made.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.and_then(|text| text.strip_suffix("kB")?.trim().parse::<f64>().ok());
        let processor = field(&read("/proc/cpuinfo"), "model name");
        Self {
            processor: processor.unwrap_or_else(|| "an unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_gib: kib.unwrap_or(0.0) / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            date: jiff::Zoned::now().date().to_string(),
        }
    }
}

/// Lets this process, and what it starts, have as many connections as it needs and may have.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(FILES);
    for most in [hard.max(FILES), hard] {
        let wanted = Rlimit {
            current: Some(most),
            maximum: limit.maximum.map(|_| most),
        };
        // Beyond the hard limit only an administrator may go.
        if setrlimit(Resource::Nofile, wanted).is_ok() {
            return;
        }
    }
}

/// How many files this process, and one that it starts, may have open.
pub(crate) fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What a flush costs now.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Flush {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Appends 4 KiB to a file and waits for the disk, again and again.
pub(crate) fn flush(folder: &Path, samples: usize) -> Done<Flush> {
    let mut file = File::create(folder.join("flush"))?;
    let block = [7u8; 4096];
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples {
        let begun = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(Flush {
        p50_ms: ms(percentile(&times, 50)),
        p99_ms: ms(percentile(&times, 99)),
    })
}
