//! Which addresses are called. Names are looked up first, and what is connected to is what was checked: there is no second
//! lookup whose answer could be another.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crewline_core::Network;
use crewline_core::address::{is_public, never_called, plain_address};

use crate::outgoing::Outgoing;

/// Why an address is not called; `None` where it is.
pub(crate) fn refusal(setting: &str, allowed: &[Network], address: IpAddr) -> Option<String> {
    let plain = plain_address(address);
    if let Some(why) = never_called(address) {
        return Some(format!("the address {address} is never called: {why}"));
    }
    let named = allowed.iter().any(|network| network.holds(plain));
    (!named && !is_public(address)).then(|| {
        format!(
            "the address {address} is none of the internet, and {setting} does not name its network"
        )
    })
}

/// Looks a host up, and keeps the addresses that may be called.
///
/// # Errors
/// Why there is none.
pub(crate) async fn resolve(
    outgoing: &Outgoing,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => look_up(outgoing, host.to_owned(), port).await?,
    };
    let mut refused = None;
    let mut good = Vec::new();
    for address in found {
        match refusal(outgoing.setting, &outgoing.allowed, address.ip()) {
            None => good.push(address),
            Some(why) => refused = refused.or(Some(why)),
        }
    }
    if good.is_empty() {
        return Err(refused.unwrap_or_else(|| "the host has no address".to_owned()));
    }
    Ok(good)
}

/// Asks the system. A lookup that was begun keeps its place until it ends, whether somebody waits for it or not.
async fn look_up(outgoing: &Outgoing, host: String, port: u16) -> Result<Vec<SocketAddr>, String> {
    let lookups = Arc::clone(&outgoing.lookups);
    let ended = "the lookup was ended";
    let place = lookups.acquire_owned().await.map_err(|_| ended)?;
    let lookup = tokio::spawn(async move {
        let _place = place;
        let found = tokio::net::lookup_host((host.as_str(), port)).await?;
        Ok::<Vec<SocketAddr>, std::io::Error>(found.collect())
    });
    let found = lookup.await.map_err(|_| ended)?;
    found.map_err(|error| format!("the host is not found: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: &str = "webhooks.allowNetworks";

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn no_setting_opens_what_is_never_called() {
        let all = networks(&["0.0.0.0/0", "::/0"]);
        for address in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
        ] {
            assert!(
                refusal(SETTING, &all, address.parse().unwrap()).is_some(),
                "{address}"
            );
        }
        assert_eq!(refusal(SETTING, &all, "127.0.0.1".parse().unwrap()), None);
    }

    #[test]
    fn what_is_not_of_the_internet_must_be_named_however_it_is_written() {
        let some = networks(&["10.0.0.0/8"]);
        for (address, called) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::1", false),
            ("192.168.0.1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(
                refusal(SETTING, &some, address.parse().unwrap()).is_none(),
                called,
                "{address}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_the_addresses_that_it_stands_for() {
        let outgoing = |allowed| Outgoing::new(SETTING, allowed, None).unwrap();
        let refused = resolve(&outgoing(Vec::new()), "localhost", 80)
            .await
            .unwrap_err();
        assert!(refused.contains("webhooks.allowNetworks"), "{refused}");
        let found = resolve(
            &outgoing(networks(&["127.0.0.0/8", "::1"])),
            "localhost",
            80,
        )
        .await
        .unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
    }
}
