//! The server of the day, and who is known there: the real program on a folder of its own, filled by its own commands; or one that
//! runs already, filled by an administrator's calls.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crewline_client::Client;
use crewline_client::api::{NewGroup, Token};
use hyper::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;

use crate::calls::call;
use crate::cast::{Cast, DESKS, SCADA};
use crate::program::{Program, groups, role};

/// How long the server may take to stop, and a little.
const STOP: Duration = Duration::from_secs(12);

/// Where the day is played.
pub(crate) struct Stage {
    pub(crate) server: SocketAddr,
    /// Of everybody who signs in; by number.
    pub(crate) passwords: Vec<String>,
    /// The control system's.
    pub(crate) token: String,
    pub(crate) process: Option<Process>,
}

/// The server, where the day has started it.
pub(crate) struct Process {
    child: Child,
    pub(crate) id: u32,
    folder: TempDir,
}

impl Stage {
    /// Starts the program on an empty folder below `below`.
    pub(crate) async fn own(crewline: &Path, below: &Path, cast: &Cast) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("crewline-day-")
            .tempdir_in(below);
        let folder = folder
            .map_err(|error| format!("cannot make a folder in {}: {error}", below.display()))?;
        let passwords = passwords(cast)?;
        let program = Program {
            crewline,
            folder: folder.path(),
        };
        program.fill(cast, &passwords).await?;
        let scada = cast.id(SCADA).as_str();
        let token = program
            .run(&["token", "create", "--external", scada])
            .await?;
        for desk in DESKS {
            program
                .run(&["user", "watch", cast.id(desk).as_str(), scada])
                .await?;
        }
        let (child, server) = program.serve().await?;
        let id = child.id().ok_or("the server has ended at once")?;
        let process = Some(Process { child, id, folder });
        Ok(Self {
            server,
            passwords,
            token,
            process,
        })
    }

    /// Takes a server that runs, with the token of its administration.
    pub(crate) async fn foreign(url: &str, admin: &str, cast: &Cast) -> Result<Self, String> {
        let server = address(url)?;
        let passwords = passwords(cast)?;
        let post = |path: &'static str, body| async move {
            call(server, Method::POST, path, Some(admin), &body).await
        };
        for who in cast.people() {
            let user = json!({"userId": cast.id(who), "name": cast.name(who), "role": role(who), "password": passwords[usize::from(who)]});
            post("/api/v1/admin/users", user).await?;
        }
        let made = post(
            "/api/v1/admin/tokens",
            json!({"externals": [cast.id(SCADA)]}),
        )
        .await?;
        let made: Token =
            serde_json::from_slice(&made).map_err(|error| format!("the token: {error}"))?;
        let token = made.token.ok_or("the server shows no token")?;
        for desk in DESKS {
            let path = format!(
                "/api/v1/participants/{}/watchers/{}",
                cast.id(SCADA),
                cast.id(desk)
            );
            call(server, Method::PUT, &path, Some(admin), &json!({})).await?;
        }
        let client = Client::builder(&format!("http://{server}"), admin)
            .build()
            .map_err(|error| error.to_string())?;
        for (id, name, members) in groups(cast)? {
            let group = NewGroup {
                name,
                user_ids: members,
            };
            client
                .put_group(&id, &group)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(Self {
            server,
            passwords,
            token,
            process: None,
        })
    }

    /// Ends the server, where it is the day's own.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let Some(mut process) = self.process else {
            return Ok(());
        };
        let pid = i32::try_from(process.id)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .ok_or("the server has no number")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|error| error.to_string())?;
        let ended = timeout(STOP, process.child.wait()).await;
        let status = ended
            .map_err(|_| "the server does not stop")?
            .map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        let log =
            std::fs::read_to_string(process.folder.path().join("server.log")).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(10).collect();
        Err(format!(
            "the server ended with {status}; the end of its log, newest first:\n{}",
            tail.join("\n")
        ))
    }
}

impl Process {
    /// Where its store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("crewline.db")
    }

    /// Whether it has ended, though nobody has told it to.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

/// A password for everybody; nobody can guess it from the seed.
fn passwords(cast: &Cast) -> Result<Vec<String>, String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = vec![0u8; cast.len() * 12];
    getrandom::fill(&mut random)
        .map_err(|error| format!("this machine gives no random numbers: {error}"))?;
    let text = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte & 31)]))
            .collect()
    };
    Ok(random.chunks(12).map(text).collect())
}

/// Where a server is: the lines of the crews are of plain TCP, and so is everything else.
fn address(url: &str) -> Result<SocketAddr, String> {
    let host = url
        .strip_prefix("http://")
        .ok_or("the day is played by http://, in a network of your own")?;
    let host = host.trim_end_matches('/');
    let mut found = host
        .to_socket_addrs()
        .map_err(|error| format!("{host}: {error}"))?;
    found.next().ok_or(format!("{host} is nowhere"))
}
