//! Retention: looks for what is old now and then, and has the writer remove it in small steps between batches.
//!
//! It owns when and how fast; what goes is said by the core. A step never waits for another one while commands wait, and
//! between two steps the writer has four times as long for everything else.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crewline_api::{CursorName, ParticipantId, Timestamp};
use crewline_core::node::RETENTION;
use crewline_core::{
    CursorBehind, Fence, Pass, Removed, Retention, StoreError, StoreErrorKind, Writer,
};
use metrics::{counter, gauge, histogram};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, info, warn};

use crate::Engine;
use crate::engine::Inner;
use crate::lease::Lease;
use crate::queue::Queue;

/// Rows of the first step, and the fewest and the most of any.
pub(crate) const ROWS_FIRST: usize = 250;
const ROWS_MIN: usize = 200;
const ROWS_MAX: usize = 4_000;
/// A step that takes longer makes the next one smaller; one of half that time makes it larger.
const STEP_MAX: Duration = Duration::from_millis(4);
/// Of the writer's time, one part in so many and one is for this.
const PAUSE: u32 = 4;
/// How often the same cursor is reported.
const REPORT_EVERY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Most cursors that are named in the log in one pass; all are counted.
const REPORTED_MAX: usize = 20;

/// Why a pass ends before it is done.
enum Ended {
    /// The engine stops.
    Stopped,
    /// The store does not take writes now.
    Later,
    /// The store failed.
    Failed(StoreError),
}

impl Engine {
    /// Removes what is old, for as long as the engine lives.
    pub(crate) fn keep(&self, retention: Retention) {
        let keeper = Keeper {
            engine: Arc::downgrade(&self.inner),
            lease: self.lease(RETENTION),
            queue: Arc::clone(&self.inner.queue),
            retention,
            reported: BTreeMap::new(),
        };
        self.upkeep(keeper.run());
    }
}

struct Keeper {
    engine: Weak<Inner>,
    lease: Lease,
    queue: Arc<Queue>,
    retention: Retention,
    /// Cursors that were reported, and when.
    reported: BTreeMap<(ParticipantId, CursorName), Timestamp>,
}

impl Keeper {
    async fn run(mut self) {
        let mut every = interval(self.retention.every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            let fence = self.lease.taken().await.fence();
            let Some(now) = self.engine.upgrade().map(|inner| inner.clock.now()) else {
                return;
            };
            let begun = Instant::now();
            match self.pass(Pass::new(self.retention.cut(now)), fence).await {
                Ok((removed, longest)) => tell(&removed, begun.elapsed(), longest),
                Err(Ended::Stopped) => return,
                Err(Ended::Later) => debug!("what is old is looked for later"),
                // Whoever sends meets the same trouble, and that is told by the writer.
                Err(Ended::Failed(error)) => {
                    warn!(%error, "what is old could not be removed; it is tried again");
                }
            }
            self.report(now).await;
        }
    }

    /// A whole pass, a step at a time; and how long the longest step took.
    async fn pass(&self, mut pass: Pass, fence: Fence) -> Result<(Removed, Duration), Ended> {
        let (mut rows, mut longest) = (ROWS_FIRST, Duration::ZERO);
        while !pass.is_done() {
            let counted = pass.removed.clone();
            let (sender, done) = oneshot::channel();
            let step = move |writer: &mut dyn Writer| {
                let begun = Instant::now();
                writer.nodes().fence(Some(fence));
                let outcome = writer.prune(&mut pass, rows);
                writer.nodes().fence(None);
                let failed = outcome.clone();
                let _ = sender.send((outcome, pass, begun.elapsed()));
                failed
            };
            self.queue
                .push_keep(Box::new(step))
                .map_err(|_| Ended::Stopped)?;
            let (outcome, next, took) = done.await.map_err(|_| Ended::Later)?;
            match outcome {
                Ok(()) => {}
                // Another process holds the store: a pass that is begun anew loses nothing.
                // Nor does another node, which has taken over.
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Superseded
                    ) =>
                {
                    return Err(Ended::Later);
                }
                Err(error) => return Err(Ended::Failed(error)),
            }
            pass = next;
            count(&counted, &pass.removed);
            histogram!("crewline_step_seconds", "step" => "retention").record(took.as_secs_f64());
            longest = longest.max(took);
            rows = next_rows(rows, took);
            sleep(took * PAUSE).await;
        }
        Ok((pass.removed, longest))
    }

    /// Says once a day which cursors are behind for so long that they will be released.
    async fn report(&mut self, now: Timestamp) {
        let since = self.retention.report(now);
        let Some(engine) = self.engine.upgrade().map(Engine::of) else {
            return;
        };
        // A failed reading was logged.
        let Ok((found, count)) = engine
            .read(move |reader| reader.cursors_behind(since, REPORTED_MAX))
            .await
        else {
            return;
        };
        gauge!("crewline_retention_cursors_behind").set(count as f64);
        self.reported
            .retain(|_, at| now.as_millis() - at.as_millis() < REPORT_EVERY_MS);
        for cursor in found.into_iter().filter(|cursor| !cursor.released) {
            let key = (cursor.participant.clone(), cursor.name.clone());
            if self.reported.contains_key(&key) {
                continue;
            }
            warn_of(&cursor);
            self.reported.insert(key, now);
        }
    }
}

