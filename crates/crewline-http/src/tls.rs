//! TLS in the server: the certificate that it shows, and how another one takes its place while it runs.
//!
//! It owns what happens before the first byte of HTTP. Whether to speak TLS at all, and when the files are read again,
//! is for who composes the program.

mod certificate;
mod files;
mod handshake;
mod places;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderValue, header};
use axum::response::Response;
use crewline_api::Timestamp;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

pub use certificate::{Concern, Identity};
pub use files::{TlsFault, TlsFiles};
use handshake::Handshakes;

/// For 30 days a browser that was here comes by https alone. Not longer, and not for names below this one: the header is
/// about all ports of a host, which in a closed network may be other services' too.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=2592000");
const RELOADS: &str = "crewline_tls_reloads_total";
const NOT_AFTER: &str = "crewline_tls_certificate_not_after_seconds";

/// How this server speaks TLS. Clones are handles on the same one.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: TlsFiles,
    /// What new connections get. Those that stand keep what they began with.
    current: RwLock<Arc<ServerConfig>>,
    handshakes: Handshakes,
}

impl Tls {
    /// Reads the files. Returns also what was read, to tell of it.
    pub fn open(files: TlsFiles, now: Timestamp) -> Result<(Self, Identity), TlsFault> {
        describe_gauge!(
            NOT_AFTER,
            "When the certificate that is shown ends, in seconds since 1970"
        );
        describe_counter!(
            RELOADS,
            "Times that certificate and key were read again, by outcome: done, failed (the old ones stay)"
        );
        // A figure that begins with its first fault has not grown for Prometheus.
        for outcome in ["done", "failed"] {
            counter!(RELOADS, "outcome" => outcome).increment(0);
        }
        handshake::describe_metrics();
        let identity = Identity::read(&files, now)?;
        let shared = Shared {
            current: RwLock::new(config(&identity)?),
            handshakes: Handshakes::new(),
            files,
        };
        tell_end(&identity);
        Ok((Self(Arc::new(shared)), identity))
    }

    /// Reads the files again; new connections get what is in them now. Where they cannot be used, everything stays as
    /// it was.
    pub fn reload(&self, now: Timestamp) -> Result<Identity, TlsFault> {
        let read = Identity::read(&self.0.files, now)
            .and_then(|identity| Ok((config(&identity)?, identity)));
        let outcome = if read.is_ok() { "done" } else { "failed" };
        counter!(RELOADS, "outcome" => outcome).increment(1);
        let (config, identity) = read?;
        *self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = config;
        tell_end(&identity);
        Ok(identity)
    }

    /// Speaks TLS on a connection. None: there was no handshake, and the connection is closed. `many` says that the peer
    /// is a proxy behind which many stand.
    pub(crate) async fn secure(
        &self,
        stream: TcpStream,
        (peer, many): (SocketAddr, bool),
        request_id: impl FnOnce() -> String,
    ) -> Option<Box<TlsStream<TcpStream>>> {
        let config = Arc::clone(
            &self
                .0
                .current
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.0
            .handshakes
            .secure(stream, (peer, many), config, request_id)
            .await
    }
}

/// TLS 1.2 and 1.3 with the certificate. Tickets let a client that comes back skip half of the handshake; their keys
/// are new with each certificate, so that everybody gets to see a new one, and the server keeps nothing for them.
fn config(identity: &Identity) -> Result<Arc<ServerConfig>, TlsFault> {
    let fault = |error: rustls::Error| {
        TlsFault::new(
            format!("cannot speak TLS: {error}"),
            "crewline doctor says more",
        )
    };
    let provider = Arc::new(provider());
    let shown = SingleCertAndKey::from(Arc::clone(&identity.key));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(fault)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(fault)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Who comes back once needs one.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn tell_end(identity: &Identity) {
    gauge!(NOT_AFTER).set((identity.not_after.as_millis() / 1000) as f64);
}

/// Tells browsers to come by https alone.
pub(crate) async fn strict_transport(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ciphers_with_forward_secrecy_are_spoken() {
        let suites = provider().cipher_suites;
        assert!(suites.len() > 3, "{suites:?}");
        for suite in suites {
            let name = format!("{:?}", suite.suite());
            let of_now = name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
            assert!(of_now && !name.contains("CBC"), "{name}");
        }
    }
}
