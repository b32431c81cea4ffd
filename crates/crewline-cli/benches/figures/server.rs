//! The real program as a process of its own, and the people of its store.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crewline_api::{ParticipantId, Role, Timestamp};
use crewline_core::{Directory, ExternalPattern, ImportRow, NewToken, NewUser, Secret, TokenOwner};
use crewline_store_sqlite::{Options, open, open_beside};

use crate::machine;

/// A process that says where it listens, and is ended when it is dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens, without a scheme.
    pub(crate) address: String,
    id: String,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, address) = line
            .trim()
            .split_once("://")
            .unwrap_or_else(|| panic!("it did not start; it said {line:?}"));
        Self {
            address: address.to_owned(),
            id: child.id().to_string(),
            child,
        }
    }

    /// What it has used of the processor.
    pub(crate) fn cpu(&self) -> Duration {
        machine::cpu(&self.id)
    }

    /// What it has in memory.
    pub(crate) fn resident_kib(&self) -> u64 {
        machine::resident_kib(&self.id)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who is in a store, and may connect.
pub(crate) struct People {
    /// How many users there are: `user-0`, `user-1` …
    pub(crate) users: usize,
    /// How many of them have a token.
    pub(crate) with_token: usize,
    /// How many externals there are, each with a token: `external-0` …
    pub(crate) externals: usize,
}

/// The tokens that [`People::fill`] has made.
pub(crate) struct Tokens {
    pub(crate) users: Vec<String>,
    pub(crate) externals: Vec<String>,
}

/// The id of a user.
pub(crate) fn user(no: usize) -> String {
    format!("user-{no}")
}

/// The id of an external.
pub(crate) fn external(no: usize) -> String {
    format!("external-{no}")
}

impl People {
    /// Makes a store with these people. The command line could do it as well, with a process for each token.
    pub(crate) fn fill(&self, path: &Path) -> Tokens {
        let mut options = Options::new(path);
        // Nobody relies on it yet, and 5,000 tokens are 5,000 transactions.
        options.synchronous_full = false;
        drop(open(&options).unwrap());
        let mut store = open_beside(&options).unwrap();
        self.fill_in(store.directory())
    }

    /// The same in a store that is there.
    pub(crate) fn fill_in(&self, store: &mut dyn Directory) -> Tokens {
        let id = |text: String| ParticipantId::new(text).unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        let rows: Vec<ImportRow> = (0..self.users)
            .map(|no| ImportRow {
                user: NewUser {
                    id: id(user(no)),
                    name: Some(format!("User {no}")),
                    role: Role::Crew,
                    password: None,
                },
                line: no as u64,
            })
            .collect();
        store.import_users(&rows, false, now).unwrap();
        let mut made = 0u64;
        let mut token = |owner| {
            let mut random = [0; 32];
            made += 1;
            random[..8].copy_from_slice(&made.to_be_bytes());
            let secret = Secret::from_random(random);
            let token = NewToken {
                hash: secret.hash(),
                owner,
            };
            store.create_token(&token, now).unwrap();
            secret.reveal().to_owned()
        };
        let users = (0..self.with_token).map(|no| token(TokenOwner::User(id(user(no)))));
        let users = users.collect();
        let externals = (0..self.externals).map(|no| {
            let pattern = ExternalPattern::Exact(id(external(no)));
            token(TokenOwner::Externals(vec![pattern]))
        });
        let externals = externals.collect();
        Tokens { users, externals }
    }
}

/// Starts the server on a store.
pub(crate) fn serve(store: &Path, args: &[&str], env: &[(&str, String)]) -> Process {
    let url = format!("sqlite://{}", store.display());
    serve_url(&url, store.parent().unwrap(), args, env)
}

/// Starts the server on a store of this address, in a folder.
pub(crate) fn serve_url(
    url: &str,
    folder: &Path,
    args: &[&str],
    env: &[(&str, String)],
) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crewline"));
    for (name, _) in std::env::vars_os() {
        // What the shell says of another server is not meant for this one.
        if name.to_string_lossy().starts_with("CREWLINE_") {
            command.env_remove(name);
        }
    }
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--store", url])
        .args(args)
        .envs(env.iter().map(|(name, value)| (name, value)))
        // A crewline.toml of the working directory is not meant either.
        .current_dir(folder);
    Process::start(command)
}
