//! The clock: everything that is told carries the server's time.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crewline_api::Timestamp;
use crewline_engine::{Clock as _, SystemClock};
use tokio::process::Command;

use super::finding::Finding;

/// 2025-01-01: this program is younger.
const SANE_FROM: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// 2100-01-01.
const SANE_TO: Timestamp = Timestamp::from_millis(4_102_444_800_000);
const WATCHED: Duration = Duration::from_millis(200);
/// The wall clock may be slewed; it must not jump.
const JUMP_MS: i64 = 50;

/// The system may ask a service that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at the clock.
pub(crate) async fn look() -> Vec<Finding> {
    let (before, start) = (SystemClock.now(), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let (passed, after) = (start.elapsed(), SystemClock.now());
    let wall = after.as_millis() - before.as_millis();
    let jump = wall - i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
    let set = "set the clock: timedatectl set-ntp true, or chrony";
    let mut findings = Vec::new();
    if before < SANE_FROM || before > SANE_TO {
        findings.push(Finding::fail(
            "clock",
            format!("it says {before}, which cannot be"),
            set,
        ));
    } else if jump.abs() > JUMP_MS {
        findings.push(Finding::warn(
            "clock",
            format!("it jumped by {jump} ms while it was watched"),
            set,
        ));
    } else {
        findings.push(Finding::ok(
            "clock",
            format!("it says {before}, and runs evenly"),
        ));
    }
    findings.push(match synchronized().await {
        Some(true) => Finding::ok("time source", "the clock is synchronized"),
        Some(false) => Finding::warn("time source", "the clock is not synchronized", set),
        None => Finding::ok(
            "time source",
            "not known here; the times of messages are this machine's",
        ),
    });
    findings
}

/// What the system says of itself, where it says anything.
async fn synchronized() -> Option<bool> {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    match String::from_utf8(output.stdout).ok()?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
