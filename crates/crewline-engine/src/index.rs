//! The index that is searched: brought up to what was sent, in small steps between batches, or beside them where the store
//! has somebody for that.
//!
//! A send does nothing for it. While nothing comes the store is asked twice a second, which costs it two look-ups.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crewline_core::{Indexer, StoreError, StoreErrorKind, Writer};
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
    pub(crate) fn index(&self, indexer: Option<Box<dyn Indexer>>) {
        let weak = Arc::downgrade(&self.inner);
        let steps = match indexer {
            Some(indexer) => Steps::Beside(Arc::new(Mutex::new(indexer))),
            None => Steps::Between(Arc::clone(&self.inner.queue)),
        };
        self.upkeep(run(weak, steps));
    }
}

/// Where steps are done.
enum Steps {
    /// By the writer, between batches.
    Between(Arc<Queue>),
    /// Beside it.
    Beside(Arc<Mutex<Box<dyn Indexer>>>),
}

/// What became of a step, and how long it took.
type Done = (Result<bool, StoreError>, Duration);

impl Steps {
    /// Does one; `None` where it was dropped. `Err`: there will be no more.
    async fn one(&self, rows: usize) -> Result<Option<Done>, ()> {
        match self {
            Self::Between(queue) => {
                let (sender, done) = oneshot::channel();
                let step = move |writer: &mut dyn Writer| {
                    let begun = Instant::now();
                    let outcome = writer.index(rows);
                    let failed = outcome.clone().map(|_| ());
                    let _ = sender.send((outcome, begun.elapsed()));
                    failed
                };
                queue.push_index(Box::new(step)).map_err(drop)?;
                Ok(done.await.ok())
            }
            Self::Beside(indexer) => {
                let indexer = Arc::clone(indexer);
                let step = tokio::task::spawn_blocking(move || {
                    let begun = Instant::now();
                    let mut indexer = indexer.lock().unwrap_or_else(PoisonError::into_inner);
                    (indexer.index(rows), begun.elapsed())
                });
                // The panic hook has logged what happened, and where.
                Ok(step.await.ok())
            }
        }
    }
}

async fn run(engine: Weak<Inner>, steps: Steps) {
    let mut rows = ROWS_FIRST;
    while engine.strong_count() > 0 {
        let Ok(done) = steps.one(rows).await else {
            return;
        };
        // A step that was dropped because the store does not take writes now is asked for later.
        let Some((outcome, took)) = done else {
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
