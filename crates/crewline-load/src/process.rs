//! A server as a process of its own, in a folder of its own, and in a group of its own: so that all of it ends together.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use std::os::unix::process::CommandExt as _;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::fault::{Done, Fault, When as _};

/// How long a server may take until it takes connections.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often something is looked for that nobody tells.
const LOOK: Duration = Duration::from_millis(5);

/// See the module. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it. What it says goes into the file `NAME.log` of the folder.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Done<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .when(format_args!("starting {}", command.get_program().display()))?;
        Ok(Self { child, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it takes connections.
    pub(crate) async fn listens(&mut self, address: SocketAddr) -> Done {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            self.lives()?;
            if begun.elapsed() > PATIENCE {
                return Err(self.says(&format!("took no connections at {address}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// That it has not ended.
    pub(crate) fn lives(&mut self) -> Done {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.says(&format!("has ended: {status}"))),
        }
    }

    fn says(&self, what: &str) -> Fault {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n");
        Fault(format!("the server {what}; its log ends so:\n{last}"))
    }

    /// `kill -9`, of all that it has started too.
    pub(crate) fn kill(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            // One that has ended already is no fault.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address of this machine at which nobody listens.
pub(crate) fn free_address() -> Done<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Finds a program in the PATH, or in the folders of servers that a PATH may lack.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A program that Debian has in a package of its own name. Fails where it is not installed.
pub(crate) fn installed(program: &str) -> Done<PathBuf> {
    let missing = || format!("{program} is not installed (Debian's package {program} has it)");
    find(program).ok_or_else(|| Fault(missing()))
}

/// What a program prints.
pub(crate) fn output(mut command: Command) -> Done<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .when(format_args!("starting {program}"))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    let err = String::from_utf8_lossy(&output.stderr);
    Err(Fault(format!("{program}: {}: {out}{err}", output.status)))
}
