//! `[postgres]`: how the store on PostgreSQL works.

use std::path::PathBuf;
use std::time::Duration;

use super::Layers;
use crate::failure::Failure;

/// How the store on PostgreSQL works.
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    /// Connections that read.
    pub(crate) readers: u64,
    /// How long to wait for a connection.
    pub(crate) connect: Duration,
    /// How long what became of a commit is looked up.
    pub(crate) settle: Duration,
    /// The password, where a file holds it.
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates that are trusted beside the machine's own.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Postgres {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        Ok(Self {
            readers: layers.number("postgres.readers", 1..=64)?,
            connect: Duration::from_millis(
                layers.number("postgres.connectTimeoutMs", 100..=60_000)?,
            ),
            settle: Duration::from_secs(layers.number("postgres.settleSeconds", 1..=600)?),
            password_file: layers.file("postgres.passwordFile")?,
            ca_file: layers.file("postgres.caFile")?,
        })
    }
}
