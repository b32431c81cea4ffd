//! The half of the command line that talks to a server over HTTP: `send` and `listen`.
//!
//! It knows nothing of stores. Whatever may succeed later is told apart from what never will ([`CallError`]), so that
//! only the former is tried again.

mod backoff;
mod call;
mod follow;
mod frame;

use std::path::PathBuf;

use clap::Args;

pub(crate) use backoff::Backoff;
pub(crate) use call::{CallError, Client};
pub(crate) use follow::{Follow, Start};
pub(crate) use frame::Frame;

use crate::config::Config;
use crate::failure::Failure;

/// Where the server is, and who calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Where the server is; also CREWLINE_URL [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
    /// The token itself. Others on this machine can see it in the list of processes: better use CREWLINE_TOKEN or
    /// --token-file
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

impl ConnectionArgs {
    /// A client of the server that flags, environment and configuration name.
    pub(crate) fn client(&self, config: &Config) -> Result<Client, Failure> {
        Client::new(&config.client.url, &self.read_token(config)?)
    }

    fn read_token(&self, config: &Config) -> Result<String, Failure> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let environment = std::env::var(crate::config::TOKEN).ok();
        let environment = environment.filter(|token| !token.is_empty());
        let file = match (&self.token_file, environment) {
            (Some(path), _) => path,
            (None, Some(token)) => return Ok(token),
            (None, None) => config.client.token_file.as_ref().ok_or_else(|| {
                Failure::new("there is no token: the server must know who calls")
                    .remedy("crewline token create --external ID   (on the server; prints a token)")
                    .remedy("CREWLINE_TOKEN=… crewline …, or --token-file FILE")
            })?,
        };
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::new(format!(
                "cannot read the token file {}: {error}",
                file.display()
            ))
        })?;
        Ok(text.trim().to_owned())
    }
}

/// Makes TLS work: the library beneath takes no cryptography of its own choice.
pub(crate) fn prepare_tls() {
    // An error only says that it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs a command that waits for the network.
pub(crate) fn block_on<F: Future<Output = Result<(), Failure>>>(work: F) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}
