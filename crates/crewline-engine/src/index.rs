//! The index that is searched: brought up to what was sent, in small steps between batches.
//!
//! A send does nothing for it. While nothing comes the writer is asked twice a second, which costs it two look-ups.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crewline_core::{StoreError, StoreErrorKind, Writer};
use metrics::histogram;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::Engine;
use crate::engine::Inner;
use crate::keep::{ROWS_FIRST, next_rows};
use crate::queue::Queue;

/// How long after everything was put in it is looked again.
const EVERY: Duration = Duration::from_millis(500);
/// Of the writer's time, one part in so many and one is for this: what came last is found without the index, too.
const PAUSE: u32 = 9;
/// After the store failed, the next try.
const TRY_AGAIN: Duration = Duration::from_secs(10);

impl Engine {
    /// Keeps the index up to what was sent, for as long as the engine lives.
    pub(crate) fn index(&self) {
        let (weak, queue) = (Arc::downgrade(&self.inner), Arc::clone(&self.inner.queue));
        self.upkeep(run(weak, queue));
    }
}

async fn run(engine: Weak<Inner>, queue: Arc<Queue>) {
    let mut rows = ROWS_FIRST;
    while engine.strong_count() > 0 {
        let (sender, done) = oneshot::channel();
        let step = move |writer: &mut dyn Writer| {
            let begun = Instant::now();
            let outcome = writer.index(rows);
            let failed = outcome.clone().map(|_| ());
            let _ = sender.send((outcome, begun.elapsed()));
            failed
        };
        if queue.push_index(Box::new(step)).is_err() {
            return;
        }
        // A step that was dropped because the store does not take writes now is asked for later.
        let Ok((outcome, took)) = done.await else {
            sleep(EVERY).await;
            continue;
        };
        match outcome {
            Ok(more) => {
                histogram!("crewline_step_seconds", "step" => "index").record(took.as_secs_f64());
                rows = next_rows(rows, took);
                sleep(if more { took * PAUSE } else { EVERY }).await;
            }
            Err(error) => {
                tell(&error);
                sleep(TRY_AGAIN).await;
            }
        }
    }
}

fn tell(error: &StoreError) {
    if error.kind == StoreErrorKind::Conflict {
        debug!(%error, "the index is brought up later");
    } else {
        warn!(%error, "what was sent could not be put into the index; it is tried again");
    }
}
