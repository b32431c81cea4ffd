//! Addresses that a server may be told to call by itself, for a webhook or a push: which it never calls, and which are of the
//! internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a server never calls an address by itself, whatever the settings say; `None` where the settings decide.
///
/// Of an address of IPv6 that stands for one of IPv4, the latter counts.
pub fn never_called(address: IpAddr) -> Option<&'static str> {
    match plain_address(address) {
        IpAddr::V4(address) => never_called_v4(address),
        IpAddr::V6(address) => never_called_v6(address),
    }
}

/// Whether an address is one of the internet, and not of this machine or of a network of its own.
pub fn is_public(address: IpAddr) -> bool {
    match plain_address(address) {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let special = (a == 192 && b == 0 && c == 0) || (a == 198 && (b == 18 || b == 19));
            let own = v4.is_private() || v4.is_loopback() || a == 0 || a >= 240;
            !(own || shared || special || v4.is_documentation())
        }
        // Only this part of the space is given out.
        IpAddr::V6(v6) => {
            (v6.segments()[0] & 0xe000) == 0x2000 && v6.segments()[..2] != [0x2001, 0xdb8]
        }
    }
}

/// The address of IPv4 that one of IPv6 stands for, else the address itself: mapped, compatible, translated (NAT64), 6to4.
pub fn plain_address(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let parts = v6.segments();
    let (high, low) = match parts {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, _] => return address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (high, low),
        _ => return address,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d).into()
}

fn never_called_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("it is unspecified"),
        [169, 254, ..] => Some("it is link-local: the metadata of a machine stand there"),
        [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Some("the metadata of a machine stand there")
        }
        [224..=239, ..] => Some("it is multicast"),
        [255, 255, 255, 255] => Some("it is broadcast"),
        _ => None,
    }
}

fn never_called_v6(address: Ipv6Addr) -> Option<&'static str> {
    let parts = address.segments();
    // fd00:ec2::254 and fd20:ce::254: where clouds keep what is to be known of a machine.
    let metadata = matches!(
        parts,
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
    );
    if address.is_unspecified() {
        Some("it is unspecified")
    } else if address.is_multicast() {
        Some("it is multicast")
    } else if (parts[0] & 0xffc0) == 0xfe80 {
        Some("it is link-local")
    } else if (parts[0] & 0xffc0) == 0xfec0 {
        Some("it is site-local, which is not used any more")
    } else {
        metadata.then_some("the metadata of a machine stand there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_nobody_may_call_are_known_in_every_way_to_write_them() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
        ] {
            assert!(never_called(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in [
            "10.0.0.1",
            "127.0.0.1",
            "8.8.8.8",
            "::1",
            "fd00::1",
            "2001:4860::1",
            "fe00::1",
        ] {
            assert_eq!(never_called(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn what_is_of_the_internet_is_told_from_what_is_not() {
        for text in [
            "8.8.8.8",
            "100.128.0.1",
            "2001:4860::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "127.0.0.1",
            "100.64.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "192.0.0.8",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
