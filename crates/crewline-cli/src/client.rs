//! The half of the command line that talks to a server: `send` and `listen`. Here are its flags and its words; calls,
//! sessions, reconnects and retries are those of crewline-client.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use crewline_api::ErrorCode;
use crewline_client::{Client, Error};

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
    /// Certificates to trust beside those that this machine trusts, for a server with one of a private authority (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl ConnectionArgs {
    /// A client of the server that flags, environment and configuration name.
    pub(crate) fn client(&self, config: &Config) -> Result<Client, Failure> {
        let token = self.read_token(config)?;
        let mut builder = Client::builder(&config.client.url, &token)
            .user_agent(concat!("crewline/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &config.client.ca_file {
            builder = builder.ca_file(file);
        }
        builder.build().map_err(|error| Failure::new(error.detail))
    }

    /// What these flags say of the configuration: key, flag, value.
    pub(crate) fn flags(&self) -> [(&'static str, &'static str, Option<String>); 2] {
        let ca_file = self.ca_file.as_ref().map(|path| path.display().to_string());
        [
            ("client.url", "--url", self.url.clone()),
            ("client.caFile", "--ca-file", ca_file),
        ]
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

/// What went wrong with a server, as the end of the command.
pub(crate) fn failure(error: &Error, client: &Client) -> Failure {
    let base = client.url();
    match error.code {
        ErrorCode::WrongServer => {
            Failure::new(plain(&error.detail)).remedy("another address: CREWLINE_URL=… or --url")
        }
        _ if error.is_retryable() => Failure::new(later(error))
            .remedy(format!(
                "is the server running there? crewline serve, or curl {base}/readyz"
            ))
            .remedy("another address: CREWLINE_URL=… or --url"),
        _ => refused(error),
    }
}

/// What may pass, as a sentence.
pub(crate) fn later(error: &Error) -> String {
    let detail = plain(&error.detail);
    match error.code {
        ErrorCode::Unreachable => detail,
        _ => format!("the server answers: {detail}"),
    }
}

fn refused(error: &Error) -> Failure {
    let mut what = format!("{} ({})", error.detail, error.code);
    if error.fields.len() > 1 {
        for field in &error.fields {
            let _ = write!(what, "\n  {}: {}", field.field, field.detail);
        }
    }
    let failure = Failure::new(plain(&what));
    match (error.code, &error.request_id) {
        (ErrorCode::Unauthenticated, _) => failure
            .remedy("check CREWLINE_TOKEN; a revoked token or a disabled user is not let in")
            .remedy("crewline token create …   (on the server; prints a new token)"),
        (ErrorCode::UnknownRecipient, _) => failure.remedy("crewline user list   (on the server)"),
        (ErrorCode::EpochChanged, _) => failure.remedy(
            "the store was restored: begin anew, without --after, or with the cursor put back",
        ),
        (ErrorCode::LogTruncated, _) => failure.remedy(
            "--after with the number that is named here; what was removed before it is gone",
        ),
        (ErrorCode::Internal, Some(id)) => {
            failure.remedy(format!("look for {id} in the server's log"))
        }
        _ => failure,
    }
}

/// Safe to show, line by line.
fn plain(text: &str) -> String {
    crate::output::plain(text).replace('⏎', "\n")
}

/// Runs a command that waits for the network.
pub(crate) fn block_on<F: Future<Output = Result<(), Failure>>>(work: F) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}
