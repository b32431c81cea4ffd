//! `crewline serve`: the server, from the first byte of the configuration to the last answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use crewline_api::Kept;
use crewline_bus_nats::NatsBus;
use crewline_core::{Bus, Opened, Settings as Decisions};
use crewline_engine::{Engine, Options, Others, SystemClock};
use crewline_http::{Administration, App, Settings};
use crewline_push::Pusher;
use crewline_store_postgres::NotifyBus;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{demo, push, tls, webhook};
use crate::config::{Config, Store};
use crate::context::Context;
use crate::failure::Failure;
use crate::files_limit;
use crate::telemetry;

/// From the signal to the end of the process; the contract allows ten seconds.
const STOP_MAX: Duration = Duration::from_millis(9_500);
/// How long answers of 503 may still go out when the store is lost.
const LOST_GRACE: Duration = Duration::from_secs(1);
/// Threads that still block when everything is done are not waited for longer than this.
const THREADS_GRACE: Duration = Duration::from_millis(200);

const HELP: &str = "\
When it is ready it prints one line on standard output, listening on http://ADDR:PORT (or https); the log goes to
standard error.
SIGTERM or Ctrl-C: it takes no more work, finishes what it has accepted, and exits 0 within 10 seconds. A second one
ends it at once.

Examples:
  crewline serve
  crewline serve --store sqlite:///var/lib/crewline/crewline.db --listen 127.0.0.1:8080 --log-format json
  crewline serve --listen 0.0.0.0:8443 --tls-cert crew.pem --tls-key crew.key
  crewline serve --store postgres://crew@db1,db2/crewline?sslmode=require    one of several, each with the same store
  crewline serve --demo --store sqlite://data/crewline.db    with a few people to play with";

/// Start the server
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ServeArgs {
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// The certificate to speak TLS with, in PEM, those above it behind it; with --tls-key
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<String>,
    /// The private key of the certificate, in PEM; SIGHUP reads both files again
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<String>,
    /// Where NATS is, by which several servers on one store tell each other what they wrote [default: the database does it]
    #[arg(long, value_name = "URL")]
    pub(crate) bus: Option<String>,
    /// In an empty store, make an administrator, two crew members and one external, and print once how to use them
    #[arg(long)]
    pub(crate) demo: bool,
}

/// Serves until it is told to stop.
pub(crate) fn run(args: &ServeArgs, context: &mut Context) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(serve(args, context));
    runtime.shutdown_timeout(THREADS_GRACE);
    outcome
}

async fn serve(args: &ServeArgs, context: &mut Context) -> Result<(), Failure> {
    let metrics = telemetry::start()?;
    let open_files = files_limit::raise();
    let tls = tls::open(context.config.http.tls.as_ref())?;
    let listener = bind(context.config.http.listen).await?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::new(format!("cannot tell the address: {error}")))?;
    let opened = context.open()?;
    let engine = start(opened, context).await?;
    let administration = administration(context);
    let disk_free = Arc::clone(&administration.disk_free);
    let upkeep = tokio::spawn(keep_up(metrics.clone(), disk_free));
    let app = App::new(
        engine.clone(),
        settings(&context.config),
        telemetry::renderer(metrics),
    );
    let hooks = context.config.webhooks.settings()?;
    let app = app.administered(administration);
    let app = app.try_webhooks_with(webhook::trial_of(engine.clone(), hooks.clone()));
    let (app, pusher) = with_push(app, &engine, &context.config).await?;
    let demo = if args.demo {
        Some(demo::prepare(&engine).await?)
    } else {
        None
    };
    let stop = CancellationToken::new();
    let signals = tokio::spawn(heed_signals(Signals::new()?, stop.clone()));

    let reloads = tokio::spawn(tls::heed_hangups(tls.clone())?);

    warn_of_exposure(address, &context.config);
    tracing::info!(%address, store = %context.store_shown(), open_files, "ready");
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    context.out.line(&format!("listening on {url}"))?;
    say(&[NotifyState::Ready]);
    if let Some(demo) = demo {
        crate::output::complain(&demo::text(&demo, &url, context));
    }

    let posting = tokio::spawn(post(engine.clone(), hooks, pusher, stop.clone()));
    let until = stop.clone().cancelled_owned();
    let serving = match tls {
        None => tokio::spawn(crewline_http::serve(listener, app, until)),
        Some(tls) => tokio::spawn(crewline_http::serve_tls(listener, tls, app, until)),
    };
    let on_file = context.store_file().is_some();
    let outcome = serve_until(serving, posting, &engine, stop, on_file).await;
    upkeep.abort();
    signals.abort();
    reloads.abort();
    outcome
}

