//! The bus.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event};
use crewline_api::{BoxFuture, BoxStream};
use crewline_core::{Bus, Heard};
use futures_util::{StreamExt as _, stream};
use metrics::{counter, gauge};
use tokio::sync::watch;
use tokio::time::{Instant, interval, timeout};
use tracing::{error, info, warn};

use crate::options::{Login, Options};
use crate::tls;

/// Texts that were heard and not taken; what comes then is dropped, and the node is told.
const HEARD_MAX: usize = 1_024;
/// Texts that wait to be written to the connection.
const WRITTEN_MAX: usize = 64;
/// Most bytes of one text, far below what a server takes.
const BYTES_MAX: usize = 32 * 1024;
/// How long one address has to answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// After so long without an answer a connection is given up, at the second time.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long a text waits for room; NATS is away then, and has not been noticed to be.
const PUBLISH_MAX: Duration = Duration::from_millis(500);
/// How long a text may be on its way that is to show that there is one.
const TRY_MAX: Duration = Duration::from_secs(3);
/// How often something is said that is to be heard.
const SAY_EVERY: Duration = Duration::from_millis(50);
/// The longest time between two tries to come back.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Why NATS cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NatsError {
    /// The certificates are not fit for use.
    #[error("{0}")]
    Tls(String),
    /// No server answered, or none lets this one in.
    #[error("NATS at {hosts}: {why}")]
    Connect {
        /// Where.
        hosts: String,
        /// What was said.
        why: String,
    },
    /// It lets this one in, and carries nothing.
    #[error("NATS at {hosts} does not carry the subject {subject}: {why}")]
    Refused {
        /// Where.
        hosts: String,
        /// The subject.
        subject: String,
        /// What was said.
        why: String,
    },
}

/// Hints over NATS. Clones are handles on the same connection.
#[derive(Clone)]
pub struct NatsBus {
    client: Client,
    subject: String,
    /// Grows whenever something may have been missed.
    missed: watch::Sender<u64>,
}

fn connect_options(
    options: &Options,
    missed: &watch::Sender<u64>,
) -> Result<ConnectOptions, NatsError> {
    let tls = tls::config(&options.tls).map_err(NatsError::Tls)?;
    let (missed, hosts) = (missed.clone(), options.hosts());
    let connect = ConnectOptions::new()
        .name("crewline")
        .no_echo()
        .require_tls(options.needs_tls)
        .tls_client_config(tls)
        .connection_timeout(CONNECT_MAX)
        .ping_interval(PING_EVERY)
        .subscription_capacity(HEARD_MAX)
        .client_capacity(WRITTEN_MAX)
        .reconnect_delay_callback(|attempts| {
            let doubled = Duration::from_millis(50).saturating_mul(1 << attempts.min(10));
            if attempts == 0 {
                Duration::ZERO
            } else {
                doubled.min(RETRY_MAX)
            }
        })
        .event_callback(move |event| {
            heed(&event, &missed, &hosts);
            async {}
        });
    Ok(match options.login.clone() {
        Login::Nobody => connect,
        Login::Password { user, password } => connect.user_and_password(user, password),
        Login::Token(token) => connect.token(token),
    })
}

/// Says in the log what happened, and to the node that something may have been missed.
fn heed(event: &Event, missed: &watch::Sender<u64>, hosts: &str) {
    let miss = || missed.send_modify(|version| *version += 1);
    match event {
        Event::Connected => {
            info!(hosts, "NATS is there: other nodes are told at once");
            gauge!("crewline_bus_connected").set(1.0);
            miss();
        }
        Event::Disconnected => {
            warn!(
                hosts,
                "NATS is away: other nodes notice by looking, until it is back"
            );
            gauge!("crewline_bus_connected").set(0.0);
        }
        Event::SlowConsumer(_) => {
            counter!("crewline_bus_missed_total").increment(1);
            miss();
        }
        Event::ServerError(failure) => warn!(hosts, %failure, "NATS refuses something"),
        Event::ClientError(failure) => warn!(hosts, %failure, "NATS cannot be reached"),
        Event::LameDuckMode | Event::Draining | Event::Closed => {}
    }
}

impl NatsBus {
    /// A bus; it connects by itself, now or when NATS is there.
    ///
    /// # Errors
    /// Where the certificates are not fit for use.
    pub async fn open(options: &Options) -> Result<Self, NatsError> {
        gauge!("crewline_bus_connected").set(0.0);
        let missed = watch::Sender::new(0);
        let connect = connect_options(options, &missed)?.retry_on_initial_connect();
        Ok(Self {
            client: connected(connect, options).await?,
            subject: options.subject.clone(),
            missed,
        })
    }

