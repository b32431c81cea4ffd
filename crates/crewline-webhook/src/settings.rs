//! How webhooks are posted.

use crewline_api::WebhookUrl;
use crewline_core::Network;
use crewline_outgoing::{Outgoing, Pace};

/// How webhooks are posted. Clones share what is large.
#[derive(Clone)]
pub struct Settings {
    pub(crate) outgoing: Outgoing,
    pub(crate) pace: Pace,
}

impl Settings {
    /// Why a URL that names an address is not called; `None` where it is, or names a host that must be looked up.
    pub fn refuses(&self, url: &WebhookUrl) -> Option<String> {
        self.outgoing.refuses(url)
    }

    /// Networks beside the internet that may be called, and certificates (PEM) that are trusted beside the machine's own.
    ///
    /// # Errors
    /// Where the certificates cannot be read.
    pub fn new(
        allowed: Vec<Network>,
        authorities: Option<&[u8]>,
        pace: Pace,
    ) -> Result<Self, String> {
        Ok(Self {
            outgoing: Outgoing::new("webhooks.allowNetworks", allowed, authorities)?,
            pace,
        })
    }
}
