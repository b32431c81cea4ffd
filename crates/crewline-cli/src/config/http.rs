//! `[http]`: how the server is reached.

use std::net::SocketAddr;

use crewline_core::Network;
use crewline_http::tls::TlsFiles;

use super::Layers;
use crate::failure::Failure;

/// How the server is reached.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    /// Address and port to serve on.
    pub(crate) listen: SocketAddr,
    /// Seconds between heartbeats of an idle event stream.
    pub(crate) heartbeat_s: u64,
    /// Origins that may write by cookie, beside the server's own.
    pub(crate) origins: Vec<String>,
    /// Proxies that are believed when they say from where they were called.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Whether a proxy that speaks TLS stands before this server.
    pub(crate) behind_tls: bool,
    /// The certificate and key to speak TLS with, where the server does so itself.
    pub(crate) tls: Option<TlsFiles>,
}

impl Http {
    /// Reads the section.
    pub(crate) fn read(layers: &Layers) -> Result<Self, Failure> {
        let text = layers.text("http.listen")?;
        // A name that people use for their own machine; other names are not looked up, since what they stand for may change.
        let numeric = text
            .strip_prefix("localhost:")
            .map(|port| format!("127.0.0.1:{port}"));
        let listen = numeric.as_deref().unwrap_or(text).parse().map_err(|_| {
            let expected =
                "an address and a port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080";
            layers.wrong("http.listen", expected)
        })?;
        let origins = layers.list("http.origins")?;
        if !origins.iter().all(|origin| is_origin(origin)) {
            return Err(layers.wrong(
                "http.origins",
                "a list of scheme and host without a path, such as https://crew.example.org",
            ));
        }
        Ok(Self {
            listen,
            heartbeat_s: layers.number("http.heartbeatSeconds", 1..=60)?,
            origins,
            trusted_proxies: layers.networks("http.trustedProxies")?,
            behind_tls: layers.flag("http.behindTls")?,
            tls: tls_files(layers)?,
        })
    }

    /// Whether people reach this server by https.
    pub(crate) fn is_secure(&self) -> bool {
        self.behind_tls || self.tls.is_some()
    }

    /// What nobody should overlook: that it can be reached from elsewhere, and what is sent can be read on the way.
    pub(crate) fn exposure(&self, address: SocketAddr) -> Option<String> {
        let protected = self.is_secure() || !self.trusted_proxies.is_empty();
        (!address.ip().is_loopback() && !protected).then(|| {
            format!(
                "listening on {address} WITHOUT TLS: passwords, tokens and messages can be read on the way"
            )
        })
    }
}

/// Both files, or none.
fn tls_files(layers: &Layers) -> Result<Option<TlsFiles>, Failure> {
    let (certificate, key) = (layers.text("http.tlsCert")?, layers.text("http.tlsKey")?);
    let half = |given: &str, flag: &str, missing: &str, missing_flag: &str| {
        let what = format!(
            "{given} is set (from {}) and {missing} is not: TLS needs the certificate and its key",
            layers.origin(given)
        );
        Err(Failure::new(what).remedy(format!("{flag} FILE {missing_flag} FILE, or neither")))
    };
    match (certificate.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
        })),
        (false, true) => half("http.tlsCert", "--tls-cert", "http.tlsKey", "--tls-key"),
        (true, false) => half("http.tlsKey", "--tls-key", "http.tlsCert", "--tls-cert"),
    }
}

/// As a browser writes it: a scheme, a host, perhaps a port, and nothing behind.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && !host.contains(['/', '?', '#', '@', ' '])
            && host == host.to_ascii_lowercase()
    })
}
