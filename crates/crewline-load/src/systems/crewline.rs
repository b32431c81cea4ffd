//! Crewline: the shipped program on SQLite. Control systems send by HTTP (or on their socket) and hear receipts on their
//! socket; devices of users are sockets that say `ack` when they have stored what came.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::crewline_sender::{Posting, Speaking};
use super::crewline_wire::{Device, Who};
use super::http;
use crate::fault::{Done, Fault, When as _};
use crate::line::Line;
use crate::process::{Process, free_address, output};
use crate::system::{Crowd, Facts, Sender, Settings, System};
use crate::works::Work;

const STORE: &str = "sqlite://crewline.db";
/// Connections that make tokens.
const MAKERS: usize = 64;

/// How a control system sends.
pub(crate) trait Way: Send + Sync + 'static {
    type Sender: Sender;
    const NAME: &'static str;
    const NOTE: &'static str;
    fn sender(
        who: &Who,
        no: usize,
        in_flight: usize,
    ) -> impl Future<Output = Done<Self::Sender>> + Send;
}

/// By HTTP: a call for each message.
pub(crate) struct ByHttp;
/// On the socket, beside the receipts.
pub(crate) struct BySocket;

impl Way for ByHttp {
    type Sender = Posting;
    const NAME: &'static str = "Crewline, sent by HTTP";
    const NOTE: &'static str =
        "HTTP has one call at a time on a connection: each message in flight has one of its own";

    async fn sender(who: &Who, no: usize, in_flight: usize) -> Done<Posting> {
        Posting::connect(who, no, in_flight).await
    }
}

impl Way for BySocket {
    type Sender = Speaking;
    const NAME: &'static str = "Crewline, sent by socket";
    const NOTE: &'static str = "";

    async fn sender(who: &Who, no: usize, _in_flight: usize) -> Done<Speaking> {
        Speaking::connect(who, no).await
    }
}

/// See the module.
pub(crate) struct Crewline<W> {
    process: Process,
    address: SocketAddr,
    program: PathBuf,
    folder: PathBuf,
    users: Vec<Who>,
    senders: Vec<Who>,
    way: std::marker::PhantomData<W>,
}

impl<W: Way> System for Crewline<W> {
    type Sender = W::Sender;
    type Receiver = Device;
    const KEEPS: bool = true;

    fn facts(settings: &Settings) -> Done<Facts> {
        let mut command = command(&program(settings)?, Path::new("."));
        command.arg("--version");
        let said = output(command)?;
        let line = said.lines().next().unwrap_or_default();
        Ok(Facts {
            name: W::NAME.to_owned(),
            version: line.trim_start_matches("crewline ").to_owned(),
            durability: "SQLite, WAL, `synchronous=FULL`, one flush for all that came meanwhile: messages and receipts are durable before anybody is told. Users, chats, rights".to_owned(),
        })
    }

    fn note(work: Work) -> Option<&'static str> {
        (work == Work::W1 && !W::NOTE.is_empty()).then_some(W::NOTE)
    }

    async fn start(settings: &Settings, folder: &Path, crowd: Crowd) -> Done<Self> {
        let program = program(settings)?;
        let administrator = make_store(&program, folder, crowd.users)?;
        let address = free_address()?;
        let mut crewline = Self {
            process: serve(&program, folder, address)?,
            address,
            program,
            folder: folder.to_owned(),
            users: Vec::new(),
            senders: Vec::new(),
            way: std::marker::PhantomData,
        };
        crewline.process.listens(address).await?;
        let users = (0..crowd.users).map(|no| format!(r#"{{"userId":"{}"}}"#, user(no)));
        let senders =
            (0..crowd.senders).map(|no| format!(r#"{{"externals":["{}"]}}"#, external(no)));
        crewline.users = tokens(address, &administrator, users.collect()).await?;
        crewline.senders = tokens(address, &administrator, senders.collect()).await?;
        Ok(crewline)
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    async fn kill(&mut self) -> Done {
        self.process.kill();
        Ok(())
    }

    async fn start_again(&mut self) -> Done {
        self.process = serve(&self.program, &self.folder, self.address)?;
        self.process.listens(self.address).await
    }

    async fn sender(&self, no: usize, in_flight: usize) -> Done<W::Sender> {
        let who = self.senders.get(no).ok_or_else(|| nobody(no))?;
        W::sender(who, no, in_flight).await
    }

    async fn receiver(&self, no: usize) -> Done<Device> {
        Device::connect(self.users.get(no).ok_or_else(|| nobody(no))?).await
    }
}

fn nobody(no: usize) -> Fault {
    Fault(format!("there is no number {no}"))
}

/// The id of a user.
pub(crate) fn user(no: usize) -> String {
    format!("user-{no}")
}

/// The id of a sender.
pub(crate) fn external(no: usize) -> String {
    format!("load:{no}")
}

fn program(settings: &Settings) -> Done<PathBuf> {
    let path = &settings.crewline;
    path.canonicalize()
        .when(format_args!("the program crewline at {}", path.display()))
}

/// The program, with an environment that says nothing of another server.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CREWLINE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

/// Makes the store and its users; gives a token of administration.
fn make_store(program: &Path, folder: &Path, users: usize) -> Done<String> {
    let mut rows = "id,name,role,password\n".to_owned();
    for no in 0..users {
        // Writing to memory does not fail.
        let _ = writeln!(rows, "{},User {no},crew,", user(no));
    }
    std::fs::write(folder.join("users.csv"), rows)?;
    let mut import = command(program, folder);
    import.args(["user", "import", "users.csv", "--store", STORE]);
    output(import)?;
    let mut token = command(program, folder);
    token.args(["token", "create", "--admin", "--store", STORE]);
    Ok(output(token)?.trim().to_owned())
}

fn serve(program: &Path, folder: &Path, address: SocketAddr) -> Done<Process> {
    let mut command = command(program, folder);
    let address = address.to_string();
    command.args(["serve", "--store", STORE, "--listen", &address]);
    Process::start("crewline", command, folder)
}

/// Makes a token of each body, in their order.
async fn tokens(address: SocketAddr, administrator: &str, bodies: Vec<String>) -> Done<Vec<Who>> {
    let bodies = Arc::new(bodies);
    let mut makers = tokio::task::JoinSet::new();
    for first in 0..MAKERS.min(bodies.len()) {
        let (bodies, administrator) = (Arc::clone(&bodies), administrator.to_owned());
        makers.spawn(async move {
            let mut line = Line::connect(address).await?;
            let mut made = Vec::new();
            for place in (first..bodies.len()).step_by(MAKERS) {
                let body = bodies[place].as_bytes();
                http::post(&mut line.out, "/api/v1/admin/tokens", &administrator, body);
                let answer = http::expect(&mut line, 201).await?;
                let answer: serde_json::Value = serde_json::from_slice(&answer)
                    .map_err(|error| Fault(format!("the answer to a token: {error}")))?;
                let token = answer["token"].as_str().unwrap_or_default();
                made.push((place, token.to_owned()));
            }
            Done::Ok(made)
        });
    }
    let mut all = vec![String::new(); bodies.len()];
    while let Some(made) = makers.join_next().await {
        for (place, token) in made?.when("making tokens")? {
            all[place] = token;
        }
    }
    let who = |token: String| Who {
        address,
        token: token.into(),
        place: Arc::default(),
    };
    Ok(all.into_iter().map(who).collect())
}
