//! `[sqlite]`: how the embedded store works.

use super::Layers;
use crate::failure::Failure;

/// How the embedded store works.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    /// Pages in the write-ahead log after which they are moved into the file.
    pub(crate) checkpoint_pages: u64,
    /// Connections that read.
    pub(crate) readers: u64,
    /// Milliseconds to wait for another process that holds the store.
    pub(crate) busy_timeout_ms: u64,
}

impl Sqlite {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        Ok(Self {
            checkpoint_pages: layers.number("sqlite.checkpointPages", 100..=1_000_000)?,
            readers: layers.number("sqlite.readers", 1..=64)?,
            busy_timeout_ms: layers.number("sqlite.busyTimeoutMs", 100..=60_000)?,
        })
    }
}
