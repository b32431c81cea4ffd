//! A PostgreSQL of a work's own: Debian's binaries, in the folder of the work, on a free port. It is set up as its documents advise for what must
//! not be lost: nothing that concerns durability is touched, every commit waits for the disk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::plain_user;
use crate::fault::{Done, Fault, When as _};
use crate::process::{Process, free_address, output};

/// How long it may take until it answers: after `kill -9` it reads its log first.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(20);
/// The owner of everything.
pub(super) const USER: &str = "crew";

/// See the module. It ends when it is dropped.
pub(super) struct Postgres {
    process: Process,
    folder: PathBuf,
    bin: PathBuf,
    pub(super) address: SocketAddr,
}

/// Where the programs are, if they are here: the newest version.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    bins.filter(|bin| bin.join("initdb").exists()).max()
}

fn bin() -> Done<PathBuf> {
    binaries().ok_or_else(|| {
        Fault::new("PostgreSQL is not installed (Debian's package postgresql has it)")
    })
}

/// Such as `15.18`.
pub(super) fn version() -> Done<String> {
    let mut command = Command::new(bin()?.join("postgres"));
    command.arg("--version");
    let said = output(command)?;
    // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    Ok(said.split(' ').nth(2).unwrap_or(&said).trim().to_owned())
}

impl Postgres {
    pub(super) async fn start(folder: &Path) -> Done<Self> {
        let folder = plain_user::own_folder(folder)?;
        let bin = bin()?;
        let mut initdb = plain_user::command(&bin.join("initdb"));
        // What it makes before the work begins need not outlive a power cut.
        initdb.args(["-U", USER, "--auth=trust", "--no-sync"]);
        initdb.args(["-E", "UTF8", "--locale=C.UTF-8", "-D"]);
        initdb.arg(folder.join("data")).current_dir("/");
        output(initdb).when("making a database")?;
        let address = free_address()?;
        let mut server = Self {
            process: run(&bin, &folder, address)?,
            folder,
            bin,
            address,
        };
        server.answers().await?;
        Ok(server)
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it takes statements.
    async fn answers(&mut self) -> Done {
        let begun = Instant::now();
        loop {
            let Err(fault) = self.sql("postgres", "SELECT 1") else {
                return Ok(());
            };
            self.process.lives()?;
            if begun.elapsed() > PATIENCE {
                return Err(fault);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Runs statements in a database, and gives what they show.
    pub(super) fn sql(&self, database: &str, sql: &str) -> Done<String> {
        let mut psql = self.psql(database);
        psql.args(["-c", sql]);
        output(psql)
    }

    /// Runs the statements of a file in a database.
    pub(super) fn file(&self, database: &str, file: &Path) -> Done {
        let mut psql = self.psql(database);
        psql.arg("-f").arg(file);
        output(psql).map(|_| ())
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-h", "127.0.0.1", "-U", USER, "-d", database, "-p"]);
        psql.arg(self.address.port().to_string());
        psql
    }

    /// The process itself has been killed, with all that it had started: waits for its end.
    pub(super) fn killed(&mut self) {
        self.process.kill();
    }

    pub(super) async fn start_again(&mut self) -> Done {
        self.process = run(&self.bin, &self.folder, self.address)?;
        self.answers().await
    }
}

fn run(bin: &Path, folder: &Path, address: SocketAddr) -> Done<Process> {
    let mut command = plain_user::command(&bin.join("postgres"));
    command.arg("-D").arg(folder.join("data"));
    command.args(["-c", "listen_addresses=127.0.0.1"]);
    command.args(["-c", "unix_socket_directories="]);
    command.args(["-p", &address.port().to_string()]);
    command.current_dir("/");
    Process::start("postgres", command, folder)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Killed, it would leave shared memory behind; so it is told to give up, which takes a moment.
        let mut stop = plain_user::command(&self.bin.join("pg_ctl"));
        stop.args(["stop", "-w", "-m", "immediate", "-D"]);
        stop.arg(self.folder.join("data")).current_dir("/");
        // What does not end so is killed next.
        let _ = output(stop);
    }
}
