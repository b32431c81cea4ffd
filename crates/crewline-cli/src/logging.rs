//! Log lines on standard error: text for people, JSON for machines.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{Cli, Command};
use crate::config::{Log, LogFormat};
use crate::failure::Failure;
use crate::style::Style;

/// Starts logging for this process.
pub(crate) fn start(log: &Log, cli: &Cli) -> Result<(), Failure> {
    // A command that ends at once says what it did by itself; the log is for what went wrong.
    let serving = matches!(cli.command, Command::Serve(_));
    let level = if serving || log.chosen {
        &log.level
    } else {
        "warn"
    };
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Failure::new(format!("log.level is not understood: {error}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(Style::of(cli.global.color, &io::stderr()).colored());
    let started = match log.format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init(),
    };
    started.map_err(|error| Failure::new(format!("cannot start logging: {error}")))
}
