//! What all who play have in common: who there is, the time, the ledger, and what the live view shows of each.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crewline_client::api::{MessageEvent, ReceiptEvent};

use crate::cast::{Cast, Who};
use crate::clock::Clock;
use crate::ledger::{Ledger, State, Told};
use crate::line::Line;
use crate::payload;
use crate::storm::Tempo;

/// Troubles that the live view shows.
const NEWS_KEPT: usize = 40;

/// What is known of a player beside the ledger.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// What waits on the device to be said.
    pub(crate) outbox: AtomicUsize,
    /// Whether there is anything left to do, now or later.
    pub(crate) is_busy: AtomicBool,
    /// The device is switched off.
    pub(crate) is_off: AtomicBool,
    pub(crate) heard_ms: AtomicU64,
    /// Emergencies that this person has not acknowledged.
    pub(crate) emergencies: AtomicUsize,
    /// When this crew's SOS was raised, in milliseconds of the day; 0 where there is none open.
    pub(crate) sos_ms: AtomicU64,
}

/// Something that happened, for people to read.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct News {
    pub(crate) at: String,
    pub(crate) who: String,
    pub(crate) what: String,
}

/// The world of the day.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) cast: Cast,
    pub(crate) clock: Clock,
    pub(crate) seed: u64,
    pub(crate) tempo: Tempo,
    pub(crate) server: SocketAddr,
    /// The line of each player; the control system and the desks have none.
    pub(crate) lines: Vec<Option<Line>>,
    pub(crate) statuses: Vec<Status>,
    ledger: Mutex<Ledger>,
    news: Mutex<VecDeque<News>>,
}

impl World {
    pub(crate) fn new(
        cast: Cast,
        clock: Clock,
        seed: u64,
        tempo: &Tempo,
        server: SocketAddr,
        lines: Vec<Option<Line>>,
    ) -> Self {
        let statuses = (0..cast.len()).map(|_| Status::default()).collect();
        let ledger = Mutex::new(Ledger::new(&cast));
        Self {
            cast,
            clock,
            seed,
            tempo: *tempo,
            server,
            lines,
            statuses,
            ledger,
            news: Mutex::default(),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self, who: Who) -> &Status {
        &self.statuses[usize::from(who)]
    }

    pub(crate) fn line(&self, who: Who) -> Option<&Line> {
        self.lines[usize::from(who)].as_ref()
    }

    /// Somebody's device has stored a message. Before it is confirmed, so that no sender can be told of it sooner.
    pub(crate) fn received(&self, who: Who, event: &MessageEvent, again: bool) {
        let now = self.clock.ms();
        self.ledger()
            .received(who, event.message_id, &event.message, again, now);
    }

    /// A sender is told of a recipient.
    pub(crate) fn told(&self, event: &ReceiptEvent, state: State) {
        let Some(who) = self.cast.who(&event.user_id) else {
            return;
        };
        let now = self.clock.ms();
        let up_since = match self.line(who) {
            Some(line) => line.up_since(),
            None => Some(0),
        };
        let mut ledger = self.ledger();
        let expected = ledger.letter(event.message_id).and_then(|letter| {
            let of = letter
                .sending?
                .payloads
                .filter(|_| state != State::Acknowledged)?;
            Some(payload::payload(
                self.seed,
                letter.reference,
                payload::place(who, of),
                state,
            ))
        });
        let payload_is_right = event
            .payload
            .as_ref()
            .map(crewline_client::api::Payload::as_bytes)
            == expected.as_deref();
        ledger.told(
            who,
            event.message_id,
            state,
            Told {
                payload_is_right,
                up_since,
            },
            now,
        );
    }

    /// Somebody has heard something.
    pub(crate) fn heard(&self, who: Who) {
        self.status(who)
            .heard_ms
            .store(self.clock.ms(), Ordering::Relaxed);
    }

    /// Something happened that people want to see.
    pub(crate) fn news(&self, who: Who, what: impl Into<String>) {
        let news = News {
            at: crate::clock::time_of_day(self.clock.story_s()),
            who: self.cast.name(who).to_owned(),
            what: what.into(),
        };
        let mut all = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == NEWS_KEPT {
            all.pop_back();
        }
        all.push_front(news);
    }

    pub(crate) fn latest_news(&self, most: usize) -> Vec<News> {
        let all = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().take(most).cloned().collect()
    }

    /// Whether nobody has anything left to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.statuses
            .iter()
            .all(|status| !status.is_busy.load(Ordering::Relaxed))
    }
}
