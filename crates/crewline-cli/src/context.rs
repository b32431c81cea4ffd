//! What every command works with: the configuration, and where to print.

use std::path::Path;

use crewline_store_sqlite::{Beside, Options};

use crate::cli::Cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{Output, complain, warn};
use crate::style::Color;

/// What every command works with.
pub(crate) struct Context {
    /// The configuration.
    pub(crate) config: Config,
    /// When to use colour.
    pub(crate) color: Color,
    /// Standard output.
    pub(crate) out: Output,
}

impl Context {
    /// Reads the configuration and prints its warnings.
    pub(crate) fn load(cli: &Cli) -> Result<Self, Failure> {
        let config = Config::load(cli.global.config.as_deref(), &cli.flags())?;
        for warning in config.layers.warnings() {
            warn(cli.global.color, warning);
        }
        Ok(Self {
            config,
            color: cli.global.color,
            out: Output::new(cli.global.color),
        })
    }

    /// Warns on standard error.
    pub(crate) fn warn(&self, text: &str) {
        warn(self.color, text);
    }

    /// The file of the store.
    pub(crate) fn store_path(&self) -> &Path {
        &self.config.store.path
    }

    /// How to open the store.
    pub(crate) fn store_options(&self) -> Options {
        let sqlite = &self.config.sqlite;
        let mut options = Options::new(self.store_path());
        options.checkpoint_pages = sqlite.checkpoint_pages as _;
        options.readers = sqlite.readers as _;
        options.busy_timeout_ms = sqlite.busy_timeout_ms as _;
        options
    }

    /// Opens the store beside a server that may run on it, for short acts; makes it where there is none.
    pub(crate) fn open_or_make(&self) -> Result<Beside, Failure> {
        if !self.store_path().exists() {
            complain(&format!("a new store: {}\n", self.store_path().display()));
        }
        Ok(crewline_store_sqlite::open_beside(&self.store_options())?)
    }

    /// Opens the store beside a server that may run on it, for short acts. A mistyped path makes no new store.
    pub(crate) fn open_beside(&self) -> Result<Beside, Failure> {
        self.need_store()?;
        Ok(crewline_store_sqlite::open_beside(&self.store_options())?)
    }

    /// Makes sure that there is a store.
    pub(crate) fn need_store(&self) -> Result<(), Failure> {
        if self.store_path().exists() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "there is no store at {}",
            self.store_path().display()
        ))
        .remedy(
            "--store sqlite://PATH of your store (crewline config show says which one is meant)",
        )
        .remedy("crewline serve, or crewline user add, makes a new one"))
    }
}
