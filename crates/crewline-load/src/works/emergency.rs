//! W4: one emergency to many connected users: the time until it is accepted, until the last has it, and until the last
//! receipt is back.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Sizes;
use super::board::{Difference, difference};
use super::stage::Stage;
use crate::fault::{Done, Fault};
use crate::figures::{Figures, median, ms};
use crate::system::{Crowd, Said, Sender, Settings, System, Urgency};
use crate::text;

/// How long one emergency may take.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn run<S: System>(
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    let mut figures = Figures::default();
    let crowd = Crowd {
        users: sizes.alarmed,
        senders: 1,
    };
    let mut stage = Stage::new(S::start(settings, folder, crowd).await?);
    stage.connect(0..sizes.alarmed).await?;
    let mut sender = stage.system.sender(0, 1).await?;
    let everybody: Vec<usize> = (0..sizes.alarmed).collect();
    let (mut accepted, mut last, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = Difference::default();
    // The first one makes the chat, and whatever else a system makes once: it is not counted.
    for round in 0..=sizes.emergencies {
        let no = text::first(0) + 1 + round as u64;
        let begun = Instant::now();
        let calling = call(&mut sender, no, &everybody);
        let times = tokio::select! {
            times = calling => times?,
            Some(ended) = stage.devices.join_next() => return Err(ended?),
            () = tokio::time::sleep(PATIENCE) => return Err(Fault(format!(
                "{} of {} have the emergency after {PATIENCE:?}", stage.board.len(), sizes.alarmed
            ))),
        };
        let came = stage.board.take();
        all += difference(&came, everybody.iter().map(|user| (no, *user)));
        if round == 0 {
            continue;
        }
        let end = came.iter().map(|came| came.at).max().unwrap_or(begun);
        accepted.push(ms(times[0]));
        last.push(ms(end.saturating_duration_since(begun)));
        receipts.push(ms(times[1]));
    }
    figures.set("w4.accepted.ms", median(accepted));
    figures.set("w4.last.ms", median(last));
    figures.set("w4.receipts.ms", median(receipts));
    Stage::<S>::judge(&mut figures, "W4", all);
    Ok(figures)
}

/// One emergency: until it is accepted, and until the receipts of all are back.
async fn call(sender: &mut impl Sender, no: u64, to: &[usize]) -> Done<[Duration; 2]> {
    let begun = Instant::now();
    sender.send(no, to, Urgency::Emergency);
    let (mut accepted, mut receipts) = (None, 0);
    while receipts < to.len() || accepted.is_none() {
        sender
            .hear(&mut |said| match said {
                Said::Accepted(_) => accepted = Some(begun.elapsed()),
                // What comes late of the one before is nothing new.
                Said::Receipt(of) => receipts += usize::from(of == no),
            })
            .await?;
    }
    Ok([accepted.unwrap_or_default(), begun.elapsed()])
}
