//! W5: the round trip at 1 in flight, in a chat that grows: what was sent before must not matter.

use std::path::Path;
use std::time::Instant;

use super::Sizes;
use super::stage::Stage;
use super::turn::To;
use crate::fault::Done;
use crate::figures::Figures;
use crate::machine;
use crate::system::{Crowd, Settings, System};

/// How many are in flight where the chat is filled.
const IN_FLIGHT: usize = 64;
/// How many are sent before it is asked again how long it takes.
const AT_ONCE: usize = 2_000;

pub(crate) async fn run<S: System>(
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    let mut figures = Figures::default();
    let crowd = Crowd {
        users: 1,
        senders: 1,
    };
    let mut stage = Stage::new(S::start(settings, folder, crowd).await?);
    stage.connect(0..1).await?;
    stage.connect_senders(1, IN_FLIGHT).await?;
    let mut there = 0;
    for &size in &sizes.growth {
        let begun = Instant::now();
        while there < size {
            if begun.elapsed() > sizes.filling {
                let minutes = sizes.filling.as_secs_f64() / 60.0;
                figures.note(format!(
                    "a chat of {size} messages was not filled within {minutes:.0} minutes: {there} were there"
                ));
                return Ok(figures);
            }
            let count = AT_ONCE.min(size - there);
            let to = |_| To::Each {
                first: 0,
                users: 1,
                connected: 1,
                count,
            };
            let outcome = stage.turn(IN_FLIGHT, to).await?;
            stage.settle(&mut figures, &outcome, 1, "W5, filling");
            there += count;
        }
        let flush = machine::flush(folder, sizes.flushes)?;
        let end = Instant::now() + sizes.turn;
        let mut outcome = stage.turn(1, |_| To::Until { users: 1, end }).await?;
        stage.settle(&mut figures, &outcome, 1, "W5");
        there += outcome.sent.len();
        figures.times(&format!("w5.{size}.receipt"), &mut outcome.receipts);
        figures.set(format!("w5.{size}.flush"), flush.p50_ms);
    }
    Ok(figures)
}
