//! Web Push: a place to which a browser lets itself be woken. A subscription belongs to the session that made it, and ends with
//! it. Where it stands in the log of its user is kept beside it, and holds no retention: what is old wakes nobody.

use std::fmt;

use crewline_api::{PushSubscription, Seq, Timestamp, WebhookUrl};

use crate::{DeviceNo, ParticipantNo, PushNo, SessionNo};

/// The key pair by which a server says who it is to push services (VAPID), as PKCS#8. It is kept as it is, since it signs; it
/// is never shown, and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct PushKey(Vec<u8>);

impl PushKey {
    /// A key pair, as PKCS#8 in DER.
    pub fn kept(pkcs8: Vec<u8>) -> Self {
        Self(pkcs8)
    }

    /// The key pair itself, to be kept, or to sign with.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushKey(…)")
    }
}

/// By what bodies are encrypted for one browser (RFC 8291).
#[derive(Clone, PartialEq, Eq)]
pub struct PushSecrets {
    /// Its public key: a point of P-256, not compressed.
    pub p256dh: [u8; 65],
    /// What it shares with the server alone.
    pub auth: [u8; 16],
}

impl fmt::Debug for PushSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushSecrets(…)")
    }
}

/// A subscription to be put in the place of the one that its session has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPushSubscriptionRow {
    /// Whose.
    pub session: SessionNo,
    /// Where to post.
    pub endpoint: WebhookUrl,
    /// How to encrypt.
    pub secrets: PushSecrets,
    /// The origin of the app that made it: where a notification leads.
    pub origin: String,
}

/// Where a subscription stands in the log of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PushPlaces {
    /// Of every message up to here that is no emergency it is settled whether it wakes: pushed, or needless.
    pub seq: Seq,
    /// Of every emergency up to here its first push is settled. Emergencies overtake.
    pub emergencies: Seq,
    /// Behind here may stand emergencies that are pushed again until they are acknowledged.
    pub repeats: Seq,
}

impl PushPlaces {
    /// Behind this event nothing is settled.
    pub fn at(seq: Seq) -> Self {
        Self {
            seq,
            emergencies: seq,
            repeats: seq,
        }
    }

    /// From where the log is to be read.
    pub fn first(self) -> Seq {
        self.seq.min(self.emergencies).min(self.repeats)
    }
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscriptionRow {
    /// The number. Not used again: another endpoint is another subscription.
    pub no: PushNo,
    /// Whose.
    pub session: SessionNo,
    /// Whose log it reads.
    pub participant: ParticipantNo,
    /// The device: what it has stored needs no push.
    pub device: DeviceNo,
    /// Where to post.
    pub endpoint: WebhookUrl,
    /// How to encrypt.
    pub secrets: PushSecrets,
    /// The origin of the app that made it.
    pub origin: String,
    /// When it was put.
    pub created_at: Timestamp,
    /// When a test push was last seen to arrive.
    pub proven_at: Option<Timestamp>,
    /// Why the last push did not go out, where it did not.
    pub last_error: Option<String>,
    /// Where it stands.
    pub places: PushPlaces,
}

impl PushSubscriptionRow {
    /// As its session is shown it.
    pub fn shown(&self) -> PushSubscription {
        PushSubscription {
            endpoint_host: self.endpoint.host().to_owned(),
            created_at: self.created_at,
            proven_at: self.proven_at,
            last_error: self.last_error.clone(),
        }
    }
}

/// What is noted of a subscription by who pushes. It is nothing where that subscription is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushNote {
    /// Of which.
    pub no: PushNo,
    /// What there is to note.
    pub what: PushNoted,
}

/// What there is to note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushNoted {
    /// It stands here now.
    At(PushPlaces),
    /// Why a push did not go out; `None`: one went out.
    Error(Option<String>),
    /// A push service said that it is no more.
    Gone,
}

/// What is known of a message, for who may have to be woken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushState {
    /// Whether this device has said anything of it: then it has stored it.
    pub stored: bool,
    /// Whether its user has read it, on any device.
    pub read: bool,
    /// Whether its user has acknowledged it, on any device.
    pub acknowledged: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_signs_and_encrypts_is_not_shown_by_mistake() {
        assert_eq!(format!("{:?}", PushKey::kept(vec![1, 2])), "PushKey(…)");
        let secrets = PushSecrets {
            p256dh: [4; 65],
            auth: [7; 16],
        };
        assert_eq!(format!("{secrets:?}"), "PushSecrets(…)");
    }

    #[test]
    fn the_log_is_read_from_the_place_that_is_furthest_behind() {
        let places = PushPlaces {
            seq: 9,
            emergencies: 12,
            repeats: 7,
        };
        assert_eq!(places.first(), 7);
        assert_eq!(PushPlaces::at(3).first(), 3);
    }
}
