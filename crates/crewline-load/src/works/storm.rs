//! W6: many come back at once, and messages wait for each: the time until all have all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Sizes;
use super::board::difference;
use super::stage::Stage;
use super::turn::To;
use crate::fault::{Done, Fault};
use crate::figures::{Figures, ms};
use crate::system::{Crowd, Settings, System};

/// How long the receipts may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often their number is looked at.
const LOOK: Duration = Duration::from_millis(1);

pub(crate) async fn run<S: System>(
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    let mut figures = Figures::default();
    let (users, senders) = (sizes.returning, sizes.senders);
    let crowd = Crowd { users, senders };
    let mut stage = Stage::new(S::start(settings, folder, crowd).await?);
    stage.connect_senders(senders, sizes.each).await?;
    let count = users * sizes.waiting_each / senders;
    // Each sender begins where the one before it ends: so as many wait for each user.
    let to = |no: usize| To::Each {
        first: no * count,
        users,
        connected: 0,
        count,
    };
    let outcome = stage.turn(sizes.each, to).await?;
    let sent = outcome.sent.len();

    let receipts = Arc::<AtomicUsize>::default();
    let mut listening = JoinSet::new();
    for sender in stage.senders.drain(..) {
        listening.spawn(sender.listen(Arc::clone(&receipts)));
    }
    let begun = Instant::now();
    for user in 0..users {
        let system = Arc::clone(&stage.system);
        let connecting = async move { system.receiver(user).await };
        stage.board.come_back(user, connecting, &mut stage.devices);
    }
    stage.received(|came| came.len() >= sent).await?;
    figures.set("w6.ms", ms(begun.elapsed()));
    while receipts.load(Ordering::Relaxed) < sent {
        if begun.elapsed() > PATIENCE {
            let back = receipts.load(Ordering::Relaxed);
            return Err(Fault(format!(
                "{back} of {sent} receipts are back after {PATIENCE:?}"
            )));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            Some(ended) = stage.devices.join_next() => return Err(ended?),
            Some(ended) = listening.join_next() => return Err(ended?),
        }
    }
    figures.set("w6.receipts.ms", ms(begun.elapsed()));
    let came = stage.board.take();
    let found = difference(&came, outcome.sent.iter().map(|sent| (sent.no, sent.to)));
    Stage::<S>::judge(&mut figures, "W6", found);
    Ok(figures)
}
