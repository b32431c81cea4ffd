//! A NATS of a test's own, on a free port.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crewline_bus_nats::{Options, probe};
use tempfile::TempDir;

/// Where the program is, if it is here.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/bin"].map(PathBuf::from));
    let found = folders.into_iter().map(|folder| folder.join("nats-server"));
    found.into_iter().find(|program| program.exists())
}

/// A running server; it ends with the test.
pub(crate) struct Nats {
    folder: TempDir,
    program: PathBuf,
    settings: String,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Nats {
    /// `None` where there is no `nats-server` here. The settings are lines of its file; `FOLDER` stands for its folder.
    pub(crate) fn start(settings: &str, files: &[(&str, &str)]) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("LEFT OUT: nats-server is not here; try: apt-get install nats-server");
            return None;
        };
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut nats = Self {
            settings: settings.replace("FOLDER", &folder.path().display().to_string()),
            folder,
            program,
            port: 0,
            child: None,
        };
        nats.run();
        Some(nats)
    }

    /// Starts it (again), on its old port where it had one.
    pub(crate) fn run(&mut self) {
        let folder = self.folder.path();
        let port = if self.port == 0 {
            -1
        } else {
            i32::from(self.port)
        };
        let ports = folder.join("ports");
        let _ = std::fs::remove_dir_all(&ports);
        std::fs::create_dir(&ports).unwrap();
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\nports_file_dir: \"{}\"\n{}\n",
            ports.display(),
            self.settings
        );
        let file = folder.join("nats.conf");
        std::fs::write(&file, settings).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        self.port = self.read_port(&ports);
    }

    /// The port stands in a file once it listens.
    fn read_port(&mut self, ports: &std::path::Path) -> u16 {
        loop {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                panic!("nats-server ended: {}", log.unwrap_or_default());
            }
            let file = std::fs::read_dir(ports).unwrap().next();
            let text = file.and_then(|file| std::fs::read_to_string(file.unwrap().path()).ok());
            let json: Option<serde_json::Value> =
                text.and_then(|text| serde_json::from_str(&text).ok());
            let url = json.and_then(|json| Some(json["nats"][0].as_str()?.to_owned()));
            if let Some(port) = url.and_then(|url| url.rsplit(':').next()?.parse().ok()) {
                return port;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Its address with something before the host.
    pub(crate) fn options(&self, scheme: &str, login: &str) -> Options {
        Options::parse(&format!("{scheme}://{login}127.0.0.1:{}", self.port)).unwrap()
    }

    /// Waits until it can be used.
    pub(crate) async fn ready(&self, options: &Options) {
        while probe(options).await.is_err() {}
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}
