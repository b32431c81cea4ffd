//! A real PostgreSQL of a test's own: Debian's binaries, in a folder that goes with it, on a free port, and as a user who is
//! not root. `make test` installs it where it can.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// The password of the owner.
const SECRET: &str = "pQ7-never-shown";

/// A running server; it ends with the test.
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// Where the programs are, if they are here.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// PostgreSQL does not run as root: then it runs as a user who owns nothing else of this test.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command.arg(program);
    command
}

/// Lets the user that PostgreSQL runs as own what is in a folder.
fn give_away(path: &Path) {
    if is_root() {
        let mut chown = Command::new("chown");
        succeed(chown.args(["-R", "nobody:nogroup"]).arg(path));
    }
}

fn new_folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("crewline-postgres-")
        .tempdir()
        .expect("there is a folder for files that pass")
}

fn succeed(command: &mut Command) -> Output {
    let output = command
        .current_dir("/")
        .output()
        .expect("the program is there");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

impl Postgres {
    /// A server without a database of the test's own. `None` where PostgreSQL is not here, which is said loudly.
    ///
    /// # Panics
    /// Where it is there and does not start.
    pub fn start() -> Option<Self> {
        Self::start_with("", |_| {})
    }

    /// With more settings, for which `prepare` may put files into the folder of the data.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_with(settings: &str, prepare: impl Fn(&Path)) -> Option<Self> {
        let Some(bin) = binaries() else {
            eprintln!(
                "LEFT OUT: PostgreSQL is not in /usr/lib/postgresql; try: apt-get install postgresql"
            );
            return None;
        };
        let folder = new_folder();
        let password = folder.path().join("password");
        std::fs::write(&password, SECRET).expect("a file can be written");
        give_away(folder.path());
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&bin.join("initdb"));
        initdb.args([
            "-U",
            "crew",
            "--auth=scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
        ]);
        // Another order than that of bytes: what is to be compared by bytes must say so.
        initdb.args([
            "--locale-provider=icu",
            "--icu-locale=en-US",
            "--locale=C.UTF-8",
        ]);
        succeed(initdb.arg("-D").arg(&data).arg("--pwfile").arg(&password));
        prepare(&data);
        let settings = format!(
            "fsync = off\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n{settings}\n"
        );
        std::fs::write(data.join("postgresql.auto.conf"), settings).expect("a file can be written");
        give_away(&data);
        Some(Self::at(folder, bin))
    }

    /// A server that runs on what is in the folder.
    fn at(folder: TempDir, bin: PathBuf) -> Self {
        let mut server = Self {
            folder,
            bin,
            port: 0,
            databases: AtomicU32::new(0),
        };
        server.find_port();
        server
    }

    /// A standby that follows this one, under this name, and answers readings.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn standby(&self, name: &str) -> Self {
        let folder = new_folder();
        give_away(folder.path());
        let mut copy = unprivileged(&self.bin.join("pg_basebackup"));
        copy.args([
            "--checkpoint=fast",
            "--no-sync",
            "--write-recovery-conf",
            "--wal-method=stream",
        ]);
        copy.arg("-D").arg(folder.path().join("data"));
        copy.arg("-d")
            .arg(format!("{}?application_name={name}", self.url("postgres")));
        succeed(&mut copy);
        Self::at(folder, self.bin.clone())
    }

    /// Makes a standby the primary, on a new timeline.
    ///
    /// # Panics
    /// Where it does not become one.
    pub fn promote(&self) {
        let output = self
            .pg_ctl("promote")
            .output()
            .expect("the program is there");
        assert!(output.status.success(), "{output:?}");
    }

    /// Sets something while it runs.
    ///
    /// # Panics
    /// Where it cannot be set.
    pub fn set(&self, name: &str, value: &str) {
        self.sql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// The address of several hosts, in this order; the database is the one of the first address.
    pub fn urls(url: &str, others: &[&Self]) -> String {
        let hosts = others
            .iter()
            .map(|other| format!(",127.0.0.1:{}", other.port));
        let hosts: String = hosts.collect();
        let (head, database) = url.rsplit_once('/').expect("an address has a database");
        format!("{head}{hosts}/{database}")
    }

    /// Takes a free port, and another one where somebody was quicker.
    fn find_port(&mut self) {
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
            self.port = free.local_addr().expect("it has an address").port();
            drop(free);
            if self.try_run() {
                return;
            }
        }
        let log = std::fs::read_to_string(self.log());
        panic!("PostgreSQL does not start: {log:?}");
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("data/log")
    }

    fn try_run(&self) -> bool {
        let mut start = self.pg_ctl("start");
        start.arg("-l").arg(self.log());
        start.arg("-o").arg(format!("-p {}", self.port));
        start
            .output()
            .expect("the program is there")
            .status
            .success()
    }

    fn pg_ctl(&self, what: &str) -> Command {
        let mut command = unprivileged(&self.bin.join("pg_ctl"));
        command.args([what, "-w", "-t", "60", "-D"]);
        command.arg(self.folder.path().join("data"));
        command.current_dir("/").process_group(0);
        command
    }

    /// Starts it again, on the same port.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_again(&self) {
        assert!(self.try_run(), "PostgreSQL does not start again");
    }

    /// Ends it at once, as a power cut would: what was not written is not written.
    pub fn kill(&self) {
        let mut stop = self.pg_ctl("stop");
        stop.args(["-m", "immediate"]);
        // What it has started is told to nobody.
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// A new, empty database; returns its address.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn database(&self) -> String {
        let no = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{no}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://crew:{SECRET}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The process that has started all others.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn pid(&self) -> u32 {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("it runs");
        let first = text.lines().next().and_then(|line| line.parse().ok());
        first.expect("the file begins with the process")
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A dump of a database, as statements.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn dump(&self, url: &str) -> String {
        let mut dump = Command::new(self.bin.join("pg_dump"));
        let output = succeed(dump.arg(url));
        String::from_utf8(output.stdout).expect("a dump is text")
    }

    /// Fills an empty database from a dump.
    ///
    /// # Panics
    /// Where it cannot be filled.
    pub fn load(&self, url: &str, dump: &str) {
        let file = self.folder.path().join("dump.sql");
        std::fs::write(&file, dump).expect("a file can be written");
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(&file);
        succeed(psql.arg(url));
    }

    /// Runs statements in a database, by its name or its address; returns what they show, a row a line.
    ///
    /// # Panics
    /// Where one of them fails.
    pub fn sql(&self, database: &str, sql: &str) -> Vec<String> {
        let name = database.rsplit('/').next().unwrap_or(database);
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        psql.arg(self.url(name));
        let output = succeed(&mut psql);
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}
