//! The handle on push, for whoever answers the app: the public key, tests, and that a subscription changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crewline_api::WebhookUrl;
use crewline_core::{PushNo, PushNoted, PushSecrets, PushSubscriptionRow};
use crewline_engine::Engine;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::notes::Notes;
use crate::send::{Outcome, Push};
use crate::services::Services;
use crate::settings::Settings;
use crate::vapid::Vapid;
use crate::{body, encrypt, nonce};

/// Between two tests of one subscription.
const TEST_EVERY: Duration = Duration::from_secs(1);
/// How long a push service keeps a test.
const TEST_LIFE: Duration = Duration::from_mins(5);
/// Tests under way at once; more are refused.
const TESTS_MAX: usize = 64;

/// Why no test push was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untested {
    /// One was sent less than a second ago.
    TooSoon,
    /// As many are under way as may be, or there is no key yet.
    Busy,
}

/// What all pushes share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) services: Services,
    pub(crate) notes: Notes,
    /// That somebody subscribed, or does not want to be woken any more.
    pub(crate) changed: Notify,
    key: RwLock<Option<Arc<Vapid>>>,
    /// When each was last tested; those of the last second.
    tested: Mutex<HashMap<PushNo, Instant>>,
    tests: Arc<Semaphore>,
}

impl Shared {
    /// The key pair, where it has been read.
    pub(crate) fn vapid(&self) -> Option<Arc<Vapid>> {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        key.clone()
    }

    pub(crate) fn set_vapid(&self, vapid: Vapid) {
        let mut key = self.key.write().unwrap_or_else(PoisonError::into_inner);
        *key = Some(Arc::new(vapid));
    }

    /// Notes of a subscription what became of a push.
    pub(crate) async fn note_outcome(&self, row: &PushSubscriptionRow, outcome: &Outcome) -> bool {
        let what = match outcome {
            Outcome::Gone => PushNoted::Gone,
            Outcome::Taken => PushNoted::Error(None),
            Outcome::Refused(why) | Outcome::Later { why, .. } => {
                PushNoted::Error(Some(why.clone()))
            }
        };
        self.notes.note(row.no, what).await
    }
}

/// A handle on push. Clones are handles on the same one.
#[derive(Clone)]
pub struct Pusher(pub(crate) Arc<Shared>);

impl Pusher {
    /// Push on this engine; [`crate::run`] does it. Must be called inside of a tokio runtime.
    pub fn new(engine: Engine, settings: Settings) -> Self {
        Self(Arc::new(Shared {
            notes: Notes::start(engine.clone()),
            engine,
            settings,
            services: Services::default(),
            changed: Notify::new(),
            key: RwLock::default(),
            tested: Mutex::default(),
            tests: Arc::new(Semaphore::new(TESTS_MAX)),
        }))
    }

    /// The public key for browsers; `None` where the key pair could not be read or made yet.
    pub fn public_key(&self) -> Option<String> {
        self.0.vapid().map(|vapid| vapid.public().to_owned())
    }

    /// Says that a subscription was put or removed.
    pub fn changed(&self) {
        self.0.changed.notify_one();
        self.0.engine.note_pushes();
    }

    /// Why nothing is ever pushed to this endpoint; `None` where it is tried. Plain http is for push services of a test on this
    /// machine, where the settings allow it.
    pub fn refuses(&self, endpoint: &WebhookUrl) -> Option<String> {
        let refused = self.0.settings.outgoing.refuses(endpoint);
        if endpoint.is_https() || refused.is_some() {
            return refused;
        }
        let address = endpoint.host().parse::<std::net::IpAddr>().ok();
        let loopback = address.is_some_and(|address| address.is_loopback());
        (!loopback).then(|| "must begin with https://".to_owned())
    }

    /// Whether a browser's public key is one.
    pub fn is_key(&self, secrets: &PushSecrets) -> bool {
        encrypt::is_point(&secrets.p256dh)
    }

    /// Sends a test push now; returns the nonce in it.
    ///
    /// # Errors
    /// Where it was asked for too often.
    pub fn test(&self, row: PushSubscriptionRow) -> Result<String, Untested> {
        let vapid = self.0.vapid().ok_or(Untested::Busy)?;
        let place = Arc::clone(&self.0.tests).try_acquire_owned();
        let place = place.map_err(|_| Untested::Busy)?;
        {
            let mut tested = self.0.tested.lock().unwrap_or_else(PoisonError::into_inner);
            tested.retain(|_, at| at.elapsed() < TEST_EVERY);
            if tested.insert(row.no, Instant::now()).is_some() {
                return Err(Untested::TooSoon);
            }
        }
        let mut random = [0; 8];
        random.copy_from_slice(&self.0.engine.random()[..8]);
        let nonce = nonce::make(vapid.nonces(), row.no, self.0.engine.now(), random);
        let push = Push {
            body: body::of_test(&nonce, &row.origin),
            life: TEST_LIFE,
            urgency: "high",
            topic: None,
        };
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let _place = place;
            let outcome = shared.push(&row, &push).await;
            shared.note_outcome(&row, &outcome).await;
        });
        Ok(nonce)
    }

    /// Whether a nonce was sent to this subscription not long ago.
    pub fn has_sent(&self, row: &PushSubscriptionRow, text: &str) -> bool {
        let now = self.0.engine.now();
        let vapid = self.0.vapid();
        vapid.is_some_and(|vapid| nonce::holds(vapid.nonces(), row.no, now, text))
    }
}
