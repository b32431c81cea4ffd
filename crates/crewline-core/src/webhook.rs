//! Webhooks: a URL to which the events of a log are posted. A webhook is a named cursor like every other consumer; what is
//! kept beside it says where to post, how to sign, and what was not taken.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crewline_api::{
    CursorName, EventKind, EventKinds, ParticipantId, Seq, Timestamp, Webhook, WebhookFailure,
    WebhookState, WebhookUrl,
};

use crate::{DeviceNo, ParticipantNo, WebhookNo};

const PREFIX: &str = "whsec_";

/// The secret of a webhook. It is kept as it is, since it signs; it is shown once, and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// A secret of 32 random bytes, as Standard Webhooks writes it: `whsec_` and base64.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", BASE64_STANDARD.encode(random)))
    }

    /// A secret as it was kept; `None` where it is none.
    pub fn kept(text: &str) -> Option<Self> {
        let secret = Self(text.to_owned());
        secret.key().map(|_| secret)
    }

    /// The secret itself, to be kept, or to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The key by which it signs.
    pub fn key(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.0.strip_prefix(PREFIX)?).ok()
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A webhook to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhookRow {
    /// Whose log it reads. One that is not known yet must be covered by a prefix of a token.
    pub participant: ParticipantId,
    /// Where to post.
    pub url: WebhookUrl,
    /// Which kinds of events.
    pub kinds: EventKinds,
    /// The secret that signs.
    pub secret: WebhookSecret,
    /// Behind which event it begins; behind the newest, where it is left out.
    pub after: Option<Seq>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The number, by which people name it. Not used again.
    pub no: WebhookNo,
    /// Whose log it reads.
    pub participant: ParticipantNo,
    /// That participant's id.
    pub id: ParticipantId,
    /// Whether that is an external: then a message that was taken is delivered.
    pub external: bool,
    /// Whether that is a user who is shut out: then nothing is posted.
    pub disabled: bool,
    /// The device that says so.
    pub device: DeviceNo,
    /// Where to post.
    pub url: WebhookUrl,
    /// Which kinds of events.
    pub kinds: EventKinds,
    /// The secret that signs.
    pub secret: WebhookSecret,
    /// Why nothing is posted, where it is paused.
    pub paused: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// Grows with every act on it: who works by what was read before begins anew.
    pub revision: u64,
    /// To where its cursor is to go back, before anything else is posted.
    pub rewind_to: Option<Seq>,
    /// Where its cursor stands.
    pub seq: Seq,
    /// The last event of the log.
    pub head: Seq,
    /// The event that fails now.
    pub failing: Option<WebhookFailure>,
    /// How many events are parked.
    pub parked: u64,
    /// Whether one of them is to be tried once more.
    pub again: bool,
    /// How many parked events are not listed any more.
    pub dropped: u64,
}

impl WebhookRow {
    /// The name of its cursor.
    ///
    /// # Panics
    /// Never: a number is a good name.
    pub fn cursor(&self) -> CursorName {
        cursor_of(self.no)
    }

    /// As it is shown, without its secret.
    pub fn shown(&self) -> Webhook {
        let state = if self.paused.is_some() {
            WebhookState::Paused
        } else {
            WebhookState::Active
        };
        Webhook {
            webhook_id: self.no.0.to_string(),
            participant: self.id.clone(),
            url: self.url.clone(),
            types: self.kinds.to_list(),
            state,
            reason: self.paused.clone(),
            created_at: self.created_at,
            seq: self.rewind_to.unwrap_or(self.seq),
            head: self.head,
            failing: self.failing.clone(),
            parked: self.parked,
            dropped: self.dropped,
            secret: None,
        }
    }

    /// Whether events are to be posted.
    pub fn is_active(&self) -> bool {
        self.paused.is_none() && !self.disabled
    }

    /// The kinds that its cursor is put with. A message that was taken is said to be delivered by a receipt, one that was
    /// parked by nothing: the cursor passes both, and so must deliver none.
    pub fn cursor_kinds(&self) -> EventKinds {
        silent(self.kinds)
    }
}

/// Kinds without the one that makes `delivered`.
pub fn silent(kinds: EventKinds) -> EventKinds {
    EventKinds::from_bits(kinds.bits() & !(1 << EventKind::MessageReceived.code()))
}

/// The name of the cursor of a webhook.
///
/// # Panics
/// Never: a number is a good name.
#[expect(clippy::expect_used, reason = "a number is a good name")]
pub fn cursor_of(no: WebhookNo) -> CursorName {
    CursorName::new(format!("webhook.{}", no.0)).expect("a number is a good name")
}

/// What is done to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookAct {
    /// Another URL, other kinds; what is left out stays.
    Change {
        /// Where to post.
        url: Option<WebhookUrl>,
        /// Which kinds of events.
        kinds: Option<EventKinds>,
    },
    /// Nothing is posted any more, and why. One that is paused keeps its reason.
    Pause(String),
    /// Events are posted again, from where its cursor stands.
    Resume,
    /// Everything from this event on is posted again.
    Replay(Seq),
    /// A parked event is tried once more, by itself.
    ReplayParked(Seq),
}

/// Why no webhook ever calls an address, whatever the settings say; `None` where the settings decide.
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
    fn a_secret_is_not_shown_by_mistake_and_comes_back_as_it_was_kept() {
        let secret = WebhookSecret::from_random([7; 32]);
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
        assert_eq!(secret.key(), Some(vec![7; 32]));
        assert_eq!(WebhookSecret::kept(secret.reveal()), Some(secret));
        assert_eq!(WebhookSecret::kept("whsec_?"), None);
    }

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
