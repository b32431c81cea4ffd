//! Hints between nodes by `LISTEN` and `NOTIFY`: servers that share a database need nothing beside it to tell each other at once
//! what they wrote.
//!
//! One connection, of its own, listens and notifies; while it is away, texts are dropped, and when it is back the node is told
//! that it may have missed some. What is lost is found by looking (see [`crewline_core::bus`]).
//!
//! A server that is alone on its database tells nobody: each text is a transaction, which costs a tenth and more of what the
//! database does under load. It counts once a second who serves, and whoever comes says so on a channel of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use crewline_api::{BoxFuture, BoxStream};
use crewline_core::{Bus, Heard, StoreError};
use futures_util::{StreamExt as _, stream};
use metrics::{counter, gauge};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tracing::{info, warn};

use crate::connect::{Connector, Driver, Listening};
use crate::options::Options;
use crate::turn::SERVE;

/// The channel. It belongs to the database, and a database holds one store.
/// A hint that a crash loses is nothing: nobody waits for the disk.
const BEGIN: &str = "SET synchronous_commit = off; SET idle_session_timeout = 0; SET statement_timeout = '5s'; LISTEN crewline; LISTEN crewline_here; NOTIFY crewline_here";
/// On the other channel a server says that it is there: when it begins to listen, and to one whom it did not know.
const HERE: &str = "NOTIFY crewline_here";
const WHO: &str = "SELECT pg_backend_pid()";
/// How many serve this store. (The halves of the lock's number.)
const SERVING: &str =
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
     AND classid = ($1::int8 >> 32)::int4::oid AND objid = ($1::int8 & 4294967295)::oid
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const NOTIFY: &str = "SELECT pg_notify('crewline', $1)";
/// PostgreSQL takes texts below 8,000 bytes.
const BYTES_MAX: usize = 7_900;
/// Texts that were heard and not taken; what comes then is dropped, and the node is told.
const HEARD_MAX: usize = 1_024;
/// Texts that wait to be sent.
const SENT_MAX: usize = 16;
/// How often it is counted who serves.
const COUNT_EVERY: Duration = Duration::from_secs(1);
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
    others: Arc<Others>,
    _driver: Arc<Driver>,
}

/// Who else is there.
#[derive(Default)]
struct Others {
    /// Whether nobody is.
    none: AtomicBool,
    /// What the database calls this end of the connection.
    own: AtomicI32,
    /// Somebody is there who was not known of, and may not know of this one.
    new: Notify,
}

impl Others {
    /// Somebody else has said something.
    fn heard(&self) {
        if self.none.swap(false, Ordering::AcqRel) {
            self.new.notify_one();
        }
    }

    /// So many serve, with this one.
    fn counted(&self, serving: i64) {
        if serving > 1 {
            self.heard();
        } else {
            self.none.store(true, Ordering::Release);
        }
    }
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
        let others = Arc::<Others>::default();
        let driver = connector.driver();
        let line = Line {
            connector,
            sent,
            heard: heard.clone(),
            is_connected: Arc::clone(&is_connected),
            others: Arc::clone(&others),
        };
        driver.spawn(line.keep());
        Ok(Self {
            texts,
            heard,
            is_connected,
            others,
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
            if self.others.none.load(Ordering::Acquire) {
                return;
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
    others: Arc<Others>,
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
        let (heard, others) = (self.heard.clone(), Arc::clone(&self.others));
        // Until it is counted somebody may be there.
        others.none.store(false, Ordering::Release);
        // Driven by itself: what is sent needs it, too.
        let mut hearing = tokio::spawn(async move {
            loop {
                match messages.next().await {
                    Some(Ok(AsyncMessage::Notification(said))) => {
                        let is_own = said.process_id() == others.own.load(Ordering::Acquire);
                        if !is_own {
                            others.heard();
                        }
                        // Nobody may be there to hear it yet.
                        let said = match said.channel() {
                            "crewline" => Heard::Text(said.payload().to_owned()),
                            _ if is_own => continue,
                            // What the other one wrote before it knew that somebody hears was told to nobody.
                            _ => Heard::Missed,
                        };
                        let _ = heard.send(said);
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
            let own: i32 = client.query_one(WHO, &[]).await?.try_get(0)?;
            self.others.own.store(own, Ordering::Release);
            client.batch_execute(BEGIN).await?;
            Ok::<_, tokio_postgres::Error>((
                client.prepare(NOTIFY).await?,
                client.prepare(SERVING).await?,
            ))
        });
        let (notify, serving) = match begun.await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(error)) => return Some(error.to_string()),
            Err(_) => return Some("it does not answer".to_owned()),
        };
        self.set_connected(true);
        // Whatever was said before it listened.
        let _ = self.heard.send(Heard::Missed);
        let mut counts = interval(COUNT_EVERY);
        counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                sent = self.sent.recv() => {
                    let (text, done) = sent?;
                    let sent = timeout(PUBLISH_MAX, client.execute(&notify, &[&text])).await;
                    if let Ok(Ok(_)) = sent {
                        // Who has gone meanwhile need not be told.
                        let _ = done.send(());
                    }
                    sent.map(|sent| sent.map(|_| ()))
                }
                _ = counts.tick() => {
                    let counted = timeout(BEGIN_MAX, client.query_one(&serving, &[&SERVE])).await;
                    counted.map(|row| row?.try_get(0).map(|count| self.others.counted(count)))
                }
                () = self.others.new.notified() => {
                    timeout(BEGIN_MAX, client.batch_execute(HERE)).await
                }
            };
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(error.to_string()),
                Err(_) => return Some("it does not answer".to_owned()),
            }
        }
    }
}
