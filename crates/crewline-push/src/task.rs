//! The task of one subscription: it follows the log of its user, and pushes what is due.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, EventData, EventKind, EventKinds, Timestamp};
use crewline_core::{PushNoted, PushPlaces, PushState, PushSubscriptionRow};
use crewline_engine::{Follower, Held, Page};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use metrics::{counter, histogram};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::body::{self, Named};
use crate::notes::Notes;
use crate::pusher::Shared;
use crate::send::{Outcome, Push};
use crate::waiting::{Lane, Tried, Waiting, Wake, is_old};

/// How many events are read at once.
const PAGE: usize = 100;
/// Messages that need no push are passed without a note; so many of them are noted.
const SKIPPED_MAX: u64 = 100;
/// How long to wait where the store cannot be read.
const REST: Duration = Duration::from_secs(1);
const LANES: [Lane; 2] = [Lane::Others, Lane::Emergencies];

/// What ended of what was under way.
enum Ended {
    /// A message was looked at, and perhaps pushed.
    Tried(Lane, Wake, Found),
    /// It is written down where the subscription stands; a queue goes on.
    Noted(Option<Lane>),
}

/// What came of looking at a message.
enum Found {
    /// Nobody need be woken: this device has it, or its user has seen it.
    Needless,
    /// Nobody is to be woken any more.
    Over,
    Pushed(Outcome),
    /// The store could not be read.
    Unknown,
    /// The subscription is no more.
    NoSubscription,
}

/// For as long as this node holds the lease.
#[derive(Clone)]
pub(crate) struct Term {
    /// Where it is written down what became of pushes.
    pub(crate) notes: Notes,
    pub(crate) held: Held,
}

/// Works until it is stopped, or the subscription is no more.
pub(crate) async fn run(
    shared: Arc<Shared>,
    term: Term,
    row: PushSubscriptionRow,
    stop: CancellationToken,
) {
    let row = Arc::new(row);
    let mut task = Task {
        follower: follow(&shared, &row, row.places.first()),
        waiting: Waiting::new(row.places),
        noted: row.places,
        under_way: FuturesUnordered::new(),
        busy: [false; 2],
        shared,
        term,
        row,
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = task.work() => {}
    }
}

fn follow(shared: &Shared, row: &PushSubscriptionRow, after: u64) -> Follower {
    let kinds = EventKinds::from_iter([EventKind::MessageReceived]);
    shared.engine.follow(row.participant, after, kinds)
}

struct Task {
    shared: Arc<Shared>,
    term: Term,
    row: Arc<PushSubscriptionRow>,
    follower: Follower,
    waiting: Waiting,
    noted: PushPlaces,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// Whether something of a queue is under way: one at a time.
    busy: [bool; 2],
}