fn warn_of(cursor: &CursorBehind) {
    warn!(
        participant = %cursor.participant, cursor = %cursor.name, seq = cursor.seq, since = %cursor.since,
        "a cursor is behind and does not move: it keeps its log and the texts in it from being removed, and will be \
         released a day after this was first said. Start its consumer, or put the cursor where it may go on"
    );
}

/// The next step's size: so that nobody waits longer than a few milliseconds, whatever the disk is like.
pub(crate) fn next_rows(rows: usize, took: Duration) -> usize {
    let next = if took > STEP_MAX {
        rows / 2
    } else if took < STEP_MAX / 2 {
        rows * 2
    } else {
        rows
    };
    next.clamp(ROWS_MIN, ROWS_MAX)
}

/// Counts what one step removed.
fn count(before: &Removed, after: &Removed) {
    counter!("crewline_retention_events_removed_total").increment(after.events - before.events);
    counter!("crewline_retention_texts_removed_total").increment(after.texts - before.texts);
    counter!("crewline_retention_payloads_removed_total")
        .increment(after.payloads - before.payloads);
    let released = after.released.len() - before.released.len();
    counter!("crewline_retention_cursors_released_total").increment(released as u64);
    for cursor in after.released.iter().skip(before.released.len()) {
        warn!(
            participant = %cursor.participant, cursor = %cursor.name, seq = cursor.seq, since = %cursor.since,
            "a cursor was behind for too long and is released: its log waits for it no more. Its consumer will be told \
             log_truncated, and begins again from a snapshot"
        );
    }
}

/// Tells of a whole pass, and for how long it held the writer up at most.
fn tell(removed: &Removed, took: Duration, longest: Duration) {
    gauge!("crewline_retention_logs_held").set(removed.logs_held as f64);
    gauge!("crewline_retention_emergencies_kept").set(removed.emergencies_kept as f64);
    let Removed {
        events,
        texts,
        payloads,
        logs_held,
        emergencies_kept,
        ..
    } = removed;
    let (took_ms, longest_step_ms) = (took.as_millis() as u64, longest.as_secs_f64() * 1e3);
    if events + texts + payloads > 0 {
        info!(
            events,
            texts,
            payloads,
            logs_held,
            emergencies_kept,
            took_ms,
            longest_step_ms,
            "what was old was removed"
        );
    } else {
        debug!(logs_held, emergencies_kept, took_ms, "nothing was old");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_as_large_as_a_few_milliseconds_allow() {
        let fast = Duration::from_micros(200);
        let rows = (0..20).fold(ROWS_FIRST, |rows, _| next_rows(rows, fast));
        assert_eq!(rows, ROWS_MAX);
        let slow = Duration::from_millis(30);
        assert_eq!(next_rows(rows, slow), ROWS_MAX / 2);
        let rows = (0..20).fold(rows, |rows, _| next_rows(rows, slow));
        assert_eq!(rows, ROWS_MIN);
        assert_eq!(next_rows(300, Duration::from_millis(3)), 300);
    }
}
