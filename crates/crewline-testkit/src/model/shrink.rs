//! Makes a list of steps that fails shorter, for as long as it still fails.

use super::op::{Fault, Step};

/// Most plays that shrinking may take: a long list is worth a minute, not an hour.
const PLAYS_MAX: usize = 600;

/// The steps that are needed for `fails` to say so, as far as was found out.
pub async fn shrink(mut steps: Vec<Step>, fails: impl AsyncFn(&[Step]) -> bool) -> Vec<Step> {
    let mut plays = 0;
    let mut piece = steps.len().div_ceil(2);
    while piece > 0 && plays < PLAYS_MAX {
        let (mut at, before) = (0, steps.len());
        while at < steps.len() && plays < PLAYS_MAX {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + piece).min(steps.len()));
            plays += 1;
            if fails(&fewer).await {
                steps = fewer;
            } else {
                at += piece;
            }
        }
        // Single steps are tried again until none can go: one may have been needed by another that is gone.
        piece = if piece == 1 {
            usize::from(steps.len() < before)
        } else {
            piece / 2
        };
    }
    for at in 0..steps.len() {
        if steps[at].fault != Fault::None && plays < PLAYS_MAX {
            let mut simpler = steps.clone();
            simpler[at].fault = Fault::None;
            plays += 1;
            if fails(&simpler).await {
                steps = simpler;
            }
        }
    }
    steps
}

/// The steps as Rust, to be pasted into a list of regressions.
pub fn to_rust(steps: &[Step]) -> String {
    let lines: Vec<String> = steps
        .iter()
        .map(|step| format!("        {}", step.to_rust()))
        .collect();
    format!("vec![\n{}\n]", lines.join("\n"))
}
