//! The app for people: how fast it is in a real browser.
//!
//! A script beside the app (`web/bench`) fills a server, drives Chromium, and prints what it has measured as one line of JSON.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::arguments::workspace;
use crate::table::{Section, Table};

/// What the script has printed: words, as they stand in the table.
#[derive(Deserialize)]
struct Told {
    rows: Vec<Row>,
    aims: Vec<Aim>,
}

#[derive(Deserialize)]
struct Row {
    what: String,
    aim: String,
    measured: String,
    worst: String,
    samples: String,
    note: String,
}

#[derive(Deserialize)]
struct Aim {
    what: String,
    measured: String,
    met: bool,
}

/// Measures, or says why not.
pub(crate) fn run(folder: &Path, quick: bool, table: &mut Table) {
    if let Some(missing) = missing() {
        eprintln!("The app is not measured: {missing}");
        table.not_measured(&format!("The app: {missing}."));
        return;
    }
    eprintln!("The app in Chromium …");
    let done = script()
        .arg("--json")
        .args(quick.then_some("--quick"))
        .env("CREWLINE_BIN", env!("CARGO_BIN_EXE_crewline"))
        // Its stores and the profiles of its browsers.
        .env("TMPDIR", folder)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(done.status.success(), "web/bench/run.js failed");
    let told: Told = serde_json::from_slice(&done.stdout).unwrap();
    let head = ["", "aim", "measured, median", "worst", "samples", ""];
    let mut section = Section::new("The app in a browser", &head);
    for row in told.rows {
        section.row([
            row.what,
            row.aim,
            row.measured,
            row.worst,
            row.samples,
            row.note,
        ]);
    }
    table.section(section);
    for aim in told.aims {
        table.aim(&aim.what, aim.measured, aim.met);
    }
}

fn script() -> Command {
    let web = workspace().join("web");
    let mut command = Command::new("node");
    command.arg("bench/run.js").current_dir(web);
    command
}

/// What is not on this machine and would have to be.
fn missing() -> Option<String> {
    let web = workspace().join("web");
    // The release carries what lay there when it was built.
    if !web.join("dist/index.html").exists() {
        return Some("it is not built (make build)".to_owned());
    }
    if !web.join("node_modules/vite").exists() {
        return Some("web/node_modules is missing (make build)".to_owned());
    }
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|node| node.status.success()) {
        return Some("there is no Node".to_owned());
    }
    if !has_chromium() {
        return Some("there is no Chromium (web/need chromium)".to_owned());
    }
    None
}

/// Where the tests of the app look for it too.
fn has_chromium() -> bool {
    let given = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["chromium", "chromium-browser", "google-chrome"]
        .map(|name| Path::new("/usr/bin").join(name));
    given.map_or_else(
        || usual.iter().any(|path| path.exists()),
        |path| path.exists(),
    )
}