/// Starts the engine: alone on its store, or as one of several that tell each other.
async fn start(opened: Opened, context: &Context) -> Result<Engine, Failure> {
    let config = &context.config;
    let (options, clock) = (decisions(config), Arc::new(SystemClock));
    let Some(bus) = bus(context).await? else {
        return Ok(Engine::start(opened, options, clock)?);
    };
    let others = Others {
        bus: Some(bus),
        look_every: config.bus.look_every,
        life: config.bus.life,
    };
    Ok(Engine::start_among(others, opened, options, clock)?)
}

/// What carries hints between servers: NATS where it is set, and otherwise the database, where several can be at it.
async fn bus(context: &Context) -> Result<Option<Arc<dyn Bus>>, Failure> {
    if let Some(nats) = context.config.bus.options()? {
        let opening = NatsBus::open(&nats).await;
        let bus = opening.map_err(|error| {
            Failure::new(format!("the bus cannot be used: {error}"))
                .remedy("look at bus.caFile, bus.certFile and bus.keyFile")
        })?;
        return Ok(Some(Arc::new(bus)));
    }
    match &context.config.store {
        Store::File(_) => Ok(None),
        Store::Postgres(url) => {
            let bus = NotifyBus::open(&context.postgres_options(url)?)?;
            Ok(Some(Arc::new(bus)))
        }
    }
}

/// Posts to webhooks, and wakes devices, until the token is cancelled.
async fn post(
    engine: Engine,
    hooks: crewline_webhook::Settings,
    pusher: Option<Pusher>,
    stop: CancellationToken,
) {
    let pushing = async {
        if let Some(pusher) = pusher {
            crewline_push::run(pusher, stop.clone()).await;
        }
    };
    tokio::join!(crewline_webhook::run(engine, hooks, stop.clone()), pushing);
}

/// Lets the app subscribe, unless push is switched off.
async fn with_push(
    app: App,
    engine: &Engine,
    config: &Config,
) -> Result<(App, Option<Pusher>), Failure> {
    if !config.push.enabled {
        return Ok((app, None));
    }
    let pusher = Pusher::new(engine.clone(), config.push.settings()?);
    pusher.prepare().await;
    Ok((app.push_with(push::pushes_of(pusher.clone())), Some(pusher)))
}

/// Serves until the token is cancelled or the store is lost, then finishes what was accepted.
async fn serve_until(
    mut serving: JoinHandle<std::io::Result<()>>,
    posting: JoinHandle<()>,
    engine: &Engine,
    stop: CancellationToken,
    on_file: bool,
) -> Result<(), Failure> {
    tokio::select! {
        // Where nobody is connected serving has ended as soon as it was told to: then this is no fault, and is told as stopping.
        biased;
        () = stop.cancelled() => {}
        ended = &mut serving => {
            stop.cancel();
            return finish(ended, posting, engine).await;
        }
        () = engine.lost() => {
            stop.cancel();
            let _ = tokio::time::timeout(LOST_GRACE, serving).await;
            return Err(lost(engine, on_file));
        }
    }
    tracing::info!("stopping: no more work is taken, what was accepted is finished");
    say(&[NotifyState::Stopping]);
    let finished = tokio::time::timeout(STOP_MAX, async {
        finish(serving.await, posting, engine).await
    })
    .await;
    finished.unwrap_or_else(|_| {
        Err(Failure::new(format!(
            "not everything was finished within {} s",
            STOP_MAX.as_secs_f64()
        )))
    })
}

