//! The machine: what it is, how fast its disk says "I have it", and what a process has used.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The disk to measure: the one that the build is on, not a temporary folder that may be in memory.
pub(crate) fn work_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_crewline"))
        .parent()
        .map(Path::to_path_buf);
    target
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(std::env::temp_dir)
}

/// The processor, the kernel and the date.
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'));
    let model = model.map_or("an unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let date = jiff::Zoned::now().date();
    format!("{cores} × {model}, Linux {}, {date}", kernel.trim())
}

/// Lets this process have as many connections as the system allows.
pub(crate) fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// What a flush costs now.
#[derive(Clone, Copy)]
pub(crate) struct Flush {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// The same where the file has that place already, as a WAL has that began anew: the file system has less to note.
    pub(crate) in_place_ms: f64,
    pub(crate) samples: usize,
}

/// Appends 4 KiB and waits for the disk, again and again; then does the same where they were written.
pub(crate) fn flush(folder: &Path, samples: usize) -> Flush {
    let mut file = File::create(folder.join("flush")).unwrap();
    let (median_ms, p99_ms) = write_blocks(&mut file, samples);
    file.rewind().unwrap();
    let (in_place_ms, _) = write_blocks(&mut file, samples);
    Flush {
        median_ms,
        p99_ms,
        in_place_ms,
        samples,
    }
}

fn write_blocks(file: &mut File, samples: usize) -> (f64, f64) {
    let block = [7u8; 4096];
    let times = (0..samples).map(|_| {
        let begun = Instant::now();
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
        begun.elapsed()
    });
    median_and_p99(times.collect())
}

/// The time that a process has spent on the processor, in user and kernel mode, all threads, to 10 ms.
pub(crate) fn cpu(process: &str) -> Duration {
    Stat::read(process).unwrap().own
}

/// What the system says of a process.
struct Stat {
    parent: String,
    /// What it has used.
    own: Duration,
    /// What those have used that it started, and that have ended.
    ended: Duration,
}

impl Stat {
    /// `None` where there is none.
    fn read(process: &str) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name of the command may hold anything but a last parenthesis.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // A tick is 10 ms on every Linux that runs this.
        let ticks = |at: usize| fields[at].parse::<u64>().map(|ticks| ticks * 10);
        let both = |at: usize| Some(Duration::from_millis(ticks(at).ok()? + ticks(at + 1).ok()?));
        Some(Self {
            parent: fields[1].to_owned(),
            own: both(11)?,
            ended: both(13)?,
        })
    }
}

/// The time that a process and those that it started have spent on the processor.
pub(crate) fn tree_cpu(parent: u32) -> Duration {
    let processes = std::fs::read_dir("/proc").unwrap();
    let names = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let parent = parent.to_string();
    // One that ends meanwhile is nowhere, or in both places: that is what a connection has used in a moment.
    let stats = names.filter_map(|name| Stat::read(&name));
    let children: Duration = stats
        .filter(|stat| stat.parent == parent)
        .map(|stat| stat.own)
        .sum();
    let parent = Stat::read(&parent).unwrap();
    parent.own + parent.ended + children
}

/// The time that this process has spent on the processor, all threads, exactly.
pub(crate) fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The memory of a process that is in the machine now, in KiB.
pub(crate) fn resident_kib(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
    number.parse().unwrap()
}

/// What one turn measured.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) messages: u64,
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
}

impl Turn {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn us(&self) -> f64 {
        self.time.as_secs_f64() * 1e6 / self.messages as f64
    }

    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.messages as f64
    }
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The middle one, and the one that 99 of 100 are below, in milliseconds.
pub(crate) fn median_and_p99(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let ms = |at: usize| times[at.min(times.len() - 1)].as_secs_f64() * 1e3;
    (ms(times.len() / 2), ms(times.len() * 99 / 100))
}