impl Task {
    async fn work(&mut self) {
        loop {
            self.begin_what_is_due();
            let due = self.next_due();
            let goes_on = tokio::select! {
                Some(ended) = self.under_way.next() => self.ended(ended),
                page = self.follower.next(PAGE), if self.waiting.has_room() => self.read(page).await,
                () = wait(due, self.shared.engine.now()) => true,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn begin_what_is_due(&mut self) {
        let now = self.shared.engine.now();
        for lane in LANES {
            if self.busy[lane as usize] {
                continue;
            }
            if let Some(wake) = self.waiting.next(lane).filter(|wake| wake.due <= now) {
                self.busy[lane as usize] = true;
                let (shared, row) = (Arc::clone(&self.shared), Arc::clone(&self.row));
                let term = self.term.clone();
                self.under_way.push(Box::pin(async move {
                    Ended::Tried(lane, wake, look(&shared, &term, &row, &wake).await)
                }));
            }
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let free = LANES.iter().filter(|lane| !self.busy[**lane as usize]);
        let next = free.filter_map(|lane| self.waiting.next(*lane));
        next.map(|wake| wake.due).min()
    }

    async fn read(&mut self, page: Result<Page, ApiError>) -> bool {
        match page {
            Ok(page) => self.take_in(&page),
            Err(error) if error.code == ErrorCode::Stopping => return false,
            Err(error) if error.code == ErrorCode::LogTruncated => self.begin_at_the_oldest().await,
            Err(error) => {
                // The store has said in the log what is wrong, once for all.
                debug!(subscription = self.row.no.0, %error, "a push subscription waits for the store");
                tokio::time::sleep(REST).await;
            }
        }
        true
    }

    fn take_in(&mut self, page: &Page) {
        let now = self.shared.engine.now();
        for event in &page.events {
            if let EventData::MessageReceived(message) = &event.event().data {
                let named = Named {
                    message: message.message_id,
                    chat: message.chat_id,
                    priority: message.priority,
                };
                let (at, settings) = (event.event().timestamp, &self.shared.settings);
                self.waiting.take_in(event.seq(), named, at, now, settings);
            }
        }
        self.waiting.read_to(self.follower.position());
        counter!("crewline_push_dropped_total")
            .increment(std::mem::take(&mut self.waiting.dropped));
        if self.waiting.places().first() >= self.noted.first() + SKIPPED_MAX {
            self.note(None);
        }
    }

    /// What retention has removed wakes nobody.
    async fn begin_at_the_oldest(&mut self) {
        let (no, kinds) = (self.row.participant, EventKinds::ALL);
        match self.shared.engine.page(no, None, kinds, 0).await {
            Ok(oldest) => self.follower = follow(&self.shared, &self.row, oldest.next),
            Err(error) => {
                debug!(subscription = self.row.no.0, %error, "a push subscription waits for the store");
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Sees to what ended; `false` where the subscription is no more.
    fn ended(&mut self, ended: Ended) -> bool {
        let (lane, wake, found) = match ended {
            Ended::Noted(lane) => {
                if let Some(lane) = lane {
                    self.busy[lane as usize] = false;
                }
                return true;
            }
            Ended::Tried(lane, wake, found) => (lane, wake, found),
        };
        let pushed = matches!(found, Found::Pushed(Outcome::Taken));
        let tried = match found {
            Found::NoSubscription => return false,
            Found::Pushed(Outcome::Gone) => {
                info!(
                    subscription = self.row.no.0,
                    host = self.row.endpoint.host(),
                    "a push service says that a subscription is no more; it is removed"
                );
                return false;
            }
            Found::Needless => Tried::Settled,
            Found::Over => Tried::Over,
            Found::Unknown => Tried::Later(REST),
            Found::Pushed(outcome) => self.pushed(&wake, &outcome),
        };
        let now = self.shared.engine.now();
        self.waiting.tried(&wake, tried, now, &self.shared.settings);
        if pushed {
            // What was pushed is not pushed again after a restart: nothing follows before that is durable.
            self.note(Some(lane));
        } else {
            self.busy[lane as usize] = false;
        }
        true
    }

    /// What follows from an answer.
    fn pushed(&mut self, wake: &Wake, outcome: &Outcome) -> Tried {
        let error = match outcome {
            Outcome::Refused(why) | Outcome::Later { why, .. } => Some(why.clone()),
            Outcome::Taken | Outcome::Gone => None,
        };
        // Tests note it too: what the last one was is not known here.
        let (notes, no) = (self.term.notes.clone(), self.row.no);
        self.under_way.push(Box::pin(async move {
            notes.note(no, PushNoted::Error(error)).await;
            Ended::Noted(None)
        }));
        match outcome {
            Outcome::Later { asked, .. } => {
                let mut random = [0; 8];
                random.copy_from_slice(&self.shared.engine.random()[..8]);
                let emergency = wake.named.priority == crewline_api::Priority::Emergency;
                let random = u64::from_ne_bytes(random);
                let pace = self.shared.settings.pace;
                Tried::Later(pace.wait(emergency, wake.refusals + 1, *asked, random))
            }
            Outcome::Taken => {
                if !wake.again {
                    let lag = self.shared.engine.now().as_millis() - wake.at.as_millis();
                    histogram!("crewline_push_lag_seconds").record(lag.max(0) as f64 / 1_000.0);
                }
                Tried::Settled
            }
            Outcome::Refused(_) | Outcome::Gone => Tried::Settled,
        }
    }

    fn note(&mut self, lane: Option<Lane>) {
        let places = self.waiting.places();
        self.noted = places;
        let (notes, no) = (self.term.notes.clone(), self.row.no);
        self.under_way.push(Box::pin(async move {
            notes.note(no, PushNoted::At(places)).await;
            Ended::Noted(lane)
        }));
    }
}

/// Waits until something is due.
async fn wait(due: Option<Timestamp>, now: Timestamp) {
    match due {
        None => pending().await,
        Some(due) => {
            let millis = due.as_millis().saturating_sub(now.as_millis()).max(1);
            tokio::time::sleep(Duration::from_millis(millis as u64)).await;
        }
    }
}

/// Looks whether a message still has to wake this device, and pushes it.
async fn look(shared: &Shared, term: &Term, row: &PushSubscriptionRow, wake: &Wake) -> Found {
    let now = shared.engine.now();
    let (no, message) = (row.no, wake.named.message);
    let state = shared
        .engine
        .read(move |reader| reader.push_state(no, message, now));
    let state = match state.await {
        Ok(Some(state)) => state,
        Ok(None) => return Found::NoSubscription,
        Err(_) => return Found::Unknown,
    };
    if is_old(wake, now, &shared.settings) || is_over(wake, state) {
        return Found::Over;
    }
    // A repeat is for who has not acknowledged, whatever the device has.
    if state.stored && !wake.again {
        return Found::Needless;
    }
    let life = shared.settings.lives.of(wake.named.priority);
    let age = now.as_millis().saturating_sub(wake.at.as_millis()).max(0);
    let push = Push {
        body: body::of_message(wake.named, &row.origin),
        life: life.saturating_sub(Duration::from_millis(age as u64)),
        urgency: body::urgency(wake.named.priority),
        topic: body::topic(wake.named, &row.secrets),
    };
    if !term.held.stands() {
        // Another node pushes it; this task is being stopped.
        return Found::Unknown;
    }
    let outcome = shared.push(row, &push).await;
    if outcome == Outcome::Gone {
        term.notes.note(row.no, PushNoted::Gone).await;
    }
    Found::Pushed(outcome)
}

/// Whether its user has seen to it. Reading ends no emergency.
fn is_over(wake: &Wake, state: PushState) -> bool {
    let emergency = wake.named.priority == crewline_api::Priority::Emergency;
    state.acknowledged || (state.read && !emergency)
}