/// Why the server has ended, and what to do. A server at a database is started again by whoever watches over it: everything
/// that it holds in memory is numbered by what is not there any more.
fn lost(engine: &Engine, on_file: bool) -> Failure {
    if !on_file {
        let why = engine
            .loss()
            .unwrap_or_else(|| "the store is lost".to_owned());
        return Failure::new(why)
            .remedy("start it again, as systemd and Docker do by themselves; crewline doctor says how the database is");
    }
    Failure::new("a flush to the disk failed: what was not confirmed may be lost, and nothing more can be promised")
        .remedy("look at the disk (dmesg, smartctl), then crewline db check, then start again")
}

/// The edge has ended: the engine finishes what it has accepted, and closes the store.
async fn finish(
    ended: Result<std::io::Result<()>, tokio::task::JoinError>,
    posting: JoinHandle<()>,
    engine: &Engine,
) -> Result<(), Failure> {
    // What receivers have taken is confirmed before the engine takes no more work.
    let _ = posting.await;
    engine.stop().await;
    match ended {
        Ok(Ok(())) => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(Err(error)) => Err(Failure::new(format!("serving failed: {error}"))),
        Err(error) => Err(Failure::new(format!("serving failed: {error}"))),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(format!("cannot listen on {address}: {error}"));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => failure
                .remedy("crewline doctor   (it says whether a Crewline server is there already)")
                .remedy("--listen 127.0.0.1:0 takes a free port"),
            std::io::ErrorKind::PermissionDenied => failure.remedy("a port of 1024 or above"),
            _ => failure.remedy("an address of this machine, such as --listen 127.0.0.1:8080"),
        }
    })
}

fn decisions(config: &Config) -> Options {
    let settings = Decisions {
        unknown_recipients: config.directory.unknown_recipients,
    };
    Options {
        settings,
        retention: config.retention.rules(),
        audit_keep: config.audit.keep,
    }
}

/// What administrators are shown of this server.
fn administration(context: &Context) -> Administration {
    let config = &context.config;
    let rules = config.retention.rules();
    let store = context.store_file().map(std::path::Path::to_owned);
    Administration {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: Some(env!("CREWLINE_COMMIT").to_owned()),
        schema: u32::try_from(context.schema()).ok(),
        kept: Kept {
            messages_seconds: rules.map(|rules| rules.messages.as_secs()),
            cursors_seconds: rules.map(|rules| rules.cursors.as_secs()),
            audit_seconds: config.audit.keep.map(|keep| keep.as_secs()),
            read_only: true,
        },
        log: Arc::new(crate::logging::recent),
        disk_free: Arc::new(move || {
            let disk = rustix::fs::statvfs(store.as_ref()?).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize))
        }),
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        session_days: config.auth.session_days as u32,
        wrong_passwords_per_minute: config.auth.wrong_passwords_per_minute as u32,
        secure_cookie: config.http.is_secure(),
        origins: config.http.origins.clone(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        heartbeat: Duration::from_secs(config.http.heartbeat_s),
    }
}

fn warn_of_exposure(address: SocketAddr, config: &Config) {
    if let Some(what) = config.http.exposure(address) {
        tracing::warn!(
            "{what}. Serve by TLS with --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS, and \
             set http.behindTls = true and http.trustedProxies"
        );
    }
}

/// Says to systemd how far it is, where systemd has started it and wants to hear of it (`Type=notify`).
fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told how far this server is");
    }
}

async fn keep_up(
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    disk_free: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
) {
    let mut tick = tokio::time::interval(telemetry::UPKEEP);
    loop {
        tick.tick().await;
        metrics.run_upkeep();
        if let Some(free) = disk_free() {
            metrics::gauge!("crewline_disk_free_bytes").set(free as f64);
        }
    }
}

/// The signals that ask this process to end. They are heeded from the moment it is made.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let fault = |error| Failure::new(format!("cannot heed signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(fault)?,
            terminate: signal(SignalKind::terminate()).map_err(fault)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The first signal stops the server in good order, a second one ends the process at once.
async fn heed_signals(mut signals: Signals, stop: CancellationToken) {
    signals.next().await;
    stop.cancel();
    signals.next().await;
    tracing::warn!("a second signal: ending at once");
    // What was answered is durable already; what was not answered was not promised.
    std::process::exit(130);
}

/// Returns when this process is asked to end.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut signals = Signals::new()?;
    Ok(async move { signals.next().await })
}
