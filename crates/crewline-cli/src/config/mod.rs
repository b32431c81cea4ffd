//! The configuration: defaults, then the file, then the environment, then flags.
//!
//! The commented `default.toml` beside this file is the lowest layer itself, and so the list of all keys. Each section
//! has a file of its own here, which reads its keys from the [`Layers`] and checks their ranges.

mod audit;
mod auth;
mod bus;
mod client;
mod directory;
mod http;
mod layers;
mod log;
mod nearest;
mod postgres;
mod push;
mod retention;
mod secret;
mod sqlite;
mod store;
mod webhooks;

use std::fmt::Display;
use std::path::{Path, PathBuf};

pub(crate) use audit::Audit;
pub(crate) use auth::Auth;
pub(crate) use bus::Bus;
pub(crate) use client::Client;
pub(crate) use directory::Directory;
pub(crate) use http::Http;
pub(crate) use layers::{Layers, Origin, TOKEN};
pub(crate) use log::{Log, LogFormat};
pub(crate) use postgres::Postgres;
pub(crate) use push::Push;
pub(crate) use retention::Retention;
pub(crate) use secret::{HIDDEN, without_password, without_secret};
pub(crate) use sqlite::Sqlite;
pub(crate) use store::Store;
pub(crate) use webhooks::Webhooks;

use crate::failure::Failure;

/// The name of the file in the working directory.
const FILE: &str = "crewline.toml";

/// The whole configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `[store]`
    pub(crate) store: Store,
    /// `[http]`
    pub(crate) http: Http,
    /// `[directory]`
    pub(crate) directory: Directory,
    /// `[audit]`
    pub(crate) audit: Audit,
    /// `[auth]`
    pub(crate) auth: Auth,
    /// `[log]`
    pub(crate) log: Log,
    /// `[retention]`
    pub(crate) retention: Retention,
    /// `[postgres]`
    pub(crate) postgres: Postgres,
    /// `[sqlite]`
    pub(crate) sqlite: Sqlite,
    /// `[webhooks]`
    pub(crate) webhooks: Webhooks,
    /// `[push]`
    pub(crate) push: Push,
    /// `[bus]` and `[nodes]`
    pub(crate) bus: Bus,
    /// `[client]`
    pub(crate) client: Client,
    /// Where each value came from.
    pub(crate) layers: Layers,
}

impl Config {
    /// Puts the layers together and checks every value.
    ///
    /// `flags` are keys with the values that flags gave, and the flag's name.
    pub(crate) fn load(
        file: Option<&Path>,
        flags: &[(&'static str, &'static str, String)],
    ) -> Result<Self, Failure> {
        let mut layers = Layers::defaults()?;
        if let Some((path, text)) = read_file(file)? {
            layers.add_file(&path, &text)?;
        }
        layers.add_environment(std::env::vars_os())?;
        for (key, flag, value) in flags {
            layers.add_flag(key, flag, value)?;
        }
        Self::read(layers)
    }

    /// Checks every value of the layers.
    pub(crate) fn read(layers: Layers) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::read(&layers)?,
            http: Http::read(&layers)?,
            directory: Directory::read(&layers)?,
            audit: Audit::read(&layers)?,
            auth: Auth::read(&layers)?,
            log: Log::read(&layers)?,
            retention: Retention::read(&layers)?,
            postgres: Postgres::read(&layers)?,
            sqlite: Sqlite::read(&layers)?,
            webhooks: Webhooks::read(&layers)?,
            push: Push::read(&layers)?,
            bus: Bus::read(&layers)?,
            client: Client::read(&layers)?,
            layers,
        })
    }
}

/// The file that is read, with its text: the one that was named, else the one in the working directory, where it exists.
fn read_file(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, Failure> {
    let path = named.unwrap_or_else(|| Path::new(FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(format!(
            "cannot read the configuration {}: {error}",
            path.display()
        ))
        .remedy("check the path and who may read it")),
    }
}

/// What is wrong with a file that a key names.
fn of_file(key: &str, file: &Path, what: impl Display) -> Failure {
    Failure::new(format!("{key} {}: {what}", file.display()))
}

/// The bytes of a file that a key names.
fn read_named(key: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| of_file(key, file, error))
}

#[cfg(test)]
#[path = "../../../../fuzz/src/configuration.rs"]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_and_environment_of_the_corpus_is_understood_or_refused_by_name() {
        crewline_testkit::corpus::replay("configuration", |bytes| {
            let understood = properties::configuration(bytes);
            assert!(understood < 2, "nothing is understood in two ways");
            understood
        });
    }
}
