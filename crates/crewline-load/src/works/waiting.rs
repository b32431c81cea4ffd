//! W2: messages wait for somebody who is away and then connects: the time until the last of them is there, whether all
//! are, and whether each came once. The same after `kill -9` between the last acceptance and the connection.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Sizes;
use super::board::{Difference, difference};
use super::stage::Stage;
use super::turn::{Outcome, To};
use crate::fault::Done;
use crate::figures::{Figures, median, ms};
use crate::system::{Crowd, Settings, System};

/// How many are in flight where the time of sending is not what is measured.
const IN_FLIGHT: usize = 64;

pub(crate) async fn run<S: System>(
    settings: &Settings,
    folder: &Path,
    sizes: &Sizes,
) -> Done<Figures> {
    let mut figures = Figures::default();
    let crowd = Crowd {
        users: sizes.rounds + 1,
        senders: 1,
    };
    let mut stage = Stage::new(S::start(settings, folder, crowd).await?);
    stage.connect_senders(1, IN_FLIGHT).await?;
    let (mut times, mut all) = (Vec::new(), Difference::default());
    for user in 0..sizes.rounds {
        let sent = send(&mut stage, user, sizes.waiting).await?;
        let (time, found) = come_back(&mut stage, user, &sent).await?;
        times.push(ms(time));
        all += found;
    }
    figures.set("w2.ms", median(times));
    tell::<S>(&mut figures, "w2", all, "W2");

    let user = sizes.rounds;
    let sent = send(&mut stage, user, sizes.waiting).await?;
    let last = stage.senders[0].last();
    stage.kill_and_start_again().await?;
    stage.connect_senders(1, IN_FLIGHT).await?;
    stage.senders[0].go_on_after(last);
    let (time, found) = come_back(&mut stage, user, &sent).await?;
    figures.set("w2.killed.ms", ms(time));
    tell::<S>(&mut figures, "w2.killed", found, "W2 after kill -9");
    Ok(figures)
}

fn tell<S: System>(figures: &mut Figures, name: &str, found: Difference, what: &str) {
    figures.set(format!("{name}.lost"), found.lost as f64);
    figures.set(format!("{name}.twice"), found.twice as f64);
    Stage::<S>::judge(figures, what, found);
}

async fn send<S: System>(stage: &mut Stage<S>, user: usize, count: usize) -> Done<Outcome> {
    stage.turn(IN_FLIGHT, |_| To::Away { user, count }).await
}

/// Connects, and waits for everything. A message that is sent then comes last: what has not come before it is lost.
async fn come_back<S: System>(
    stage: &mut Stage<S>,
    user: usize,
    sent: &Outcome,
) -> Done<(Duration, Difference)> {
    let count = sent.sent.len();
    let begun = Instant::now();
    stage.connect(user..user + 1).await?;
    if S::KEEPS {
        stage.received(|came| came.len() >= count).await?;
    }
    let last = send(stage, user, 1).await?;
    let fence = last.sent[0].no;
    stage
        .received(|came| came.iter().any(|came| came.no == fence))
        .await?;
    let came = stage.board.take();
    let expected = sent.sent.iter().chain(&last.sent);
    let found = difference(&came, expected.map(|sent| (sent.no, sent.to)));
    let waited = came.iter().filter(|came| came.no != fence);
    let end = waited.map(|came| came.at).max().unwrap_or(begun);
    stage.devices.shutdown().await;
    Ok((end.saturating_duration_since(begun), found))
}
