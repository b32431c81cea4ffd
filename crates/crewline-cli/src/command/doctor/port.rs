//! The port: free, or taken by a server of ours.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use super::finding::Finding;

const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at the port.
pub(crate) async fn look(address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("port", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => ask(address).await,
        Err(error) => {
            let what = format!("cannot listen on {address}: {error}");
            Finding::fail(
                "port",
                what,
                "http.listen = \"127.0.0.1:8080\", or another address of this machine",
            )
        }
    }
}

async fn ask(address: SocketAddr) -> Finding {
    let url = format!("http://{}", reachable(address));
    let answer = answers(&url).await;
    match answer {
        Some((true, 200)) => Finding::ok(
            "port",
            format!("a Crewline server answers at {url}, and is ready"),
        ),
        Some((true, status)) => {
            let what = format!("a Crewline server answers at {url}, but is not ready ({status})");
            Finding::fail(
                "port",
                what,
                format!("curl {url}/readyz, and look at its log"),
            )
        }
        _ => {
            let what = format!("{address} is taken by another program");
            Finding::fail(
                "port",
                what,
                format!(
                    "ss -ltnp 'sport = :{}', or another http.listen",
                    address.port()
                ),
            )
        }
    }
}

/// Whether a Crewline server is there, and what it says of being ready.
async fn answers(url: &str) -> Option<(bool, u16)> {
    crate::client::prepare_tls();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
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
    Some((ours, ready.status().as_u16()))
}

/// Who listens on every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
