//! Webhooks: a URL to which the events of a log are posted. A webhook is a named cursor like every other consumer; what is
//! kept beside it says where to post, how to sign, and what was not taken.

use std::fmt;

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
}