    /// Whether it is connected now.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}

/// Looks whether NATS is there and lets this one in; says who it is.
///
/// # Errors
/// Why not.
pub async fn probe(options: &Options) -> Result<String, NatsError> {
    let connect = connect_options(options, &watch::Sender::new(0))?;
    let client = connected(connect, options).await?;
    Ok(who(&client))
}

fn who(client: &Client) -> String {
    let info = client.server_info();
    format!("NATS {} at {}:{}", info.version, info.host, info.port)
}

/// Looks as [`probe`] does, and whether what is said on the subject is heard there; says who it is, and how long that took.
/// Nodes do not understand the text, and go on.
///
/// # Errors
/// Why not.
pub async fn try_out(options: &Options) -> Result<(String, Duration), NatsError> {
    let speaks = connected(connect_options(options, &watch::Sender::new(0))?, options).await?;
    let hears = connected(connect_options(options, &watch::Sender::new(0))?, options).await?;
    let fault = |why: String| NatsError::Refused {
        hosts: options.hosts(),
        subject: options.subject.clone(),
        why,
    };
    let trying = async {
        let subscribed = hears.subscribe(options.subject.clone()).await;
        let mut heard = subscribed.map_err(|failure| fault(failure.to_string()))?;
        // No hint begins so.
        let text = format!("crewline doctor {} ", speaks.new_inbox());
        // Nobody says when the other connection's subscription has come to the server: so it is said again until it is heard.
        let mut again = interval(SAY_EVERY);
        let mut said: Vec<Instant> = Vec::new();
        loop {
            tokio::select! {
                _ = again.tick() => {
                    let numbered = format!("{text}{}", said.len());
                    said.push(Instant::now());
                    let published = speaks.publish(options.subject.clone(), numbered.into()).await;
                    published.map_err(|failure| fault(failure.to_string()))?;
                }
                message = heard.next() => {
                    let message = message.ok_or_else(|| fault("the connection was closed".to_owned()))?;
                    let number = message.payload.strip_prefix(text.as_bytes());
                    let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse::<usize>().ok());
                    if let Some(begun) = number.and_then(|number| said.get(number)) {
                        return Ok((who(&speaks), begun.elapsed()));
                    }
                }
            }
        }
    };
    let tried = timeout(TRY_MAX, trying).await;
    tried.unwrap_or_else(|_| Err(fault("what was said was not heard".to_owned())))
}

async fn connected(connect: ConnectOptions, options: &Options) -> Result<Client, NatsError> {
    let client = connect.connect(options.servers.clone()).await;
    client.map_err(|failure| NatsError::Connect {
        hosts: options.hosts(),
        why: failure.to_string(),
    })
}

impl Bus for NatsBus {
    fn bytes_max(&self) -> usize {
        BYTES_MAX.min(self.client.max_payload())
    }

    fn publish(&self, text: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // What would wait for NATS to come back is old by then: whoever comes back looks.
            if !self.is_connected() {
                counter!("crewline_bus_dropped_total").increment(1);
                return;
            }
            // It may go away while there is no room: then it would be waited for until it is back.
            let published = self.client.publish(self.subject.clone(), text.into());
            match timeout(PUBLISH_MAX, published).await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    counter!("crewline_bus_dropped_total").increment(1);
                    warn!(%failure, "a hint could not be given to NATS");
                }
                Err(_) => counter!("crewline_bus_dropped_total").increment(1),
            }
        })
    }

    fn subscribe(&self) -> BoxStream<'static, Heard> {
        let (client, subject) = (self.client.clone(), self.subject.clone());
        let missed = stream::unfold(self.missed.subscribe(), |mut missed| async move {
            missed.changed().await.ok()?;
            Some((Heard::Missed, missed))
        });
        let heard = stream::once(async move { client.subscribe(subject).await });
        let heard = heard.flat_map(|subscribed| match subscribed {
            Ok(subscribed) => subscribed
                .map(|message| Heard::Text(String::from_utf8_lossy(&message.payload).into_owned()))
                .boxed(),
            Err(failure) => {
                error!(%failure, "NATS takes no subscription: other nodes are noticed by looking");
                stream::empty().boxed()
            }
        });
        stream::select(heard, missed).boxed()
    }
}
