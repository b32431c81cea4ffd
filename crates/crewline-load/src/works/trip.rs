//! W1: a message goes out, is stored, comes to its receiver's device, is confirmed there, and the sender hears of it.

use std::path::Path;
use std::time::Instant;

use super::Sizes;
use super::board::Came;
use super::stage::Stage;
use super::turn::{Outcome, To};
use crate::fault::Done;
use crate::figures::{Figures, median};
use crate::machine;
use crate::system::{Crowd, Settings, System};
use crate::tree;

/// How many messages warm up the way of one in flight.
const WARM: usize = 50;

pub(crate) async fn run<S: System>(
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    let mut figures = Figures::default();
    let crowd = Crowd {
        users: sizes.users,
        senders: sizes.senders,
    };
    let system = S::start(settings, folder, crowd).await?;
    let mut stage = Stage::new(system);
    stage.connect(0..sizes.connected).await?;
    stage.connect_senders(sizes.senders, sizes.each).await?;
    many(&mut stage, sizes, &mut figures).await?;
    stage.senders.truncate(1);
    let users = sizes.connected;
    let first = |count| {
        move |_| To::Each {
            first: 0,
            users,
            connected: users,
            count,
        }
    };
    let warm = stage.turn(1, first(WARM)).await?;
    stage.settle(&mut figures, &warm, users, "W1, warming up");
    let before = machine::flush(folder, sizes.flushes)?;
    let end = Instant::now() + sizes.turn;
    let mut outcome = stage.turn(1, |_| To::Until { users, end }).await?;
    let after = machine::flush(folder, sizes.flushes)?;
    let came = stage.settle(&mut figures, &outcome, users, "W1 at 1");
    one(&mut figures, &mut outcome, &came);
    figures.set("w1.flush.p50", f64::midpoint(before.p50_ms, after.p50_ms));
    figures.set("w1.flush.p99", before.p99_ms.max(after.p99_ms));
    Ok(figures)
}

/// With one in flight: how long each step takes.
pub(super) fn one(figures: &mut Figures, outcome: &mut Outcome, came: &[Came]) {
    let all: f64 = outcome
        .receipts
        .iter()
        .map(std::time::Duration::as_secs_f64)
        .sum();
    figures.set("w1.one.per_second", outcome.receipts.len() as f64 / all);
    // Both are in the order in which they were sent, since one is in flight; what is lost was counted.
    let mut delivered: Vec<_> = outcome
        .sent
        .iter()
        .zip(came)
        .map(|(sent, came)| came.at.saturating_duration_since(sent.at))
        .collect();
    figures.times("w1.one.accepted", &mut outcome.accepted);
    figures.times("w1.one.delivered", &mut delivered);
    figures.times("w1.one.receipt", &mut outcome.receipts);
}

/// With many in flight: how many a second, and what each costs.
async fn many<S: System>(stage: &mut Stage<S>, sizes: &Sizes, figures: &mut Figures) -> Done {
    let Sizes {
        users, connected, ..
    } = *sizes;
    // Everybody has something from each sender, whether they are connected or not.
    let warm = stage
        .turn(sizes.each, |no| To::Each {
            first: no * 25,
            users,
            connected,
            count: users,
        })
        .await?;
    stage.settle(figures, &warm, connected, "W1, to everybody");
    let (mut rates, mut cpu, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = Outcome::default();
    for _ in 0..sizes.turns {
        let processes = stage.system.processes();
        let (used, own_used, begun) = (tree::cpu(&processes), tree::own_cpu(), Instant::now());
        let end = begun + sizes.turn;
        let to = |_| To::Until {
            users: connected,
            end,
        };
        let outcome = stage.turn(sizes.each, to).await?;
        let (used, own_used, time) = (
            tree::cpu(&processes).saturating_sub(used),
            tree::own_cpu().saturating_sub(own_used),
            begun.elapsed(),
        );
        stage.settle(figures, &outcome, connected, "W1 at 64");
        let count = outcome.receipts.len() as f64;
        rates.push(count / time.as_secs_f64());
        cpu.push(used.as_secs_f64() * 1e6 / count);
        own.push(own_used.as_secs_f64() * 1e6 / count);
        all.add(outcome);
    }
    figures.set("w1.many.per_second", median(rates));
    figures.set("w1.many.cpu_us", median(cpu));
    figures.set("w1.many.own_cpu_us", median(own));
    figures.times("w1.many.receipt", &mut all.receipts);
    Ok(())
}
