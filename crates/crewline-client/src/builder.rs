//! Puts a [`Client`] together.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crewline_api::{ApiError, FieldCode};
use reqwest::header::HeaderValue;
use rustls::pki_types::CertificateDer;

use crate::client::Client;
use crate::http::{Http, chain};
use crate::{Error, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(30);
/// A connection that the system finds dead by itself is found sooner than by waiting.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Puts a [`Client`] together: [`Client::builder`].
#[derive(Clone)]
pub struct ClientBuilder {
    url: String,
    token: String,
    connect_timeout: Duration,
    timeout: Duration,
    patience: Duration,
    certificates: Vec<CertificateDer<'static>>,
    user_agent: String,
    wrong: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for ClientBuilder {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            patience: PATIENCE,
            certificates: Vec::new(),
            user_agent: concat!("crewline-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            wrong: Vec::new(),
        }
    }

    /// How long a connection may take to be made, TLS included: 10 seconds if left out.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long to wait for the answer to one try: 15 seconds if left out. A session whose command is not answered for so
    /// long, while nothing else is heard, connects again.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long to keep trying what may succeed later, all tries together: 30 seconds if left out. Zero: one try, as long
    /// as [`ClientBuilder::timeout`] lets it take.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Trusts these certificates too, beside those that this machine trusts: PEM, one or several.
    pub fn ca_pem(mut self, pem: &[u8]) -> Self {
        match tls::certificates(pem) {
            Ok(certificates) => self.certificates.extend(certificates),
            Err(fault) => self.wrong.push(("ca", format!("the certificate {fault}"))),
        }
        self
    }

    /// Trusts the certificates in this PEM file too, beside those that this machine trusts: for a private authority.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let found = std::fs::read(path)
            .map_err(|error| format!("cannot be read: {error}"))
            .and_then(|pem| tls::certificates(&pem));
        match found {
            Ok(certificates) => self.certificates.extend(certificates),
            Err(fault) => self
                .wrong
                .push(("caFile", format!("{} {fault}", path.display()))),
        }
        self
    }

    /// What the server's log shows of this program, such as `outage-desk/2.1`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Checks all of it. Nothing is connected yet.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::Invalid`] with `url`, `token`, `ca`, `caFile` or `userAgent` at fault.
    pub fn build(self) -> Result<Client, Error> {
        if let Some((field, fault)) = self.wrong.into_iter().next() {
            return Err(wrong(field, fault));
        }
        let host = host(&self.url)?;
        let mut token = HeaderValue::from_str(&format!("Bearer {}", self.token))
            .ok()
            .filter(|_| !self.token.is_empty() && self.token.chars().all(|c| c.is_ascii_graphic()))
            .ok_or_else(|| {
                wrong(
                    "token",
                    "the token is not one that a server could have given out",
                )
            })?;
        token.set_sensitive(true);
        let tls = tls::config(self.certificates, self.url.starts_with("https:"))?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .connect_timeout(self.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(self.user_agent);
        if ["127.", "localhost", "[::1]"]
            .iter()
            .any(|own| host.starts_with(own))
        {
            // A proxy for the world outside knows nothing of this machine.
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| wrong("userAgent", format!("cannot speak HTTP: {}", chain(&error))))?;
        let http = Http::new(http, self.url, token, self.timeout, self.connect_timeout);
        Ok(Client::new(Arc::new(http), self.patience))
    }
}

/// The host of an address, with its port.
fn host(url: &str) -> Result<&str, Error> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split('/').next());
    match host.filter(|host| !host.is_empty()) {
        Some(host) if reqwest::Url::parse(url).is_ok() => Ok(host),
        _ => Err(wrong(
            "url",
            format!(
                "{url:?} is no address of a server: http:// or https:// and a host, such as http://127.0.0.1:8080"
            ),
        )),
    }
}

fn wrong(field: &'static str, fault: impl Into<String>) -> Error {
    ApiError::field(field, FieldCode::Malformed, fault).into()
}
