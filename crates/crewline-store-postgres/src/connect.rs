//! Making connections: where to, how, and on which runtime. Of several hosts the one that takes writes is used, and one that
//! is behind what was seen never: see [`lineage`](crate::lineage).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crewline_api::BoxStream;
use crewline_core::{StoreError, StoreErrorKind};
use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, poll_fn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::{configure, host, is_here, only, shown};
use crate::error::{Fault, Place};
use crate::lineage::{self, Identity, Lineage};
use crate::options::Options;
use crate::sql::Sql;
use crate::tls;

/// What every connection is told at its beginning. Every statement finds its rows by a key, and knows so without the numbers
/// that are asked for: it is planned once, and not for each batch (which cost a fifth of the database's time), and never by reading a
/// whole table that was small when it was planned.
/// A connection that died unnoticed ends within half a minute on both sides,
/// and one that was forgotten inside of a transaction within ten seconds: others wait for it no longer.
const BEGIN: &str = "SET search_path = crewline; SET client_min_messages = warning; SET jit = off; \
     SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
     SET statement_timeout = '60s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; ";
/// Who writes is answered when it is durable, whatever the database is set to beside that.
/// And others wait for nobody's turn for longer than a few seconds: a server that is paused in the middle of a batch loses it.
/// No statement is ended because of its time: a commit that waits for a standby would be called done, without it.
const WRITES: &str = "SET idle_in_transaction_session_timeout = '3s'; SET statement_timeout = 0; SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// Who reads sees one state of the store.
const READS: &str =
    "SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Transactions that write.
    Write,
    /// Readings.
    Read,
}

/// The runtime that drives the connections of a store: two threads that do nothing else.
pub(crate) struct Driver(Option<Runtime>);

impl Driver {
    fn start() -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("crewline-postgres")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            let detail =
                format!("the machine gives no thread for the connections to PostgreSQL: {error}");
            StoreError::new(StoreErrorKind::Unavailable, detail)
        })?;
        Ok(Self(Some(runtime)))
    }
}

impl Driver {
    /// Runs something for as long as the store is there.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(task);
        }
    }
}

impl Drop for Driver {
    /// A store may be dropped where nothing may wait: its connections end by themselves.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a connection brings by itself; it must be taken, for the client to be served.
pub(crate) type Messages = BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>;

/// A connection that listens.
pub(crate) struct Listening {
    pub(crate) client: Client,
    pub(crate) messages: Messages,
}

fn messages<S, T>(mut connection: Connection<S, T>) -> Messages
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(poll_fn(move |context| connection.poll_message(context)))
}

/// Once one host takes writes, the others are waited for no longer than this: one of them may be on a later timeline.
const OTHERS: Duration = Duration::from_millis(500);

/// After a connection could not be made, nobody of the same kind tries again for so long: who asks is told at once.
const REST: Duration = Duration::from_millis(500);

/// The rest after a connection could not be made. It ends as soon as anybody has made one: the database is there again, for
/// whoever reads as for whoever writes.
#[derive(Default)]
pub(crate) struct Rest(Option<(Instant, u64, StoreError)>);

impl Rest {
    /// Why nobody is to try now; `None` where one may.
    pub(crate) fn why(&self, connector: &Connector) -> Option<StoreError> {
        let (when, made, error) = self.0.as_ref()?;
        let rests = when.elapsed() < REST && *made == connector.made();
        rests.then(|| error.clone())
    }

