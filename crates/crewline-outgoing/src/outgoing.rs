//! Which addresses may be called, and whom to trust.

use std::sync::Arc;

use crewline_api::WebhookUrl;
use crewline_core::Network;
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use crate::address::refusal;
use crate::tls;

/// Which addresses may be called, and whom to trust. Clones share what is large.
#[derive(Clone)]
pub struct Outgoing {
    /// The setting by which networks are allowed: whoever is refused is told its name.
    pub(crate) setting: &'static str,
    pub(crate) allowed: Arc<[Network]>,
    pub(crate) tls: Arc<ClientConfig>,
    /// Names that are looked up: the rest waits.
    pub(crate) lookups: Arc<Semaphore>,
}

/// Names that are looked up at once. Each takes a thread for as long as the system pleases, also when nobody waits for it any
/// more: without a bound, names that nobody answers for would take the threads from everybody else.
const LOOKUPS_MAX: usize = 32;

impl Outgoing {
    /// Networks beside the internet that may be called, as the setting of this name says, and certificates (PEM) that are
    /// trusted beside the machine's own.
    ///
    /// # Errors
    /// Where the certificates cannot be read.
    pub fn new(
        setting: &'static str,
        allowed: Vec<Network>,
        authorities: Option<&[u8]>,
    ) -> Result<Self, String> {
        Ok(Self {
            setting,
            allowed: allowed.into(),
            tls: Arc::new(tls::config(authorities)?),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        })
    }

    /// Why a URL that names an address is not called; `None` where it is, or names a host that must be looked up.
    pub fn refuses(&self, url: &WebhookUrl) -> Option<String> {
        let address = url.host().parse().ok()?;
        refusal(self.setting, &self.allowed, address)
    }
}
