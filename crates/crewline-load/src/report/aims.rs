//! What Crewline is to reach beside its peers, and whether it did.

use std::fmt::Write as _;

use super::{Measured, Run};
use crate::systems::Name;
use crate::works::Work;

/// Appends each aim of which there are figures. A quick run has none.
pub(crate) fn write(run: &Run, text: &mut String) -> std::fmt::Result {
    let ours = [Name::Crewline, Name::CrewlineSocket];
    let aims: Vec<_> = ours
        .into_iter()
        .filter_map(|name| run.of(name))
        .flat_map(|ours| of(run, ours))
        .collect();
    if run.quick || aims.is_empty() {
        return Ok(());
    }
    writeln!(text, "### Aims\n\n```text")?;
    for (what, measured, met) in aims {
        let word = if met { "met   " } else { "MISSED" };
        writeln!(text, "{word} {what}: {measured}")?;
    }
    writeln!(text, "```")
}

type Aim = (String, String, bool);

fn of(run: &Run, ours: &Measured) -> Vec<Aim> {
    let name = &ours.facts.name;
    let mut aims = Vec::new();
    let rate = |system: &Measured| system.value(Work::W1, "w1.many.per_second");
    for (peer, times) in [
        (Name::Ejabberd, 5.0),
        (Name::NatsStored, 5.0),
        (Name::Nats, 5.0),
        (Name::Redis, 0.5),
    ] {
        let peer = run.of(peer);
        if let (Some(ours), Some(peer)) = (rate(ours), peer.filter(|peer| rate(peer).is_some())) {
            let found = ours / rate(peer).unwrap_or(f64::INFINITY);
            let what = format!("{name}, W1 at 64: {times} times {}", peer.facts.name);
            aims.push((what, format!("{found:.2} times"), found >= times));
        }
    }
    let mut below = |work, value: &str, limit: f64, unit: &str| {
        if let Some(found) = ours.value(work, value) {
            let what = format!("{name}, {work:?}: below {limit} {unit}");
            aims.push((what, format!("{found:.1} {unit}"), found < limit));
        }
    };
    below(Work::W2, "w2.ms", 10.0, "ms");
    for count in &run.sizes.idle {
        below(Work::W3, &format!("w3.{count}.kib_each"), 10.0, "KiB");
    }
    below(Work::W4, "w4.last.ms", 20.0, "ms");
    aims.extend(flat(run, ours));
    aims
}

/// That a chat of the most messages costs what one of the fewest does: beside the disk's mood, which is no matter of the chat.
fn flat(run: &Run, ours: &Measured) -> Option<Aim> {
    // A fifth, and what two wakes of a thread differ by.
    const MORE: f64 = 1.2;
    const LEAST_MS: f64 = 0.1;
    let sizes = &run.sizes.growth;
    let (first, last) = (sizes.first()?, sizes.last()?);
    let beside = |size: &usize| {
        let receipt = ours.value(Work::W5, &format!("w5.{size}.receipt.p50"))?;
        // A receipt that is durable before it is told waits for two flushes.
        Some(receipt - 2.0 * ours.value(Work::W5, &format!("w5.{size}.flush"))?)
    };
    let (few, many) = (beside(first)?, beside(last)?);
    let what = format!("{}, W5: flat beside two flushes", ours.facts.name);
    let met = many <= (few * MORE).max(few + LEAST_MS);
    Some((what, format!("{few:.2} ms, then {many:.2} ms"), met))
}
