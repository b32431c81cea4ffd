//! TLS: rustls with ring, as everywhere else here.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::Verifier;

use crate::options::Tls;

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("is not PEM: {error}"))?;
    if found.is_empty() {
        return Err("holds no certificate: it must be PEM, with BEGIN CERTIFICATE".to_owned());
    }
    Ok(found)
}

/// How to speak TLS.
pub(crate) fn config(tls: &Tls) -> Result<ClientConfig, String> {
    let extra = match &tls.authorities {
        None => Vec::new(),
        Some(pem) => certificates(pem)?,
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be spoken: {error}"))?;
    // A machine that trusts nobody can still speak without TLS; with it that fails, and says why.
    let builder = match Verifier::new_with_extra_roots(extra, provider) {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier)),
        Err(_) => builder.with_root_certificates(rustls::RootCertStore::empty()),
    };
    let Some((own, key)) = &tls.own else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("is no key: {error}"))?;
    builder
        .with_client_auth_cert(certificates(own)?, key)
        .map_err(|error| format!("the own certificate and its key do not go together: {error}"))
}
