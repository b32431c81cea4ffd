//! A folder with a store, the binary run in it, and a server when one is needed.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// A password that warns of nothing.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// It worked.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed with this code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output without the line break.
    pub(crate) fn line(&self) -> &str {
        self.out.trim_end()
    }
}

/// A folder of its own, in which the binary is run.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// With users who have a password.
    pub(crate) fn with_users(ids: &[&str]) -> Self {
        let world = Self::new();
        let mut csv = "id,name,role,password\n".to_owned();
        for id in ids {
            let _ = writeln!(csv, "{id},{},crew,{PASSWORD}", id.to_uppercase());
        }
        world.write("users.csv", &csv);
        world.run(&["user", "import", "users.csv"]).ok();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The binary, in this folder, with an environment that says nothing.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_crewline")), args)
    }

    /// The same of another build of it.
    pub(crate) fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CREWLINE_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("TZ", "UTC");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        finish(self.command(args))
    }

    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Done {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses may end before it has read anything.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        done(child.wait_with_output().unwrap())
    }

    pub(crate) fn run_env(&self, args: &[&str], env: &[(&str, &str)]) -> Done {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        finish(command)
    }

    /// A token of an external.
    pub(crate) fn external(&self, id: &str) -> String {
        self.run(&["token", "create", "--external", id])
            .ok()
            .line()
            .to_owned()
    }

    /// A token of a user.
    pub(crate) fn user(&self, id: &str) -> String {
        self.run(&["token", "create", "--user", id])
            .ok()
            .line()
            .to_owned()
    }

    /// A server on this folder's store.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, args: &[&str]) -> Server {
        self.serve_by(Path::new(env!("CARGO_BIN_EXE_crewline")), args)
    }

    /// A server of another build.
    pub(crate) fn serve_by(&self, program: &Path, args: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut process = Process::start(self.command_of(program, &all));
        let line = process.line();
        let url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{line}"));
        Server {
            url: url.to_owned(),
            process,
        }
    }

    /// `send` or `listen` with a token, at a server.
    pub(crate) fn talk(&self, url: &str, token: &str, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command
            .env("CREWLINE_URL", url)
            .env("CREWLINE_TOKEN", token);
        command
    }
}

pub(crate) fn finish(mut command: Command) -> Done {
    done(command.output().unwrap())
}

fn done(output: std::process::Output) -> Done {
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that runs on, with its output line by line.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    err: Option<JoinHandle<String>>,
    stdin: Option<ChildStdin>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut err = child.stderr.take().unwrap();
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let err = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            err: Some(err),
        }
    }

    /// Types into it, where its standard input is a pipe.
    pub(crate) fn say(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
    }

    /// The next line of its standard output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(why) => {
                let _ = self.child.kill();
                let err = self.err.take().unwrap().join().unwrap();
                panic!("no line came: {why}; standard error: {err}")
            }
        }
    }

    /// The next line as JSON.
    #[track_caller]
    pub(crate) fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end; gives the code, the rest of the output, and standard error.
    #[track_caller]
    pub(crate) fn end(mut self) -> Done {
        let status = self.wait();
        let rest: Vec<String> = self.lines.iter().collect();
        let err = self.err.take().unwrap().join().unwrap();
        Done {
            code: status.code().unwrap_or(-1),
            out: rest.join("\n"),
            err,
        }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        // The output ends when the process does; then it is only to be collected.
        let mut kept = Vec::new();
        let start = Instant::now();
        loop {
            match self
                .lines
                .recv_timeout(PATIENCE.saturating_sub(start.elapsed()))
            {
                Ok(line) => kept.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("the process does not end; it said {kept:?}");
                }
            }
        }
        let (sender, lines) = sync_channel(kept.len());
        for line in kept {
            sender.send(line).unwrap();
        }
        self.lines = lines;
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) process: Process,
}

impl Server {
    /// Asks it to stop, and waits for the end.
    #[track_caller]
    pub(crate) fn stop(self) -> Done {
        self.process.signal("-TERM");
        self.process.end()
    }

    /// A call with a token.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        call(&self.url, method, path, token, body)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.call("GET", path, token, None)
    }

    /// Says a receipt of a message.
    #[track_caller]
    pub(crate) fn receipt(&self, token: &str, message: &Value, state: &str) {
        let body = serde_json::json!({ "receipts": [{ "messageId": message, "state": state }] });
        let (status, answer) = self.call("POST", "/api/v1/receipts", token, Some(body));
        assert_eq!(
            (status, &answer["results"][0]["outcome"]),
            (200, &Value::from("new")),
            "{answer}"
        );
    }

    /// The last seq in the log of the token's participant.
    pub(crate) fn head(&self, token: &str) -> u64 {
        let (status, page) = self.get("/api/v1/participants/me/events?limit=1", token);
        assert_eq!(status, 200, "{page}");
        page["head"].as_u64().unwrap()
    }

    /// The messages in the log of the token's participant.
    pub(crate) fn received(&self, token: &str) -> Vec<Value> {
        let (status, page) = self.get(
            "/api/v1/participants/me/events?types=message.received",
            token,
        );
        assert_eq!(status, 200, "{page}");
        page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["data"].clone())
            .collect()
    }
}

/// One call; the answer as JSON, or as text where it is none.
pub(crate) fn call(
    url: &str,
    method: &str,
    path: &str,
    token: &str,
    body: Option<Value>,
) -> (u16, Value) {
    // An error only says that another test of this process did it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let mut request = client.request(method.parse().unwrap(), format!("{url}{path}"));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    })
}

/// Asks again until it is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "it never came to this: {what}");
        std::thread::yield_now();
    }
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Lets this process have so many files open.
pub(crate) fn raise_open_files(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    assert!(
        limit.maximum.is_none_or(|most| most >= wanted),
        "this test needs {wanted} open files: raise the hard limit"
    );
    if limit.current.is_some_and(|now| now < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    }
}
