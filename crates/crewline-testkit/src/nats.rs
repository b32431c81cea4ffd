//! A real NATS of a test's own, on a free port. `make test` installs it where it can.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Where the program is, if it is here.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/bin"].map(PathBuf::from));
    let mut found = folders.into_iter().map(|folder| folder.join("nats-server"));
    found.find(|program| program.exists())
}

/// A running server; it ends with the test.
pub struct Nats {
    folder: TempDir,
    program: PathBuf,
    /// Lines of its file of settings.
    settings: String,
    port: u16,
    child: Option<Child>,
}

impl Nats {
    /// `None` where NATS is not here, which is said loudly.
    ///
    /// # Panics
    /// Where it is there and does not start.
    pub fn start() -> Option<Self> {
        Self::start_with("", &[])
    }

    /// The same, with lines of its file of settings, in which `FOLDER` stands for the folder of these files.
    ///
    /// # Panics
    /// Where it is there and does not start.
    pub fn start_with(settings: &str, files: &[(&str, &str)]) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("LEFT OUT: nats-server is not here; try: apt-get install nats-server");
            return None;
        };
        let folder = TempDir::new().expect("there is a folder for files that pass");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file can be written");
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
    ///
    /// # Panics
    /// Where it does not start.
    pub fn run(&mut self) {
        let folder = self.folder.path();
        let port = if self.port == 0 {
            -1
        } else {
            i32::from(self.port)
        };
        let ports = folder.join("ports");
        let _ = std::fs::remove_dir_all(&ports);
        std::fs::create_dir(&ports).expect("a folder can be made");
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\nports_file_dir: \"{}\"\n{}\n",
            ports.display(),
            self.settings
        );
        let file = folder.join("nats.conf");
        std::fs::write(&file, settings).expect("a file can be written");
        let log = std::fs::File::create(folder.join("log")).expect("a file can be made");
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = child.expect("the program is there");
        self.port = read_port(&mut child, &ports, &folder.join("log"));
        self.child = Some(child);
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// The port stands in a file once it listens.
fn read_port(child: &mut Child, ports: &Path, log: &Path) -> u16 {
    loop {
        if !matches!(child.try_wait(), Ok(None)) {
            let log = std::fs::read_to_string(log);
            panic!("nats-server ended: {}", log.unwrap_or_default());
        }
        let file = std::fs::read_dir(ports)
            .ok()
            .and_then(|mut files| files.next());
        let text = file.and_then(|file| std::fs::read_to_string(file.ok()?.path()).ok());
        let json = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let url = json.and_then(|json| Some(json["nats"][0].as_str()?.to_owned()));
        if let Some(port) = url.and_then(|url| url.rsplit(':').next()?.parse().ok()) {
            return port;
        }
        std::thread::yield_now();
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}