    /// An attempt has failed that began when so many connections had been made.
    pub(crate) fn begin(&mut self, made: u64, error: &StoreError) {
        self.0 = Some((Instant::now(), made, error.clone()));
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Connector {
    /// How each host is connected to, and how it is shown.
    hosts: Arc<[(Config, String)]>,
    /// Which of them was used last.
    at: Arc<AtomicUsize>,
    /// How many connections were made.
    made: Arc<AtomicU64>,
    lineage: Arc<Lineage>,
    tls: Option<MakeRustlsConnect>,
    patience: Duration,
    place: Place,
    driver: Arc<Driver>,
}

impl Connector {
    /// Reads the address. Nothing is connected yet.
    pub(crate) fn new(options: &Options) -> Result<Self, StoreError> {
        let this = Self::quietly(options)?;
        if this
            .hosts
            .iter()
            .any(|(config, _)| this.is_readable(config))
        {
            tracing::warn!(
                store = this.place.shown(),
                "what is stored travels unencrypted; ?sslmode=require behind the address asks for TLS"
            );
        }
        Ok(this)
    }

    /// The same, without a warning in the log.
    pub(crate) fn quietly(options: &Options) -> Result<Self, StoreError> {
        let config = configure(options)?;
        let place = Place::new(&shown(&config));
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(tls::connector(options.ca_file.as_deref())?),
            _ => None,
        };
        let hosts = (0..config.get_hosts().len()).map(|at| (only(&config, at), host(&config, at)));
        Ok(Self {
            hosts: hosts.collect(),
            at: Arc::new(AtomicUsize::new(usize::MAX)),
            made: Arc::default(),
            lineage: Arc::default(),
            tls,
            patience: options.connect,
            place,
            driver: Arc::new(Driver::start()?),
        })
    }

    /// Whether what goes to this host leaves the machine and can be read on the way.
    pub(crate) fn is_readable(&self, config: &Config) -> bool {
        self.tls.is_none() && !config.get_hosts().iter().all(is_here)
    }

    /// How to connect to each host, and how it is shown.
    pub(crate) fn hosts(&self) -> &[(Config, String)] {
        &self.hosts
    }

    /// How long one host has to answer.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Which database it is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What is known of the database.
    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Looks whether logs go on at the other end of a connection.
    pub(crate) fn judge(&self, sql: &Sql) -> Result<(), Fault> {
        self.lineage.judge(sql, &self.place, sql.identity())
    }

    /// Makes a connection.
    pub(crate) fn connect(&self, purpose: Purpose) -> Result<Sql, StoreError> {
        let doing = "connecting to the database";
        if let Some(error) = self.lineage.replaced() {
            return Err(error);
        }
        let this = self.clone();
        let limit = self.patience * 3;
        let made = self.run(async move { tokio::time::timeout(limit, this.find(purpose)).await });
        let made = made.map_err(|what| self.away(doing, &what))?;
        let made = made.map_err(|_| self.away(doing, &"it does not answer"))?;
        let (client, identity) = made.map_err(|what| self.away(doing, &what))?;
        let sql = Sql::new(client, identity, Arc::clone(&self.driver));
        if self.lineage.is_news(sql.identity()) {
            self.judge(&sql).map_err(|fault| match fault {
                Fault::Known(error) => error,
                fault => self.away("looking whether the database is still the same", &fault),
            })?;
        }
        self.made.fetch_add(1, Ordering::Release);
        Ok(sql)
    }

    /// How many connections were made so far.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// The runtime of the store.
    pub(crate) fn driver(&self) -> Arc<Driver> {
        Arc::clone(&self.driver)
    }

    /// Makes a connection whose messages are for who asks; they must be taken from the beginning. It is to the host that takes
    /// writes: only there others are heard.
    pub(crate) async fn listen(&self) -> Result<Listening, StoreError> {
        let doing = "connecting to the database";
        let found = self.find(Purpose::Read).await;
        drop(found.map_err(|what| self.away(doing, &what))?);
        let at = self.at.load(Ordering::Relaxed);
        let making = async {
            let config = &self.hosts[at].0;
            Ok::<_, tokio_postgres::Error>(if let Some(tls) = &self.tls {
                let (client, connection) = config.connect(tls.clone()).await?;
                let messages = messages(connection);
                Listening { client, messages }
            } else {
                let (client, connection) = config.connect(NoTls).await?;
                let messages = messages(connection);
                Listening { client, messages }
            })
        };
        tokio::time::timeout(self.patience, making)
            .await
            .map_err(|_| self.away(doing, &"it does not answer"))?
            .map_err(|error| self.away(doing, &Fault::from(error)))
    }

    /// Does something on the runtime of the connections, and waits for it. Who does not wait any more needs no connection.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        act: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, &'static str> {
        let closed = "the store is closed";
        let runtime = self.driver.0.as_ref().ok_or(closed)?;
        let (sender, done) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            let _ = sender.send(act.await);
        });
        done.recv().map_err(|_| closed)
    }

    /// Asks the host that was used last; where it cannot be used, all of them at the same time.
    async fn find(&self, purpose: Purpose) -> Result<(Client, Identity), String> {
        let last = self.at.load(Ordering::Relaxed);
        if last < self.hosts.len() {
            let made = self.make(last, purpose).await.and_then(|made| {
                self.lineage.admit(&made.1)?;
                Ok(made)
            });
            if made.is_ok() || self.hosts.len() == 1 {
                return made;
            }
        }
        let making =
            (0..self.hosts.len()).map(|at| async move { (at, self.make(at, purpose).await) });
        let mut making: FuturesUnordered<_> = making.collect();
        let (mut best, mut faults) = (None::<(usize, (Client, Identity))>, Vec::new());
        loop {
            let wait = if best.is_some() {
                OTHERS
            } else {
                self.patience * 2
            };
            let Ok(Some((at, made))) = tokio::time::timeout(wait, making.next()).await else {
                break;
            };
            match made {
                Ok(made) => match &best {
                    Some((_, (_, known))) if known.timeline >= made.1.timeline => {}
                    _ => best = Some((at, made)),
                },
                Err(fault) if self.hosts.len() == 1 => faults.push(fault),
                Err(fault) => faults.push(format!("{}: {fault}", self.hosts[at].1)),
            }
        }
        let Some((at, made)) = best else {
            return Err(if faults.is_empty() {
                "it does not answer".to_owned()
            } else {
                faults.join("; ")
            });
        };
        self.lineage
            .admit(&made.1)
            .map_err(|fault| format!("{}: {fault}", self.hosts[at].1))?;
        self.at.store(at, Ordering::Relaxed);
        Ok(made)
    }

    /// A connection to one host.
    async fn make(&self, at: usize, purpose: Purpose) -> Result<(Client, Identity), String> {
        let made = tokio::time::timeout(self.patience, async {
            let client = self.open(&self.hosts[at].0).await?;
            let purpose = match purpose {
                Purpose::Write => WRITES,
                Purpose::Read => READS,
            };
            let asked = format!("{BEGIN}{purpose}; {}", lineage::WHO);
            let shown = client.simple_query(&asked).await?;
            Ok((client, shown))
        });
        let made = made.await.map_err(|_| "it does not answer".to_owned())?;
        let (client, shown) =
            made.map_err(|error: tokio_postgres::Error| Fault::from(error).to_string())?;
        let who = shown.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let identity = who.unwrap_or_default().parse()?;
        Ok((client, identity))
    }

    /// A connection as the configuration says, and nothing said on it yet.
    pub(crate) async fn open(&self, config: &Config) -> Result<Client, tokio_postgres::Error> {
        let client = if let Some(tls) = &self.tls {
            let (client, connection) = config.connect(tls.clone()).await?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            client
        };
        Ok(client)
    }

    pub(crate) fn away(&self, doing: &str, what: &dyn std::fmt::Display) -> StoreError {
        self.place.explain(StoreErrorKind::Unavailable, doing, what)
    }
}
