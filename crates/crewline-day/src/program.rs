//! The program crewline, on a folder of the day's own: its commands, and the server.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use crewline_client::api::{GroupId, ParticipantId};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::cast::{Cast, DESKS, Who};

/// The program on its folder.
pub(crate) struct Program<'a> {
    pub(crate) crewline: &'a Path,
    pub(crate) folder: &'a Path,
}

impl Program<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.crewline);
        command
            .current_dir(self.folder)
            .args(["--store", "sqlite://crewline.db"])
            // A half-open connection is to be noticed within the day.
            .env("CREWLINE_HTTP_HEARTBEAT_SECONDS", "3")
            .stdin(Stdio::null());
        command
    }

    /// Has a command done; what it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command().args(arguments).output().await;
        let output =
            output.map_err(|error| format!("cannot start {}: {error}", self.crewline.display()))?;
        if !output.status.success() {
            return Err(format!(
                "crewline {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Makes the people, the groups, and whom an SOS goes to.
    pub(crate) async fn fill(&self, cast: &Cast, passwords: &[String]) -> Result<(), String> {
        let mut rows = "id,name,role,password\n".to_owned();
        for who in cast.people() {
            let _ = writeln!(
                rows,
                "{},{},{},{}",
                cast.id(who),
                cast.name(who),
                role(who),
                passwords[usize::from(who)]
            );
        }
        self.file("people.csv", &rows)?;
        self.run(&["user", "import", "people.csv"]).await?;
        for (id, name, members) in groups(cast)? {
            let mut arguments = vec!["group", "add", id.as_str(), "--name", &name];
            arguments.extend(members.iter().map(ParticipantId::as_str));
            self.run(&arguments).await?;
        }
        let sos = json!({"revision": 0, "toGroups": [{"groupId": cast.desk_group()?}], "phone": "01632 960 144"});
        self.file("sos.json", &sos.to_string())?;
        self.run(&["organisation", "set", "sos", "sos.json"])
            .await?;
        Ok(())
    }

    fn file(&self, name: &str, text: &str) -> Result<(), String> {
        std::fs::write(self.folder.join(name), text)
            .map_err(|error| format!("cannot write {name}: {error}"))
    }

    /// Starts the server on a free port, and waits until it is ready.
    pub(crate) async fn serve(&self) -> Result<(Child, SocketAddr), String> {
        let log = std::fs::File::create(self.folder.join("server.log"))
            .map_err(|error| error.to_string())?;
        let child = self
            .command()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            // Ctrl-C ends the day, and the day ends the server.
            .process_group(0)
            .spawn();
        let mut child =
            child.map_err(|error| format!("cannot start {}: {error}", self.crewline.display()))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let line = BufReader::new(output)
            .lines()
            .next_line()
            .await
            .map_err(|error| error.to_string())?;
        let address = line
            .as_deref()
            .and_then(|line| line.strip_prefix("listening on http://"));
        let address = address.and_then(|address| address.parse().ok());
        Ok((
            child,
            address.ok_or("the server does not say where it listens")?,
        ))
    }
}

/// The role of somebody who signs in.
pub(crate) fn role(who: Who) -> &'static str {
    if Cast::is_desk(who) {
        "dispatcher"
    } else {
        "crew"
    }
}

/// The groups: id, name, and who is in it.
pub(crate) fn groups(cast: &Cast) -> Result<Vec<(GroupId, String, Vec<ParticipantId>)>, String> {
    let ids = |all: &mut dyn Iterator<Item = Who>| all.map(|who| cast.id(who).clone()).collect();
    let desks = ids(&mut DESKS.into_iter());
    let mut groups = vec![(cast.desk_group()?, "Desks".to_owned(), desks)];
    for area in 0..cast.areas() {
        let name = format!("Crews {}", Cast::area_name(area));
        groups.push((cast.area_group(area)?, name, ids(&mut cast.crews_of(area))));
    }
    Ok(groups)
}
