//! The log of a soak, meant to be kept: how it was run, a line for each sample, and the verdict.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::Sample;

const MIB: f64 = 1_048_576.0;

/// The file.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
}

impl Log {
    /// Begins a new one; `how` is written on top.
    pub(crate) fn begin(path: &Path, how: &str) -> Result<Self, String> {
        let file = File::create(path)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let mut log = Self { file };
        log.write(&format!("# {how}"))?;
        log.write(&format!(
            "# {:>6} {:>8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>9} {:>8} {:>6} {:>6}",
            "s",
            "RSS MiB",
            "PSS MiB",
            "heap MiB",
            "handles",
            "threads",
            "WAL MiB",
            "store MiB",
            "accepted",
            "p50 ms",
            "p99 ms"
        ))?;
        Ok(log)
    }

    /// A sample, on a line of its own.
    pub(crate) fn sample(&mut self, sample: &Sample) -> Result<(), String> {
        let mib = |bytes: u64| bytes as f64 / MIB;
        self.write(&format!(
            "{:>8.0} {:>8.1} {:>8.1} {:>8.1} {:>7} {:>7} {:>8.1} {:>9.1} {:>8} {:>6} {:>6}",
            sample.at_s,
            mib(sample.resident),
            mib(sample.proportional),
            mib(sample.anonymous),
            sample.handles,
            sample.threads,
            mib(sample.wal),
            mib(sample.store),
            sample.accepted,
            sample.delivered.p50,
            sample.delivered.p99
        ))
    }

    /// Text, at once: a soak that is killed leaves what it has seen.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), String> {
        let mut text = text.to_owned();
        text.push('\n');
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.flush());
        written.map_err(|error| format!("cannot write the log: {error}"))
    }
}
