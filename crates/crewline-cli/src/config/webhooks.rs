//! `[webhooks]`: to where webhooks may post.

use std::path::{Path, PathBuf};

use crewline_core::Network;
use crewline_webhook::{Pace, Settings};

use super::{Layers, of_file, read_named};
use crate::failure::Failure;

const CA_FILE: &str = "webhooks.caFile";

/// To where webhooks may post.
#[derive(Debug, Clone)]
pub(crate) struct Webhooks {
    /// Networks beside the internet.
    pub(crate) allowed: Vec<Network>,
    /// A file with certificates to trust.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Webhooks {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        Ok(Self {
            allowed: layers.networks("webhooks.allowNetworks")?,
            ca_file: layers.file(CA_FILE)?,
        })
    }

    /// How to post.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let file = self.ca_file.as_deref();
        let pem = file.map(|file| read_named(CA_FILE, file)).transpose()?;
        let settings = Settings::new(self.allowed.clone(), pem.as_deref(), Pace::default());
        settings.map_err(|what| of_file(CA_FILE, file.unwrap_or(Path::new("")), what))
    }
}
