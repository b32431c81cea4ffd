//! Hints between nodes by `LISTEN` and `NOTIFY`: servers that share a database need nothing beside it to tell each other at once
//! what they wrote.
//!
//! One connection, of its own, listens and notifies; while it is away, texts are dropped, and when it is back the node is told
//! that it may have missed some. What is lost is found by looking (see [`crewline_core::bus`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crewline_api::{BoxFuture, BoxStream};
use crewline_core::{Bus, Heard, StoreError};
use futures_util::{StreamExt as _, stream};
use metrics::{counter, gauge};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tracing::{info, warn};

use crate::connect::{Connector, Driver, Listening};
use crate::options::Options;

/// The channel. It belongs to the database, and a database holds one store.
/// A hint that a crash loses is nothing: nobody waits for the disk.
const BEGIN: &str = "SET synchronous_commit = off; SET idle_session_timeout = 0; SET statement_timeout = '5s'; LISTEN crewline";
const NOTIFY: &str = "SELECT pg_notify('crewline', $1)";
/// PostgreSQL takes texts below 8,000 bytes.
const BYTES_MAX: usize = 7_900;
/// Texts that were heard and not taken; what comes then is dropped, and the node is told.
const HEARD_MAX: usize = 1_024;
/// Texts that wait to be sent.
const SENT_MAX: usize = 16;
/// How long the database has to say that it listens.
const BEGIN_MAX: Duration = Duration::from_secs(5);
/// How long a text is waited for; the database is away then, and has not been noticed to be.
const PUBLISH_MAX: Duration = Duration::from_millis(500);
/// The times between two tries to come back: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A text, and whom to tell when the next one may come.
type Sent = (String, oneshot::Sender<()>);

/// Hints over the database. It connects by itself, now and whenever the database is there.
pub struct NotifyBus {
    texts: mpsc::Sender<Sent>,
    heard: broadcast::Sender<Heard>,
    is_connected: Arc<AtomicBool>,
    _driver: Arc<Driver>,
}

impl NotifyBus {
    /// A bus on a database.
    ///
    /// # Errors
    /// Where the address cannot be understood.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        gauge!("crewline_bus_connected").set(0.0);
        let connector = Connector::new(options)?;
        let (texts, sent) = mpsc::channel(SENT_MAX);
        let heard = broadcast::Sender::new(HEARD_MAX);
        let is_connected = Arc::new(AtomicBool::new(false));
        let driver = connector.driver();
        let line = Line {
            connector,
            sent,
            heard: heard.clone(),
            is_connected: Arc::clone(&is_connected),
        };
        driver.spawn(line.keep());
        Ok(Self {
            texts,
            heard,
            is_connected,
            _driver: driver,
        })
    }

    /// Whether it is connected now.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Acquire)
    }
}

impl Bus for NotifyBus {
    fn bytes_max(&self) -> usize {
        BYTES_MAX
    }

    fn publish(&self, text: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // What would wait for the database to come back is old by then: whoever comes back looks.
            if !self.is_connected() {
                return drop_text();
            }
            let (done, taken) = oneshot::channel();
            if self.texts.try_send((text, done)).is_err() || taken.await.is_err() {
                drop_text();
            }
        })
    }

    fn subscribe(&self) -> BoxStream<'static, Heard> {
        Box::pin(stream::unfold(
            self.heard.subscribe(),
            |mut heard| async move {
                match heard.recv().await {
                    Ok(text) => Some((text, heard)),
                    Err(RecvError::Lagged(_)) => {
                        counter!("crewline_bus_missed_total").increment(1);
                        Some((Heard::Missed, heard))
                    }
                    Err(RecvError::Closed) => None,
                }
            },
        ))
    }
}

fn drop_text() {
    counter!("crewline_bus_dropped_total").increment(1);
}

/// The connection, again and again.
struct Line {
    connector: Connector,
    sent: mpsc::Receiver<Sent>,
    heard: broadcast::Sender<Heard>,
    is_connected: Arc<AtomicBool>,
}

impl Line {
    /// Until the bus is dropped.
    async fn keep(mut self) {
        let mut rest = RETRY.0;
        let mut was_away = false;
        while !self.sent.is_closed() {
            match self.connector.listen().await {
                Ok(listening) => {
                    rest = RETRY.0;
                    info!(again = was_away, "hints come over the database");
                    let why = self.talk(listening).await;
                    self.set_connected(false);
                    let Some(why) = why else { return };
                    warn!(%why, "hints over the database are away: other nodes notice by looking, until it is back");
                    was_away = true;
                }
                Err(error) => {
                    if !std::mem::replace(&mut was_away, true) {
                        warn!(%error, "no hints over the database yet: other nodes are noticed by looking");
                    }
                    sleep(rest).await;
                    rest = (rest * 2).min(RETRY.1);
                }
            }
        }
    }

    fn set_connected(&self, is: bool) {
        self.is_connected.store(is, Ordering::Release);
        gauge!("crewline_bus_connected").set(f64::from(u8::from(is)));
    }

    /// Sends and hears until the connection ends, and says why; `None` where the bus was dropped.
    async fn talk(&mut self, listening: Listening) -> Option<String> {
        let Listening {
            client,
            mut messages,
        } = listening;
        let heard = self.heard.clone();
        // Driven by itself: what is sent needs it, too.
        let mut hearing = tokio::spawn(async move {
            loop {
                match messages.next().await {
                    Some(Ok(AsyncMessage::Notification(said))) => {
                        // Nobody may be there to hear it yet.
                        let _ = heard.send(Heard::Text(said.payload().to_owned()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return error.to_string(),
                    None => return "the connection was closed".to_owned(),
                }
            }
        });
        let why = tokio::select! {
            why = &mut hearing => Some(why.unwrap_or_else(|error| error.to_string())),
            why = self.send(&client) => why,
        };
        hearing.abort();
        why
    }

    /// Sends what there is to send until that fails, and says why; `None` where the bus was dropped.
    async fn send(&mut self, client: &Client) -> Option<String> {
        let begun = timeout(BEGIN_MAX, async {
            client.batch_execute(BEGIN).await?;
            client.prepare(NOTIFY).await
        });
        let notify = match begun.await {
            Ok(Ok(notify)) => notify,
            Ok(Err(error)) => return Some(error.to_string()),
            Err(_) => return Some("it does not answer".to_owned()),
        };
        self.set_connected(true);
        // Whatever was said before it listened.
        let _ = self.heard.send(Heard::Missed);
        loop {
            let (text, done) = self.sent.recv().await?;
            match timeout(PUBLISH_MAX, client.execute(&notify, &[&text])).await {
                // Who has gone meanwhile need not be told.
                Ok(Ok(_)) => drop(done.send(())),
                Ok(Err(error)) => return Some(error.to_string()),
                Err(_) => return Some("it does not answer".to_owned()),
            }
        }
    }
}
