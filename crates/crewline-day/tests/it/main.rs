//! The day as a whole: the real program beside this one, a few crews, some seconds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// The server is built beside the day, by whoever builds the workspace.
fn crewline() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_BIN_EXE_crewline-day")).with_file_name("crewline");
    assert!(
        beside.exists(),
        "build the whole workspace: there is no {}",
        beside.display()
    );
    beside
}

fn play(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_crewline-day"))
        .arg("--crewline")
        .arg(crewline())
        .args(arguments)
        .output();
    output.unwrap()
}

#[test]
fn a_short_storm_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("day.json");
    let arguments = [
        "--crews",
        "6",
        "--hours",
        "3",
        "--speed",
        "1200",
        "--seed",
        "7",
        "--json",
        json.to_str().unwrap(),
    ];
    let output = play(&arguments);
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("Nothing was lost"), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let count = |name: &str| report["judgement"][name].as_u64().unwrap();
    let faults = report["judgement"]["faults"].as_object().unwrap();
    assert!(
        faults.len() == 10 && faults.values().all(|count| *count == 0),
        "{faults:?}"
    );
    // Something was played, and both ends have something to say. What a wiped device forgot may have been delivered, too.
    assert!(
        count("accepted") > 20 && count("delivered") >= count("copies"),
        "{report}"
    );
    assert!(
        count("read") > 20 && count("acknowledged") > 0 && count("payloads") > 20,
        "{report}"
    );
    // Each crew and both desks came once, and some more often.
    assert!(
        report["counts"]["sessions"].as_u64().unwrap() > 8,
        "{report}"
    );
}

#[test]
fn a_soak_writes_a_line_for_each_look_and_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("soak.log");
    let output = play(&[
        "soak",
        "--crews",
        "3",
        "--minutes",
        "0.2",
        "--seed",
        "7",
        "--log",
        log.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let log = std::fs::read_to_string(log).unwrap();
    let samples = log
        .lines()
        .filter(|line| line.split_whitespace().count() == 11 && !line.starts_with('#'));
    assert!(samples.count() >= 1, "{log}");
    assert!(
        log.contains("too short") && log.trim_end().ends_with("verdict: WELL"),
        "{log}"
    );
}
