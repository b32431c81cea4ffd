//! TLS: rustls with ring, the certificates that this machine trusts, and those that the caller adds.
//!
//! It never lets a certificate pass that nobody vouches for: there is no switch for that.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use crate::Error;

/// The certificates in a PEM file.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("is not PEM: {error}"))?;
    if found.is_empty() {
        return Err("holds no certificate: it must be PEM, with BEGIN CERTIFICATE".to_owned());
    }
    Ok(found)
}

/// How to speak TLS, with these certificates trusted beside the machine's own.
///
/// `needed` says whether a machine that trusts nobody is an error: an http address can do without.
pub(crate) fn config(
    extra: Vec<CertificateDer<'static>>,
    needed: bool,
) -> Result<ClientConfig, Error> {
    // The provider is named here and not installed for the process: that belongs to whoever wrote the program.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| no_tls(&error))?;
    let config = match verifier(extra, provider) {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier)),
        Err(error) if needed => return Err(error),
        Err(_) => builder.with_root_certificates(rustls::RootCertStore::empty()),
    };
    Ok(config.with_no_client_auth())
}

fn verifier(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, Error> {
    Verifier::new_with_extra_roots(extra, provider).map_err(|error| no_tls(&error))
}

fn no_tls(error: &rustls::Error) -> Error {
    Error::wrong_server(format!(
        "cannot speak TLS: {error}; install the package of your system's certificate authorities (ca-certificates), or name the server's by a file"
    ))
}
