//! One look at the server, by what the system says of its process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ledger::Spread;

/// How often one looks.
pub(crate) const EVERY: Duration = Duration::from_secs(10);

/// What one look has shown. Sizes in bytes, times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) at_s: f64,
    pub(crate) resident: u64,
    /// The share of the memory that is the process's own, and its part of what is shared.
    pub(crate) proportional: u64,
    /// What no file stands behind: the heap.
    pub(crate) anonymous: u64,
    pub(crate) handles: u64,
    pub(crate) threads: u64,
    pub(crate) wal: u64,
    pub(crate) store: u64,
    /// Messages that were accepted since the look before.
    pub(crate) accepted: u64,
    /// Deliveries since the look before, to those who were connected.
    pub(crate) delivered: Spread,
}

/// Looks at a process.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    process: PathBuf,
    store: PathBuf,
}

impl Probe {
    pub(crate) fn new(process: u32, store: PathBuf) -> Self {
        Self {
            process: PathBuf::from(format!("/proc/{process}")),
            store,
        }
    }

    /// What the system says; an error where the process is gone.
    pub(crate) fn look(&self) -> Result<Sample, String> {
        let read = |name: &str| {
            let path = self.process.join(name);
            fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let status = read("status")?;
        let rollup = read("smaps_rollup")?;
        let handles = fs::read_dir(self.process.join("fd"))
            .map_err(|error| format!("cannot count the handles: {error}"))?;
        Ok(Sample {
            resident: kib(&status, "VmRSS:"),
            proportional: kib(&rollup, "Pss:"),
            anonymous: kib(&rollup, "Pss_Anon:"),
            handles: handles.count() as u64,
            threads: number(&status, "Threads:"),
            wal: size(&with_suffix(&self.store, "-wal")),
            store: size(&self.store),
            ..Sample::default()
        })
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn kib(text: &str, name: &str) -> u64 {
    number(text, name) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_name_alone() {
        let text = "VmHWM:\t   99 kB\nVmRSS:\t   12 kB\nThreads:\t7\nPss_Anon:  5 kB\nPss:  9 kB\n";
        assert_eq!(
            (
                kib(text, "VmRSS:"),
                number(text, "Threads:"),
                kib(text, "Pss:")
            ),
            (12 * 1_024, 7, 9 * 1_024)
        );
        assert_eq!(number(text, "Nothing:"), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_handles_and_threads() {
        let sample = Probe::new(std::process::id(), PathBuf::from("nowhere.db"))
            .look()
            .unwrap();
        assert!(
            sample.resident > 0
                && sample.proportional > 0
                && sample.handles > 0
                && sample.threads > 0
        );
        assert_eq!((sample.wal, sample.store), (0, 0));
    }
}
