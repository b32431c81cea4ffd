//! What all calls share: the engine, the settings, and what is known of those who call.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crewline_api::Timestamp;
use crewline_core::Network;
use crewline_engine::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Administration;
use crate::audit::Noted;
use crate::auth::Credentials;
use crate::live::{self, Live};
use crate::push::Pushes;
use crate::request::RequestIds;
use crate::room::Room;
use crate::seen::Sightings;
use crate::session::SignIn;
use crate::webhook::WebhookTrial;

/// Gives the metrics of this process in the text format of Prometheus.
pub type MetricsRenderer = Arc<dyn Fn() -> String + Send + Sync>;

/// How the edge works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Days after which a session ends by itself.
    pub session_days: u32,
    /// How many wrong passwords in a minute, for one user or from one address, before sign-in rests.
    pub wrong_passwords_per_minute: u32,
    /// Whether people reach this server by https alone, so that their cookie is `Secure` and their `Origin` is of https.
    pub secure_cookie: bool,
    /// Origins beside the server's own from which pages may write with a cookie, such as `https://chat.example.org`.
    pub origins: Vec<String>,
    /// Proxies whose headers `X-Forwarded-For` and `X-Forwarded-Proto` are believed: so wrong passwords count for who
    /// sent them, and people who came by https are known to have done so.
    pub trusted_proxies: Vec<Network>,
    /// Time between two heartbeats of an event stream.
    pub heartbeat: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_days: 30,
            wrong_passwords_per_minute: 10,
            secure_cookie: false,
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// The edge of a running engine. Clones are handles on the same one.
#[derive(Clone)]
pub struct App {
    pub(crate) edge: Edge,
}

impl App {
    /// An edge for an engine. `metrics` renders what `/metrics` shows. Must be called inside of a tokio runtime.
    pub fn new(engine: Engine, settings: Settings, metrics: MetricsRenderer) -> Self {
        crate::request::describe_metrics();
        crate::password::describe_metrics();
        let credentials = Credentials::new(engine.directory_changes());
        let sign_in = SignIn::new(settings.wrong_passwords_per_minute);
        let seen = Sightings::default();
        let request_ids = RequestIds::new(engine.random());
        let (now, live_engine) = (engine.now(), engine.clone());
        let stopping = CancellationToken::new();
        let changes = engine.directory_changes();
        let others = engine.people_changes();
        let started_at = engine.now();
        let shared = Shared {
            engine,
            settings,
            metrics,
            credentials,
            seen,
            sign_in,
            request_ids,
            room: Room::new(),
            stopping,
            live: Live::new(live_engine, now),
            upgraded: TaskTracker::new(),
            webhook_trial: OnceLock::new(),
            push: OnceLock::new(),
            administration: OnceLock::new(),
            noted: Noted::default(),
            started_at,
        };
        let shared = Arc::new(shared);
        live::sweep(Arc::downgrade(&shared), changes);
        if let Some(others) = others {
            live::heed_others(Arc::downgrade(&shared), others);
        }
        Self { edge: Edge(shared) }
    }

    /// Says how a test event is posted to a webhook. Without it that call is a fault of the server. Only the first one counts.
    #[must_use]
    pub fn try_webhooks_with(self, trial: WebhookTrial) -> Self {
        let _ = self.edge.webhook_trial.set(trial);
        self
    }
}

impl App {
    /// Says how devices are woken. Without it push is switched off. Only the first one counts.
    #[must_use]
    pub fn push_with(self, push: Arc<dyn Pushes>) -> Self {
        let _ = self.edge.push.set(push);
        self
    }

    /// Says what administrators are shown of the server itself. Only the first one counts.
    #[must_use]
    pub fn administered(self, about: Administration) -> Self {
        let _ = self.edge.administration.set(about);
        self
    }
}

/// What handlers get of the [`App`].
#[derive(Clone)]
pub(crate) struct Edge(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) metrics: MetricsRenderer,
    pub(crate) credentials: Credentials,
    pub(crate) seen: Sightings,
    pub(crate) sign_in: SignIn,
    pub(crate) request_ids: RequestIds,
    /// For what is large.
    pub(crate) room: Room,
    /// Cancelled when the server stops: streams end, long polls answer what they have.
    pub(crate) stopping: CancellationToken,
    /// Open sessions and streams.
    pub(crate) live: Live,
    /// Connections that became sockets.
    pub(crate) upgraded: TaskTracker,
    /// Posts a test event to a webhook.
    pub(crate) webhook_trial: OnceLock<WebhookTrial>,
    /// Wakes devices.
    pub(crate) push: OnceLock<Arc<dyn Pushes>>,
    /// What the server knows of itself.
    pub(crate) administration: OnceLock<Administration>,
    /// What was noted in the audit lately.
    pub(crate) noted: Noted,
    pub(crate) started_at: Timestamp,
}

impl std::ops::Deref for Edge {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}
