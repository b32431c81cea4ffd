//! Log lines on standard error: text for people, JSON for machines.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Mutex, PoisonError};

use crewline_api::LogLine;
use crewline_engine::{Clock as _, SystemClock};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
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
        LogFormat::Text => builder.finish().with(Recent).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .with(Recent)
            .try_init(),
    };
    started.map_err(|error| Failure::new(format!("cannot start logging: {error}")))
}

/// Most lines that are kept for administrators, and most characters of one.
const RECENT_MAX: usize = 100;
const RECENT_CHARS_MAX: usize = 500;

static RECENT: Mutex<VecDeque<LogLine>> = Mutex::new(VecDeque::new());

/// The latest warnings and errors, newest first.
pub(crate) fn recent() -> Vec<LogLine> {
    let lines = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().rev().cloned().collect()
}

/// Keeps the latest warnings and errors. They hold no secret and no text, as the whole log does not.
struct Recent;

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let line = LogLine {
            at: SystemClock.now(),
            level: if level == Level::ERROR {
                "error"
            } else {
                "warn"
            }
            .to_owned(),
            text: line.text(),
        };
        let mut lines = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == RECENT_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// What a line of the log says, and its fields behind it.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn text(self) -> String {
        let text = self.message + &self.fields;
        match text.char_indices().nth(RECENT_CHARS_MAX) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A text in memory takes whatever is written.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_warnings_are_kept_shortened_and_no_more_than_a_hundred() {
        let subscriber = tracing_subscriber::registry().with(Recent);
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..150 {
                tracing::warn!(n, "a warning");
            }
            tracing::info!("not a warning");
            tracing::error!(long = "x".repeat(1000), "an error");
        });
        let lines = recent();
        assert_eq!(lines.len(), RECENT_MAX);
        assert!(lines[0].level == "error" && lines[0].text.chars().count() == RECENT_CHARS_MAX + 1);
        assert_eq!(lines[1].text, "a warning n=149");
    }
}
