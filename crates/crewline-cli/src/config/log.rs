//! `[log]`: what is logged, and how.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{Layers, Origin};
use crate::failure::Failure;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

impl LogFormat {
    /// The word in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// A level, or levels by part.
    pub(crate) level: String,
    /// Whether somebody chose the level.
    pub(crate) chosen: bool,
    /// How lines look.
    pub(crate) format: LogFormat,
}

impl Log {
    /// Whether lines of the level `info` come through, of any part: starts and stops, and who changed the directory.
    pub(crate) fn tells_info(&self) -> bool {
        let filter = EnvFilter::try_new(&self.level).ok();
        let most = filter.and_then(|filter| filter.max_level_hint());
        most.is_none_or(|most| most >= LevelFilter::INFO)
    }

    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let level = layers.text("log.level")?;
        let words = ["error", "warn", "info", "debug", "trace", "off"];
        let first = level.split(',').next().unwrap_or_default();
        let by_part = level.contains('=') && EnvFilter::try_new(level).is_ok();
        if !words.contains(&first) && !by_part || EnvFilter::try_new(level).is_err() {
            let expected = "error, warn, info, debug or trace, or by part such as \"info,crewline_http=debug\"";
            return Err(layers.wrong("log.level", expected));
        }
        let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Ok(Self {
            level: level.to_owned(),
            chosen: *layers.origin("log.level") != Origin::Default,
            format: layers.choice("log.format", &words)?,
        })
    }
}
