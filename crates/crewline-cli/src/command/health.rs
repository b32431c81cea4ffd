//! `crewline health`: what `/healthz` and `/readyz` say, as an exit code, for a container that has no other program in it. It
//! opens no store and needs no token.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::doctor::port::reachable;
use crate::client::block_on;
use crate::context::Context;
use crate::failure::Failure;

/// Who looks for health asks again soon; an answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(3);

const HELP: &str = "\
It asks the server on this machine that the configuration describes (http.listen, and https where http.tlsCert is set). Exit
code 0 says yes, 1 no.

Alive is what a restart may mend. Ready is that the store takes writes: send traffic by it, and restart nothing. A server whose disk
is full is alive and not ready.

Examples:
  crewline health                              is it alive?
  crewline health --ready                      does it take writes?
  crewline health --listen 127.0.0.1:8443      a server that was started with this flag";

/// Ask the server of this configuration whether it is alive, or ready
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct HealthArgs {
    /// Whether the store takes writes, too
    #[arg(long)]
    pub(crate) ready: bool,
    /// Where the server was told to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
}

/// Asks once.
pub(crate) fn run(args: &HealthArgs, context: &mut Context) -> Result<(), Failure> {
    let http = &context.config.http;
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{}", reachable(http.listen));
    let (path, good) = if args.ready {
        ("/readyz", "ready")
    } else {
        ("/healthz", "alive")
    };
    block_on(ask(&base, path))?;
    context.out.line(&format!("{good}: {base}"))
}

async fn ask(base: &str, path: &str) -> Result<(), Failure> {
    // The library beneath takes no cryptography of its own choice. An error only says that it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let away = |error: reqwest::Error| {
        let what = if error.is_timeout() {
            "it does not answer in time"
        } else {
            "nobody answers"
        };
        Failure::new(format!("not alive: {base}: {what}"))
            .remedy("--listen with what the server was given, or --config with its file")
    };
    // It is asked on this machine, and nothing secret is said: its certificate is for the names by which others know it.
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(away)?;
    let answer = client.get(format!("{base}{path}")).send().await;
    let answer = answer.map_err(away)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let problem: Option<Value> = answer.json().await.ok();
    let detail = problem
        .as_ref()
        .and_then(|problem| problem["detail"].as_str());
    let detail = detail.unwrap_or("it gives no reason");
    Err(Failure::new(format!(
        "{base}{path} answers {status}: {}",
        crate::output::plain(detail)
    )))
}
