//! ejabberd on PostgreSQL: what a site would take that wants a messenger with receipts and an archive. As its documents advise: the archive
//! (XEP-0313) and what waits for those who are away in a database of SQL, stream management (XEP-0198) for every session, and the limits of the
//! example raised that are there against strangers. It runs without the distribution of Erlang: a node of its own, and no daemon beside it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::plain_user;
use super::postgres::{self, Postgres};
use super::xmpp::{self, PASSWORD, sender_name, user_name};
use crate::fault::{Done, Fault, When as _};
use crate::process::{Process, find, free_address};
use crate::system::{Crowd, Facts, Settings, System};
use crate::tree;
use crate::works::Work;

const DATABASE: &str = "ejabberd";
/// The tables, as the package brings them.
const TABLES: &str = "/usr/share/ejabberd/sql/pg.sql";

/// See the module.
pub(crate) struct Ejabberd {
    // It ends before its database does.
    process: Process,
    postgres: Postgres,
    folder: PathBuf,
    address: SocketAddr,
}

/// Where the package has put its code: the folder that Erlang looks for libraries in, and that of ejabberd.
fn libraries() -> Option<(PathBuf, PathBuf)> {
    let machines = std::fs::read_dir("/usr/lib").ok()?;
    let folders = machines.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter(|folder| folder.is_dir()).find_map(|folder| {
        let inside = std::fs::read_dir(&folder).ok()?;
        let mut found: Vec<PathBuf> = inside
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("ebin/ejabberd.app").exists())
            .collect();
        found.sort();
        Some((folder, found.pop()?))
    })
}

fn installed() -> Done<(PathBuf, PathBuf)> {
    let missing = || {
        Fault::new(
            "ejabberd is not installed (Debian's packages ejabberd and erlang-p1-pgsql have it)",
        )
    };
    let found = libraries().ok_or_else(missing)?;
    // Without its client of PostgreSQL it starts, and takes no one in.
    let client = [Path::new("/usr/lib/erlang/lib"), &found.0]
        .into_iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .any(|name| name.starts_with("p1_pgsql"));
    if client { Ok(found) } else { Err(missing()) }
}

/// What the program says of itself, such as `23.01-1`.
fn version(folder: &Path) -> Done<String> {
    let said = std::fs::read_to_string(folder.join("ebin/ejabberd.app"))?;
    let version = said
        .split_once("{vsn,\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    version
        .map(|(version, _)| version.to_owned())
        .ok_or_else(|| Fault::new("ejabberd does not say its version"))
}

/// The configuration. What is not here is as ejabberd has it by itself.
fn configuration(port: u16, postgres: u16) -> String {
    format!(
        r#"loglevel: warning
hosts: [localhost]
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    backlog: 4096
    access: all
default_db: sql
auth_method: sql
auth_password_format: plain
sql_type: pgsql
sql_server: "127.0.0.1"
sql_port: {postgres}
sql_database: {DATABASE}
sql_username: {user}
sql_password: ""
sql_query_timeout: 300
cache_size: 50000
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: infinity
modules:
  mod_disco: {{}}
  mod_mam:
    default: always
  mod_offline:
    access_max_user_messages: max_user_offline_messages
  mod_ping: {{}}
  mod_roster: {{}}
  mod_stream_mgmt:
    resend_on_timeout: if_offline
"#,
        user = postgres::USER,
    )
}

/// The statement that makes everybody: 20,000 in a moment, where the command of the server takes one after the other.
fn users(crowd: Crowd) -> String {
    let mut sql = String::new();
    for (count, name) in [(crowd.users, user_name(0)), (crowd.senders, sender_name(0))] {
        let letter = name.trim_end_matches('0');
        let _ = writeln!(
            sql,
            "INSERT INTO users (username, password, serverkey, salt, iterationcount) \
             SELECT '{letter}' || no, '{PASSWORD}', '', '', 0 FROM generate_series(0, {count} - 1) AS no;"
        );
    }
    sql
}

fn run(folder: &Path) -> Done<Process> {
    let (libraries, _) = installed()?;
    let erl = find("erl").ok_or_else(|| Fault::new("erl is not in the PATH"))?;
    let mut command = plain_user::command(&erl);
    // As its own script starts it, but for the name of a node.
    command.args(["-noinput", "+K", "true", "+P", "250000", "-mnesia", "dir"]);
    command.arg(format!("\"{}\"", folder.join("spool").display()));
    command.args(["-s", "ejabberd"]).current_dir("/");
    command
        .env("HOME", folder)
        .env("ERL_LIBS", libraries)
        .env("ERL_MAX_PORTS", "65536")
        .env("ERL_CRASH_DUMP_BYTES", "0")
        .env("EJABBERD_CONFIG_PATH", folder.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", folder.join("messages.log"));
    Process::start("ejabberd", command, folder)
}

impl System for Ejabberd {
    type Sender = xmpp::Sender;
    type Receiver = xmpp::Receiver;
    const KEEPS: bool = true;

    fn facts(_settings: &Settings) -> Done<Facts> {
        let (_, folder) = installed()?;
        Ok(Facts {
            name: "ejabberd on PostgreSQL".to_owned(),
            version: format!("{}, PostgreSQL {}", version(&folder)?, postgres::version()?),
            durability: "PostgreSQL, a commit each: a row of the sender's archive before it is accepted, one of the receiver's before it is delivered; for who is away both and a third before it is accepted. Receipts pass and are not kept".to_owned(),
        })
    }

    fn note(work: Work) -> Option<&'static str> {
        (work == Work::W4).then_some("one message for each user, all written at once")
    }

    async fn start(_settings: &Settings, folder: &Path, crowd: Crowd) -> Done<Self> {
        let folder = plain_user::own_folder(folder)?;
        let postgres = Postgres::start(&folder.join("postgres")).await?;
        postgres.sql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        postgres
            .file(DATABASE, Path::new(TABLES))
            .when("making the tables")?;
        postgres.sql(DATABASE, &users(crowd)).when("making users")?;
        let address = free_address()?;
        let configuration = configuration(address.port(), postgres.address.port());
        std::fs::write(folder.join("ejabberd.yml"), configuration)?;
        let mut ejabberd = Self {
            process: run(&folder)?,
            postgres,
            folder,
            address,
        };
        ejabberd.process.listens(address).await?;
        Ok(ejabberd)
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id(), self.postgres.id()]
    }

    async fn kill(&mut self) -> Done {
        // PostgreSQL's processes lead groups of their own.
        tree::kill(&self.processes());
        self.process.kill();
        self.postgres.killed();
        Ok(())
    }

    async fn start_again(&mut self) -> Done {
        self.postgres.start_again().await?;
        self.process = run(&self.folder)?;
        self.process.listens(self.address).await
    }

    async fn sender(&self, no: usize, _in_flight: usize) -> Done<xmpp::Sender> {
        xmpp::Sender::connect(self.address, no).await
    }

    async fn receiver(&self, no: usize) -> Done<xmpp::Receiver> {
        xmpp::Receiver::connect(self.address, no).await
    }
}
