//! TLS: rustls with ring, the certificates that this machine trusts, and those of a file. Nothing lets a certificate pass
//! that nobody vouches for.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

/// How to speak TLS.
pub(crate) fn config(authorities: Option<&[u8]>) -> Result<ClientConfig, String> {
    let extra: Vec<CertificateDer<'static>> = match authorities {
        None => Vec::new(),
        Some(pem) => CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("is not PEM: {error}"))?,
    };
    if authorities.is_some() && extra.is_empty() {
        return Err("holds no certificate: it must be PEM, with BEGIN CERTIFICATE".to_owned());
    }
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be spoken: {error}"))?;
    // A machine that trusts nobody can still post to http; an https address then fails, and says why.
    let config = match Verifier::new_with_extra_roots(extra, provider) {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier)),
        Err(_) => builder.with_root_certificates(rustls::RootCertStore::empty()),
    };
    Ok(config.with_no_client_auth())
}
