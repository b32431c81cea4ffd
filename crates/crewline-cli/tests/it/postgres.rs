//! A PostgreSQL of a test's own, with the tables of the original: Debian's binaries, in a folder, on a free port.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::PATIENCE;

/// The password of the owner, and of the role that only reads. It must show nowhere.
pub(crate) const SECRET: &str = "pQ7-never-shown";

/// As the original's models make them; without foreign keys, so that a test can break what they would hold.
const TABLES: &str = r#"
CREATE SCHEMA pl_chat;
CREATE TABLE pl_chat."ChatTuple" ("id" serial PRIMARY KEY, "lastActivity" timestamptz NOT NULL, "usersKey" varchar(4000) NOT NULL);
CREATE TABLE pl_chat."ChatUserTuple" ("id" serial PRIMARY KEY, "chatId" int NOT NULL, "userId" varchar(2000) NOT NULL,
    "isUserExternal" bool NOT NULL, "lastReadDate" timestamptz NOT NULL);
CREATE TABLE pl_chat."MessageTuple" ("id" serial PRIMARY KEY, "chatId" int NOT NULL, "message" varchar(2000) NOT NULL,
    "priority" int NOT NULL, "fromUserId" varchar(40) NOT NULL, "dateTime" timestamptz NOT NULL, "onReadPayload" bytea);
CREATE TABLE pl_chat."MessageReadPayloadTuple" ("id" serial PRIMARY KEY, "messageId" int NOT NULL, "chatUserId" int NOT NULL,
    "onReadPayload" bytea NOT NULL);
CREATE ROLE reader LOGIN PASSWORD 'pQ7-never-shown';
GRANT USAGE ON SCHEMA pl_chat TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pl_chat TO reader;
"#;

/// A running server; it ends with the test.
pub(crate) struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    pub(crate) port: u16,
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

/// PostgreSQL does not run as root: then it runs as a user who owns nothing else of this test.
fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command.arg(program);
    command
}

impl Postgres {
    /// A server with the original's tables, empty. `None` where PostgreSQL is not here: `make test` installs it where it can.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| String::new())
    }

    /// With more settings, for which `prepare` may put files into the folder of the data.
    pub(crate) fn start_with(prepare: impl Fn(&Path) -> String) -> Option<Self> {
        let Some(bin) = binaries() else {
            eprintln!(
                "LEFT OUT: PostgreSQL is not in /usr/lib/postgresql; try: apt-get install postgresql"
            );
            return None;
        };
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("password"), SECRET).unwrap();
        give_away(folder.path());
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&bin.join("initdb"));
        initdb.args([
            "-U",
            "peek",
            "--auth=scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-D",
        ]);
        initdb
            .arg(&data)
            .arg("--pwfile")
            .arg(folder.path().join("password"));
        succeed(initdb);
        let more = prepare(&data);
        give_away(&data);
        let config = data.join("postgresql.auto.conf");
        std::fs::write(
            config,
            format!(
                "fsync = off\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n{more}"
            ),
        )
        .unwrap();
        let mut postgres = Self {
            folder,
            bin,
            port: 0,
        };
        postgres.run();
        postgres.sql(TABLES);
        Some(postgres)
    }

    /// Takes a free port, and another one where somebody was quicker.
    fn run(&mut self) {
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            self.port = free.local_addr().unwrap().port();
            drop(free);
            let log = self.folder.path().join("data/log");
            let mut start = self.pg_ctl("start");
            start
                .arg("-l")
                .arg(&log)
                .arg("-o")
                .arg(format!("-p {}", self.port));
            if start.output().unwrap().status.success() {
                return;
            }
        }
        let log = std::fs::read_to_string(self.folder.path().join("data/log"));
        panic!("PostgreSQL does not start: {log:?}");
    }

    fn pg_ctl(&self, what: &str) -> Command {
        let mut command = unprivileged(&self.bin.join("pg_ctl"));
        command.args([what, "-w", "-m", "immediate", "-t", "60", "-D"]);
        if what == "start" {
            command = unprivileged(&self.bin.join("pg_ctl"));
            command.args([what, "-w", "-t", "60", "-D"]);
        }
        command.arg(self.folder.path().join("data"));
        command.current_dir("/").process_group(0);
        command
    }

    /// The address, as the role that only reads.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://reader:{SECRET}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// Runs statements as the owner; gives what the last one shows, a row a line.
    pub(crate) fn sql(&self, sql: &str) -> Vec<String> {
        let start = Instant::now();
        let url = format!(
            "host=127.0.0.1 port={} user=peek password={SECRET} dbname=postgres",
            self.port
        );
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let rows = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .unwrap();
            tokio::spawn(connection);
            client.simple_query(sql).await.unwrap()
        });
        assert!(start.elapsed() < PATIENCE, "the statements took too long");
        let cells = |row: &tokio_postgres::SimpleQueryRow| {
            let cells: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or("")).collect();
            cells.join("|")
        };
        let rows = rows.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(cells(row)),
            _ => None,
        });
        rows.collect()
    }

    /// Everything in the original's tables as one value.
    pub(crate) fn everything(&self) -> Vec<String> {
        self.sql(
            r#"SELECT md5(string_agg(t::text, ';')) FROM (
               SELECT c::text FROM pl_chat."ChatTuple" c UNION ALL SELECT u::text FROM pl_chat."ChatUserTuple" u
               UNION ALL SELECT m::text FROM pl_chat."MessageTuple" m UNION ALL SELECT p::text FROM pl_chat."MessageReadPayloadTuple" p
               ORDER BY 1) t"#,
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self
            .pg_ctl("stop")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// Lets the user that PostgreSQL runs as own what is in a folder.
fn give_away(path: &Path) {
    if rustix::process::geteuid().is_root() {
        let mut chown = Command::new("chown");
        chown.args(["-R", "nobody:nogroup"]).arg(path);
        succeed(chown);
    }
}

fn succeed(mut command: Command) {
    let output = command.current_dir("/").output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}
