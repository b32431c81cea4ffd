//! Making connections: where to, how, and on which runtime.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use crewline_api::BoxStream;
use crewline_core::{StoreError, StoreErrorKind};
use futures_util::stream::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Fault, Place};
use crate::options::Options;
use crate::sql::Sql;
use crate::tls;

/// What every connection is told at its beginning. A connection that died unnoticed ends within half a minute on both sides,
/// and one that was forgotten inside of a transaction within ten seconds: others wait for it no longer.
const BEGIN: &str = "SET search_path = crewline; SET client_min_messages = warning; SET jit = off; \
     SET statement_timeout = '60s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; ";
/// Who writes is answered when it is durable, whatever the database is set to beside that.
/// And others wait for nobody's turn for longer than a few seconds: a server that is paused in the middle of a batch loses it.
const WRITES: &str = "SET idle_in_transaction_session_timeout = '3s'; SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
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

/// See the module.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    patience: Duration,
    place: Place,
    driver: Arc<Driver>,
}

impl Connector {
    /// Reads the address. Nothing is connected yet.
    pub(crate) fn new(options: &Options) -> Result<Self, StoreError> {
        let config = configure(options)?;
        let place = Place::new(&shown(&config));
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(tls::connector(options.ca_file.as_deref())?),
            _ => None,
        };
        if tls.is_none() && !config.get_hosts().iter().all(is_here) {
            tracing::warn!(
                store = place.shown(),
                "what is stored travels unencrypted; ?sslmode=require behind the address asks for TLS"
            );
        }
        Ok(Self {
            config,
            tls,
            patience: options.connect,
            place,
            driver: Arc::new(Driver::start()?),
        })
    }

    /// Which database it is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Makes a connection.
    pub(crate) fn connect(&self, purpose: Purpose) -> Result<Sql, StoreError> {
        let doing = "connecting to the database";
        let runtime = self
            .driver
            .0
            .as_ref()
            .ok_or_else(|| self.away(doing, &"the store is closed"))?;
        let (sender, done) = mpsc::sync_channel(1);
        let (this, patience) = (self.clone(), self.patience);
        runtime.spawn(async move {
            // Several hosts are tried one after the other, each with the patience of its own.
            let hosts = this.config.get_hosts().len().max(1) as u32;
            let made = tokio::time::timeout(patience * (hosts + 1), this.make(purpose)).await;
            // Who does not wait any more needs no connection.
            let _ = sender.send(made);
        });
        let made = done
            .recv()
            .map_err(|_| self.away(doing, &"the store is closed"))?;
        let client = made
            .map_err(|_| self.away(doing, &"it does not answer"))?
            .map_err(|error| self.refused(doing, error))?;
        Ok(Sql::new(client, Arc::clone(&self.driver)))
    }

    /// The runtime of the store.
    pub(crate) fn driver(&self) -> Arc<Driver> {
        Arc::clone(&self.driver)
    }

    /// Makes a connection whose messages are for who asks; they must be taken from the beginning.
    pub(crate) async fn listen(&self) -> Result<Listening, StoreError> {
        let doing = "connecting to the database";
        let making = async {
            Ok::<_, tokio_postgres::Error>(if let Some(tls) = &self.tls {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                let messages = messages(connection);
                Listening { client, messages }
            } else {
                let (client, connection) = self.config.connect(NoTls).await?;
                let messages = messages(connection);
                Listening { client, messages }
            })
        };
        let hosts = self.config.get_hosts().len().max(1) as u32;
        tokio::time::timeout(self.patience * (hosts + 1), making)
            .await
            .map_err(|_| self.away(doing, &"it does not answer"))?
            .map_err(|error| self.refused(doing, error))
    }

    async fn make(&self, purpose: Purpose) -> Result<Client, tokio_postgres::Error> {
        let client = if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) = self.config.connect(NoTls).await?;
            tokio::spawn(connection);
            client
        };
        let purpose = match purpose {
            Purpose::Write => WRITES,
            Purpose::Read => READS,
        };
        client.batch_execute(&format!("{BEGIN}{purpose}")).await?;
        Ok(client)
    }

    /// Whatever is wrong with a connection, it may be right the next time.
    fn refused(&self, doing: &str, error: tokio_postgres::Error) -> StoreError {
        self.away(doing, &Fault::from(error))
    }

    fn away(&self, doing: &str, what: &dyn std::fmt::Display) -> StoreError {
        self.place.explain(StoreErrorKind::Unavailable, doing, what)
    }
}

/// What the address says, and what it leaves out.
fn configure(options: &Options) -> Result<Config, StoreError> {
    // What the library says of an address may hold a part of it.
    let mut config: Config = options.url.parse().map_err(|_| {
        let detail = "the address of the store cannot be understood: postgres://USER@HOST/DATABASE, sslmode is disable or \
                      require, and in names and passwords %40 stands for @, %2F for /";
        StoreError::new(StoreErrorKind::Unavailable, detail)
    })?;
    if config.get_password().is_none()
        && let Some(password) = &options.password
    {
        config.password(password);
    }
    config.connect_timeout(options.connect);
    // What is sent and never taken ends the connection, and so does silence where an answer is waited for.
    config.tcp_user_timeout(Duration::from_secs(15));
    config.keepalives_idle(Duration::from_secs(5));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
    config.application_name("crewline");
    // Of several hosts, the one that takes writes; it is looked for again with each new connection.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(config)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

/// The address as it may be shown.
fn shown(config: &Config) -> String {
    let host = |(at, host): (usize, &Host)| {
        let ports = config.get_ports();
        let port = ports.get(at).or_else(|| ports.first()).unwrap_or(&5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        }
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    format!(
        "postgres://{}/{}",
        hosts.join(","),
        config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let config = |url: &str| configure(&Options::new(url)).unwrap();
        let one = config("postgres://crew:se%40cret@one,two:5433/chat?sslmode=require");
        assert_eq!(shown(&one), "postgres://one:5432,two:5433/chat");
        assert_eq!(one.get_ssl_mode(), SslMode::Require);
        let error = configure(&Options::new("postgres://crew:se@cret@host/db?port=x")).unwrap_err();
        assert!(!error.detail.contains("cret"), "{}", error.detail);
    }
}
