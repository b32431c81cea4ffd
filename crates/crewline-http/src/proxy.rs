//! Where a request came from and how: the address at the other end of the connection, or, where that is a proxy that
//! the settings trust, what the proxy says.
//!
//! `Forwarded` (RFC 7239) is not read: a proxy that does not know it passes on what the caller wrote there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use crewline_core::Network;

use crate::Settings;

/// Each proxy on the way adds the address that it was called from, at the end.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// How the proxy was called: `http` or `https`.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Who called, where the connection is known.
pub(crate) fn client(parts: &Parts, settings: &Settings) -> Option<IpAddr> {
    Some(named_client(
        peer(parts)?,
        &parts.headers,
        &settings.trusted_proxies,
    ))
}

/// Whether the person at the other end came by https: to this server itself, to a proxy of which the settings say so, or
/// to one that is trusted and says so.
pub(crate) fn is_https(parts: &Parts, settings: &Settings) -> bool {
    let trusts = |peer| is_trusted(peer, &settings.trusted_proxies);
    settings.secure_cookie || (peer(parts).is_some_and(trusts) && said_https(&parts.headers))
}

/// An address as it is counted. Of IPv6 the network: a household has more addresses than one could count.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|info| info.0.ip())
}

pub(crate) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.holds(address))
}

/// The last word is the nearest proxy's, as in [`FORWARDED_FOR`]: it alone is known to be written by one that is trusted.
fn said_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// What a proxy that is not trusted says is not believed: anybody can send that header.
fn named_client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = peer;
    if !is_trusted(client, trusted) {
        return client;
    }
    let named: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    // The last was written by the proxy that called here, those before it by whoever called that one.
    for text in named.into_iter().rev() {
        let Some(address) = address(text.trim()) else {
            break;
        };
        client = address;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// An address, perhaps with a port, as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<IpAddr>();
    address
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client_of(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        named_client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_what_it_wrote_itself() {
        let said = ["203.0.113.9, 198.51.100.7"];
        assert_eq!(client_of("192.0.2.1", &said, &[]), "192.0.2.1");
        assert_eq!(client_of("192.0.2.1", &said, &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(client_of("10.0.0.1", &said, &["10.0.0.1"]), "198.51.100.7");
        assert_eq!(client_of("10.0.0.1", &[], &["10.0.0.1"]), "10.0.0.1");
        assert_eq!(
            client_of("10.0.0.1", &["unknown"], &["10.0.0.1"]),
            "10.0.0.1"
        );
    }

    #[test]
    fn proxies_behind_each_other_are_passed_when_all_are_trusted() {
        let said = ["203.0.113.9, 198.51.100.7", "10.9.9.9"];
        assert_eq!(
            client_of("10.0.0.1", &said, &["10.0.0.0/8"]),
            "198.51.100.7"
        );
        assert_eq!(client_of("10.0.0.1", &said, &["10.0.0.0/16"]), "10.9.9.9");
        assert_eq!(
            client_of("::ffff:10.0.0.1", &said, &["10.0.0.1"]),
            "10.9.9.9"
        );
    }

    fn https(peer: &str, said: &[&str], settings: &Settings) -> bool {
        let mut request = axum::http::Request::get("/");
        for value in said {
            request = request.header(FORWARDED_PROTO, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: IpAddr = peer.parse().unwrap();
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::from((peer, 1))));
        is_https(&parts, settings)
    }

    #[test]
    fn https_is_what_the_settings_or_the_nearest_trusted_proxy_say() {
        let trusting = Settings {
            trusted_proxies: vec!["10.0.0.1".parse().unwrap()],
            ..Settings::default()
        };
        assert!(https("10.0.0.1", &["https"], &trusting));
        assert!(https("10.0.0.1", &["http, HTTPS "], &trusting));
        assert!(https("10.0.0.1", &["http", "https"], &trusting));
        for said in [
            &[][..],
            &["http"],
            &["https, http"],
            &["https", "http"],
            &["https,"],
            &["https\u{e9}"],
        ] {
            assert!(!https("10.0.0.1", said, &trusting), "{said:?}");
        }
        assert!(
            !https("10.0.0.2", &["https"], &trusting),
            "anybody can say so"
        );
        assert!(!https("10.0.0.1", &["https"], &Settings::default()));
        let secure = Settings {
            secure_cookie: true,
            ..Settings::default()
        };
        assert!(https("192.0.2.1", &["http"], &secure));
    }

    #[test]
    fn addresses_may_have_a_port() {
        let behind = |said: &str| client_of("::1", &[said], &["::1"]);
        assert_eq!(behind("192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(behind("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(behind("[2001:db8::1]"), "2001:db8::1");
    }
}
