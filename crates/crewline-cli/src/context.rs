//! What every command works with: the configuration, and where to print.

use std::path::Path;

use crewline_core::{Opened, StoreError, StoreErrorKind};
use crewline_store_sqlite::Options;

use crate::cli::Cli;
use crate::config::{Config, Store, without_password};
use crate::failure::Failure;
use crate::output::{Output, complain, warn};
use crate::store::Beside;
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

    /// The file of the store, where it is one.
    pub(crate) fn store_file(&self) -> Option<&Path> {
        match &self.config.store {
            Store::File(path) => Some(path),
            Store::Postgres(_) => None,
        }
    }

    /// The file of the store, for what works on a file alone. `instead` is what to do with a database.
    pub(crate) fn need_file(&self, instead: &str) -> Result<&Path, Failure> {
        self.store_file().ok_or_else(|| {
            Failure::new(format!(
                "{} is a database of PostgreSQL, and this works on a file of SQLite",
                self.store_shown()
            ))
            .remedy(instead)
        })
    }

    /// The store, as it may be shown: a path, or an address without its password.
    pub(crate) fn store_shown(&self) -> String {
        match &self.config.store {
            Store::File(path) => path.display().to_string(),
            Store::Postgres(url) => without_password(url),
        }
    }

    /// The store as a flag names it, without a password.
    pub(crate) fn store_url(&self) -> String {
        match &self.config.store {
            Store::File(path) => format!("sqlite://{}", path.display()),
            Store::Postgres(url) => without_password(url),
        }
    }

    /// How to open a file of SQLite.
    pub(crate) fn sqlite_options(&self, path: &Path) -> Options {
        let sqlite = &self.config.sqlite;
        let mut options = Options::new(path);
        options.checkpoint_pages = sqlite.checkpoint_pages as _;
        options.readers = sqlite.readers as _;
        options.busy_timeout_ms = sqlite.busy_timeout_ms as _;
        options
    }

    /// How to open a database of PostgreSQL.
    pub(crate) fn postgres_options(
        &self,
        url: &str,
    ) -> Result<crewline_store_postgres::Options, StoreError> {
        let postgres = &self.config.postgres;
        let mut options = crewline_store_postgres::Options::new(url);
        options.password =
            std::env::var_os("PGPASSWORD").map(std::ffi::OsString::into_encoded_bytes);
        if let Some(file) = &postgres.password_file {
            let password = std::fs::read_to_string(file).map_err(|error| {
                let detail = format!(
                    "postgres.passwordFile {} cannot be read: {error}",
                    file.display()
                );
                StoreError::new(StoreErrorKind::Unavailable, detail)
            })?;
            // Whoever writes a file by hand ends its line.
            options.password = Some(password.trim_end_matches(['\r', '\n']).into());
        }
        options.ca_file.clone_from(&postgres.ca_file);
        options.readers = postgres.readers as _;
        options.connect = postgres.connect;
        options.settle = postgres.settle;
        Ok(options)
    }

    /// Opens the store to serve it.
    pub(crate) fn open(&self) -> Result<Opened, StoreError> {
        Ok(match &self.config.store {
            Store::File(path) => crewline_store_sqlite::open(&self.sqlite_options(path))?,
            Store::Postgres(url) => crewline_store_postgres::open(&self.postgres_options(url)?)?,
        })
    }

    /// The schema that this version writes.
    pub(crate) fn schema(&self) -> i32 {
        match &self.config.store {
            Store::File(_) => crewline_store_sqlite::NEWEST_SCHEMA,
            Store::Postgres(_) => crewline_store_postgres::NEWEST_SCHEMA,
        }
    }

    /// Opens the store beside a server that may run on it, for short acts; makes it where there is none.
    pub(crate) fn open_or_make(&self) -> Result<Beside, Failure> {
        self.tell_of_new();
        self.beside(true)
    }

    /// Opens the store beside a server that may run on it, for short acts. A mistyped address makes no new store.
    pub(crate) fn open_beside(&self) -> Result<Beside, Failure> {
        self.need_store()?;
        self.beside(false)
    }

    fn beside(&self, make: bool) -> Result<Beside, Failure> {
        Ok(match &self.config.store {
            Store::File(path) => {
                let store = crewline_store_sqlite::open_beside(&self.sqlite_options(path))?;
                Beside::Sqlite(Box::new(store))
            }
            Store::Postgres(url) => {
                let options = self.postgres_options(url)?;
                let store = crewline_store_postgres::open_beside(&options, make)?;
                Beside::Postgres(Box::new(store))
            }
        })
    }

    /// Says that a file will be made, where there is none.
    pub(crate) fn tell_of_new(&self) {
        if let Some(path) = self.store_file().filter(|path| !path.exists()) {
            complain(&format!("a new store: {}\n", path.display()));
        }
    }

    /// Makes sure that there is a store, where that can be seen from here.
    pub(crate) fn need_store(&self) -> Result<(), Failure> {
        let Some(path) = self.store_file().filter(|path| !path.exists()) else {
            return Ok(());
        };
        Err(
            Failure::new(format!("there is no store at {}", path.display()))
                .remedy(
                    "--store sqlite://PATH of your store (crewline config show says which one is meant)",
                )
                .remedy("crewline serve, or crewline user add, makes a new one"),
        )
    }
}
