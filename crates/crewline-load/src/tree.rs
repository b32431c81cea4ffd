//! What processes and all that they have started use: time on the processor, and memory.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

/// What the system says of a process.
struct Stat {
    parent: u32,
    /// What it has used, and what those have used that it started and that have ended.
    cpu: Duration,
}

impl Stat {
    /// Reads a line of `/proc/PID/stat`.
    fn parse(line: &str) -> Option<Self> {
        // The name of the command may hold anything but a last parenthesis.
        let (_, fields) = line.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
        Some(Self {
            parent: number(1)? as u32,
            // A tick is 10 ms on every Linux that runs this.
            cpu: Duration::from_millis(ticks * 10),
        })
    }
}

fn all() -> HashMap<u32, Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let read = |id: u32| {
        let line = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, Stat::parse(&line)?))
    };
    ids.filter_map(read).collect()
}

/// The processes, and all that they have started.
fn members(roots: &[u32], all: &HashMap<u32, Stat>) -> HashSet<u32> {
    let mut members: HashSet<u32> = roots.iter().copied().collect();
    loop {
        let before = members.len();
        let children = all
            .iter()
            .filter(|(_, stat)| members.contains(&stat.parent));
        let children: Vec<u32> = children.map(|(id, _)| *id).collect();
        members.extend(children);
        if members.len() == before {
            return members;
        }
    }
}

/// The time that all of them have spent on the processor, to 10 ms.
pub(crate) fn cpu(roots: &[u32]) -> Duration {
    let all = all();
    let members = members(roots, &all);
    members.iter().filter_map(|id| Some(all.get(id)?.cpu)).sum()
}

/// The memory of all of them that is in the machine, in KiB; what several share is counted once.
pub(crate) fn memory_kib(roots: &[u32]) -> u64 {
    let members = members(roots, &all());
    members.iter().map(|id| memory_of(*id)).sum()
}

/// `kill -9` of all of them.
pub(crate) fn kill(roots: &[u32]) {
    for id in members(roots, &all()) {
        if let Some(id) = Pid::from_raw(id as i32) {
            // One that has ended already is no fault.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

fn memory_of(id: u32) -> u64 {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{id}/{file}"));
    read("smaps_rollup")
        .ok()
        .and_then(|text| field(&text, "Pss:"))
        .or_else(|| field(&read("status").ok()?, "VmRSS:"))
        .unwrap_or(0)
}

/// A number of KiB by its name.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The time that this process has spent on the processor, exactly.
pub(crate) fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_holds_those_that_its_members_have_started_and_no_others() {
        let stat = |parent| Stat {
            parent,
            cpu: Duration::ZERO,
        };
        let all = [(10, stat(1)), (11, stat(10)), (12, stat(11)), (20, stat(1))];
        let all = all.into_iter().collect();
        let mut found: Vec<u32> = members(&[10], &all).into_iter().collect();
        found.sort_unstable();
        assert_eq!(found, [10, 11, 12]);
    }

    #[test]
    fn a_line_of_the_system_is_read_whatever_the_program_is_called() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 100";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.parent, 7);
        assert_eq!(stat.cpu, Duration::from_secs(1));
        assert!(Stat::parse("42 (short) S 7").is_none());
        assert_eq!(field("Rss: 9 kB\nPss:      1234 kB\n", "Pss:"), Some(1234));
        assert_eq!(field("Rss: 9 kB\n", "Pss:"), None);
    }
}
