//! TLS of `crewline serve`: opened at the start, read again at SIGHUP, and what the log says of it.

use std::io::IsTerminal as _;

use crewline_engine::{Clock as _, SystemClock};
use crewline_http::tls::{Identity, Tls, TlsFault, TlsFiles};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

impl From<TlsFault> for Failure {
    fn from(fault: TlsFault) -> Self {
        Self::new(fault.what).remedy(fault.remedy)
    }
}

/// Reads the files, where there are any.
pub(super) fn open(files: Option<&TlsFiles>) -> Result<Option<Tls>, Failure> {
    let Some(files) = files else { return Ok(None) };
    let (tls, identity) = Tls::open(files.clone(), SystemClock.now())?;
    tell("TLS is spoken with this certificate", &identity);
    Ok(Some(tls))
}

/// Reads the files again at each SIGHUP, for as long as it is polled.
///
/// A server without TLS has nothing to read. `systemctl reload` must not end it, but a terminal that is closed should:
/// so the signal keeps its usual meaning where there is a terminal.
pub(super) fn heed_hangups(
    tls: Option<Tls>,
) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let heeded = tls.is_some() || !std::io::stdin().is_terminal();
    let hangups = heeded.then(|| signal(SignalKind::hangup())).transpose();
    let hangups = hangups.map_err(|error| Failure::new(format!("cannot heed SIGHUP: {error}")))?;
    Ok(async move {
        let Some(mut hangups) = hangups else { return };
        while hangups.recv().await.is_some() {
            if let Some(tls) = &tls {
                reload(tls.clone()).await;
            } else {
                tracing::info!("SIGHUP: TLS is off, and there is nothing to read again");
            }
        }
    })
}

async fn reload(tls: Tls) {
    // Files may be on a slow disk; nobody else waits for it.
    match tokio::task::spawn_blocking(move || tls.reload(SystemClock.now())).await {
        Ok(Ok(identity)) => tell("SIGHUP: new connections get this certificate", &identity),
        Ok(Err(fault)) => tracing::error!(
            remedy = fault.remedy,
            "SIGHUP: the certificate stays as it was: {}",
            fault.what
        ),
        Err(error) => tracing::error!(%error, "SIGHUP: the certificate stays as it was"),
    }
}

fn tell(what: &'static str, identity: &Identity) {
    tracing::info!(
        subject = identity.subject,
        names = identity.names.join(", "),
        not_after = %identity.not_after,
        "{what}"
    );
    for concern in &identity.concerns {
        tracing::warn!(remedy = concern.remedy, "{}", concern.what);
    }
}
