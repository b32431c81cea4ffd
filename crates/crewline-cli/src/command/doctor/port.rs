//! The port: free, or taken by a server of ours.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use crewline_http::tls::Identity;

use super::finding::Finding;
use crate::config::Http;

const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at the port; and where a server of ours is there, whether it shows the certificate of the configuration.
pub(crate) async fn look(http: &Http, identity: Option<&Identity>) -> Vec<Finding> {
    let address = http.listen;
    match TcpListener::bind(address) {
        Ok(_) => vec![Finding::ok("port", format!("{address} is free"))],
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            ask(address, http.tls.is_some(), identity).await
        }
        Err(error) => {
            let what = format!("cannot listen on {address}: {error}");
            let remedy = "http.listen = \"127.0.0.1:8080\", or another address of this machine";
            vec![Finding::fail("port", what, remedy)]
        }
    }
}

async fn ask(address: SocketAddr, by_tls: bool, identity: Option<&Identity>) -> Vec<Finding> {
    // It may have been started with other flags than the configuration says.
    let schemes = if by_tls {
        ["https", "http"]
    } else {
        ["http", "https"]
    };
    for scheme in schemes {
        let url = format!("{scheme}://{}", reachable(address));
        if let Some(answer) = answers(&url).await {
            let mut findings = vec![readiness(&url, answer.status)];
            findings.extend(shown(&answer, identity));
            return findings;
        }
    }
    let what = format!("{address} is taken by another program");
    let remedy = format!(
        "ss -ltnp 'sport = :{}', or another http.listen",
        address.port()
    );
    vec![Finding::fail("port", what, remedy)]
}

fn readiness(url: &str, status: u16) -> Finding {
    if status == 200 {
        return Finding::ok(
            "port",
            format!("a Crewline server answers at {url}, and is ready"),
        );
    }
    let what = format!("a Crewline server answers at {url}, but is not ready ({status})");
    Finding::fail(
        "port",
        what,
        format!("curl {url}/readyz, and look at its log"),
    )
}

/// Whether files that were renewed were also read again.
fn shown(answer: &Answer, identity: Option<&Identity>) -> Option<Finding> {
    let (shown, identity) = (answer.certificate.as_deref()?, identity?);
    Some(if shown == identity.der() {
        Finding::ok("shown", "the running server shows this certificate")
    } else {
        let what = "the running server shows another certificate than the one in the file";
        Finding::warn("shown", what, "send it a SIGHUP: systemctl reload crewline")
    })
}

/// What a Crewline server says of itself.
struct Answer {
    /// Of the question whether it is ready.
    status: u16,
    /// The certificate that it shows, by TLS.
    certificate: Option<Vec<u8>>,
}

/// Asks whoever is there; none where it is no server of ours.
async fn answers(url: &str) -> Option<Answer> {
    // The library beneath takes no cryptography of its own choice. An error only says that it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        // It is asked on this machine, nothing secret is said, and its certificate is looked at by itself.
        .tls_danger_accept_invalid_certs(true)
        .tls_info(true)
        .build()
        .ok()?;
    let described: serde_json::Value = client
        .get(format!("{url}/api/openapi.json"))
        .send()
        .await
        .ok()?
        .json()
        .await
        .ok()?;
    let ours = described["info"]["title"]
        .as_str()
        .is_some_and(|title| title.contains("Crewline"));
    let ready = client.get(format!("{url}/readyz")).send().await.ok()?;
    let tls = ready.extensions().get::<reqwest::tls::TlsInfo>();
    ours.then(|| Answer {
        status: ready.status().as_u16(),
        certificate: tls.and_then(|tls| tls.peer_certificate().map(<[u8]>::to_vec)),
    })
}

/// Who listens on every address is asked on loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
