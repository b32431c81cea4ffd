//! The disk below the store: room, and how long a flush takes. Each commit waits for one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::finding::Finding;

const MIB: u64 = 1024 * 1024;
/// Below this much room a server soon refuses everything.
const FREE_FAIL: u64 = 100 * MIB;
/// Below this much room it is time to act.
const FREE_WARN: u64 = 1024 * MIB;
const PROBES: usize = 25;
/// A median above this is felt by everybody who sends.
const FLUSH_WARN: Duration = Duration::from_millis(20);

/// Looks at the disk.
pub(crate) fn look(store: &Path) -> Vec<Finding> {
    let folder = folder_of(store);
    if !folder.is_dir() {
        let what = format!("the folder {} does not exist", folder.display());
        return vec![Finding::fail(
            "folder",
            what,
            format!("mkdir -p {}", folder.display()),
        )];
    }
    let mut findings = vec![room(&folder)];
    match probe(&folder) {
        Ok(times) => {
            findings.insert(
                0,
                Finding::ok("folder", format!("{} can be written", folder.display())),
            );
            findings.push(flush(&times));
        }
        Err(error) => {
            let what = format!("{} cannot be written: {error}", folder.display());
            let remedy = "give the server's user the right to write there, or another --store";
            findings.insert(0, Finding::fail("folder", what, remedy));
        }
    }
    findings
}

/// The folder in which the store and its companions live.
pub(crate) fn folder_of(store: &Path) -> PathBuf {
    match store.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn room(folder: &Path) -> Finding {
    let free = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => {
            return Finding::warn("free space", format!("not known: {error}"), "df -h");
        }
    };
    let what = format!("{} MiB in {}", free / MIB, folder.display());
    let remedy = "make room, or move the store to a larger disk";
    if free < FREE_FAIL {
        Finding::fail("free space", what, remedy)
    } else if free < FREE_WARN {
        Finding::warn("free space", what, remedy)
    } else {
        Finding::ok("free space", what)
    }
}

/// Writes and flushes a block several times; gives the times in order of length.
fn probe(folder: &Path) -> io::Result<Vec<Duration>> {
    let path = folder.join(format!(".crewline-doctor-{}", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let times = time_flushes(file);
    std::fs::remove_file(&path)?;
    times
}

fn time_flushes(mut file: File) -> io::Result<Vec<Duration>> {
    let block = [0x5a; 4096];
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn flush(times: &[Duration]) -> Finding {
    let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let median = times.get(times.len() / 2);
    let what = format!(
        "median {:.2} ms, longest {:.2} ms, of {}",
        millis(median),
        millis(times.last()),
        times.len()
    );
    if median.is_some_and(|median| *median > FLUSH_WARN) {
        let remedy =
            "a disk that flushes faster; each message waits for one flush, many at once share it";
        return Finding::warn("disk flush", what, remedy);
    }
    Finding::ok("disk flush", what)
}
