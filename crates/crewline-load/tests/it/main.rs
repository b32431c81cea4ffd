//! The generator as it is run: the quick work with the real program, beside which it was built.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The server that this build has made: it lies beside the generator. `CREWLINE_BIN` names another one.
fn crewline() -> PathBuf {
    if let Some(path) = std::env::var_os("CREWLINE_BIN") {
        return path.into();
    }
    let path = Path::new(env!("CARGO_BIN_EXE_crewline-load")).with_file_name("crewline");
    assert!(
        path.is_file(),
        "{} is not built: build the whole workspace",
        path.display()
    );
    path
}

/// A run of the generator in a folder.
fn load(folder: &Path, crewline: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crewline-load"));
    command.current_dir(folder).arg("--crewline").arg(crewline);
    command.args(["--folder", ".", "--quick"]);
    command
}

#[test]
fn the_quick_work_finds_figures_of_everything_and_nothing_lost_or_twice() {
    let folder = tempfile::tempdir().unwrap();
    let marks =
        "# Page\n<!-- peers: begin, written by make bench-peers -->\n<!-- peers: end -->\nrest\n";
    std::fs::write(folder.path().join("page.md"), marks).unwrap();
    let output = load(folder.path(), &crewline())
        .args([
            "--peers",
            "crewline,crewline-socket",
            "--json",
            "found.json",
            "--write",
            "page.md",
            "--picture",
            "page.svg",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let found: Value = serde_json::from_str(&read("found.json")).unwrap();
    let systems = found["systems"].as_array().unwrap();
    assert_eq!(systems.len(), 2);
    for system in systems {
        for work in ["W1", "W2", "W3", "W4", "W5", "W6"] {
            let figures = &system["works"][work];
            assert_eq!(figures["faults"], Value::Array(Vec::new()), "{system}");
            let values = figures["values"].as_object().unwrap();
            assert!(values.values().all(Value::is_number), "{figures}");
        }
        let values = &system["works"]["W2"]["values"];
        assert_eq!(values["w2.killed.lost"], 0.0);
        assert_eq!(values["w2.killed.twice"], 0.0);
        assert!(system["works"]["W1"]["values"]["w1.many.per_second"].as_f64() > Some(0.0));
    }
    let page = read("page.md");
    assert!(
        page.contains("### W6") && page.ends_with("rest\n"),
        "{page}"
    );
    assert!(read("page.svg").starts_with("<svg "));
    let left = std::fs::read_dir(folder.path()).unwrap();
    let left = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("load-")
    });
    assert_eq!(left.count(), 0, "the folders of the servers are removed");
}

#[test]
fn what_is_not_there_is_named_and_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let output = load(folder.path(), Path::new("no/such/program"))
        .args(["--peers", "crewline", "--works", "w1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("NOT MEASURED") && said.contains("no/such/program"),
        "{said}"
    );
}
