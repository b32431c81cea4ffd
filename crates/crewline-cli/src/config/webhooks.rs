//! `[webhooks]`: to where webhooks may post.

use std::path::PathBuf;

use crewline_webhook::{Network, NotANetwork, Pace, Settings};

use super::Layers;
use crate::failure::Failure;

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
        let key = "webhooks.allowNetworks";
        let texts = layers.list(key)?;
        let allowed: Result<_, NotANetwork> = texts.iter().map(|text| text.parse()).collect();
        let expected = "a list of networks or addresses, such as 10.0.0.0/8 or 10.0.0.5";
        let file = layers.text("webhooks.caFile")?;
        Ok(Self {
            allowed: allowed.map_err(|_| layers.wrong(key, expected))?,
            ca_file: (!file.is_empty()).then(|| PathBuf::from(file)),
        })
    }

    /// How to post.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let fault = |file: &PathBuf, what: String| {
            Failure::new(format!("webhooks.caFile {}: {what}", file.display()))
        };
        let pem = match &self.ca_file {
            None => None,
            Some(file) => {
                Some(std::fs::read(file).map_err(|error| fault(file, error.to_string()))?)
            }
        };
        let settings = Settings::new(self.allowed.clone(), pem.as_deref(), Pace::default());
        settings.map_err(|what| fault(self.ca_file.as_ref().unwrap_or(&PathBuf::new()), what))
    }
}
