//! TLS: the certificate with its key, and whether anybody can listen on the way.

use crewline_engine::{Clock as _, SystemClock};
use crewline_http::tls::Identity;

use super::finding::Finding;
use crate::config::Http;

/// Looks at both; gives also the certificate, where there is one that can be used.
pub(crate) fn look(http: &Http) -> (Option<Identity>, Vec<Finding>) {
    let Some(files) = &http.tls else {
        return (None, vec![way(http)]);
    };
    match Identity::read(files, SystemClock.now()) {
        Ok(identity) => {
            let mut findings = certificate(http, &identity);
            findings.push(way(http));
            (Some(identity), findings)
        }
        Err(fault) => {
            let found = Finding::fail("certificate", fault.what, fault.remedy);
            (None, vec![found])
        }
    }
}

fn certificate(http: &Http, identity: &Identity) -> Vec<Finding> {
    let names = identity.names.join(", ");
    let mut findings: Vec<_> = identity
        .concerns
        .iter()
        .map(|concern| {
            let (what, remedy) = (concern.what.clone(), concern.remedy.clone());
            if concern.refused {
                Finding::fail("certificate", what, remedy)
            } else {
                Finding::warn("certificate", what, remedy)
            }
        })
        .collect();
    let listen = http.listen.ip();
    if !listen.is_loopback() && !identity.names.is_empty() && !identity.may_be_for(listen) {
        let what = format!(
            "it is for {names}, and the server listens on {}",
            http.listen
        );
        let remedy = "make it with the names and addresses by which people reach this server";
        findings.push(Finding::warn("certificate", what, remedy));
    }
    if findings.is_empty() {
        let what = format!(
            "{}, for {names}, until {}; the key fits",
            identity.subject, identity.not_after
        );
        findings.push(Finding::ok("certificate", what));
    }
    findings
}

/// What is sent, on its way here.
fn way(http: &Http) -> Finding {
    if let Some(what) = http.exposure(http.listen) {
        let remedy = "http.tlsCert and http.tlsKey, or a proxy that speaks TLS (docs/howto-tls.md)";
        return Finding::warn("TLS", what, remedy);
    }
    let what = if http.tls.is_some() {
        "the server speaks it"
    } else if http.behind_tls || !http.trusted_proxies.is_empty() {
        "it is for the proxy before the server"
    } else {
        "none is needed on loopback"
    };
    Finding::ok("TLS", what)
}
