//! The server under test: the real program, on a real file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::act::{Client, USERS};

/// A store with a directory, and the tokens of everyone.
pub(crate) struct Store {
    folder: TempDir,
    tokens: Arc<BTreeMap<String, String>>,
}

impl Store {
    pub(crate) fn make() -> Self {
        // On the disk of the build: a temporary folder may be in memory, and survive what a disk does not.
        let build = PathBuf::from(env!("CARGO_BIN_EXE_crewline"))
            .parent()
            .unwrap()
            .to_owned();
        let folder = tempfile::Builder::new()
            .prefix("kill-")
            .tempdir_in(build)
            .unwrap();
        let mut store = Self {
            folder,
            tokens: Arc::default(),
        };
        let mut tokens = BTreeMap::new();
        for user in USERS {
            store.run(&["user", "add", user]);
            tokens.insert(
                user.to_owned(),
                store.run(&["token", "create", "--user", user]),
            );
        }
        tokens.insert(
            "scada".to_owned(),
            store.run(&["token", "create", "--external", "scada:*"]),
        );
        store.tokens = Arc::new(tokens);
        store
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self) -> String {
        format!(
            "sqlite://{}",
            self.folder.path().join("crewline.db").display()
        )
    }

    /// The command, with this store.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_crewline"));
        command
            .current_dir(self.folder.path())
            .args(["--store", &self.url()])
            .args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// SQLite's own check, and the store's.
    pub(crate) fn check(&self) {
        self.run(&["db", "check"]);
    }
}

/// Compiles a library that stands before the C library.
#[cfg(target_os = "linux")]
pub(crate) fn build_shim(folder: &Path, code: &str) -> PathBuf {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, code).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = std::process::Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .stderr(Stdio::inherit())
        .status();
    assert!(built.unwrap().success());
    library
}

pub(crate) struct Server {
    child: Child,
    address: String,
    tokens: Arc<BTreeMap<String, String>>,
    http: reqwest::Client,
}

impl Server {
    pub(crate) async fn start(store: &Store) -> Self {
        Self::start_with(store, &[]).await
    }

    /// Starts it with variables in its environment.
    pub(crate) async fn start_with(store: &Store, environment: &[(&str, &Path)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crewline"))
            .current_dir(store.folder.path())
            .args(["--store", &store.url(), "serve", "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the server says where it listens");
        let address = line.strip_prefix("listening on ").unwrap().to_owned();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            child,
            address,
            tokens: Arc::clone(&store.tokens),
            http,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(
            self.http.clone(),
            self.address.clone(),
            Arc::clone(&self.tokens),
        )
    }

    /// Where it listens: `http://ADDR:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The token of somebody.
    pub(crate) fn token(&self, who: &str) -> &str {
        &self.tokens[who]
    }

    /// What it takes of the memory.
    pub(crate) fn resident_mib(&self) -> u64 {
        self.memory_mib("VmRSS:")
    }

    /// The most that it ever took of it.
    pub(crate) fn peak_mib(&self) -> u64 {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, what: &str) -> u64 {
        let process = self.child.id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kib.parse::<u64>().unwrap() / 1024
    }

    /// Waits until it ends by itself; returns its exit code.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }

    /// SIGKILL: no handler, no farewell.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
