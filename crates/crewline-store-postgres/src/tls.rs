//! TLS to the database: rustls with ring, as everywhere. No certificate passes that nobody vouches for.

use std::path::Path;
use std::sync::Arc;

use crewline_core::{StoreError, StoreErrorKind};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use tokio_postgres_rustls::MakeRustlsConnect;

fn wrong(detail: String) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// How to speak TLS, with the certificates of this file trusted beside the machine's own.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let extra = ca_file.map_or_else(|| Ok(Vec::new()), certificates)?;
    let fault = |error: rustls::Error| {
        wrong(format!(
            "cannot speak TLS to the database: {error}. Name the certificate of its authority: postgres.caFile"
        ))
    };
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(fault)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(fault)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let name = path.display();
    let pem = std::fs::read(path).map_err(|error| wrong(format!("cannot read {name}: {error}")))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| wrong(format!("{name} is not PEM: {error}")))?;
    if found.is_empty() {
        return Err(wrong(format!("{name} holds no certificate")));
    }
    Ok(found)
}
