//! Webhooks: whose events go to which URL, and what came of it.

use serde::{Deserialize, Serialize};

use crate::{EventKind, ParticipantId, Seq, Timestamp, WebhookUrl};

/// Whether a webhook is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookState {
    /// Events are posted.
    Active,
    /// Nothing is posted; its cursor waits.
    Paused,
}

/// A webhook to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewWebhook {
    /// Whose log it reads; left out, the one participant of the token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<ParticipantId>,
    /// Where events are posted to.
    pub url: WebhookUrl,
    /// Which kinds of events; all, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
    /// Behind which event it begins; behind the newest, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Seq>,
}

/// What a webhook is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookChanges {
    /// Where events are posted to.
    pub url: WebhookUrl,
    /// Which kinds of events; all, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
}

/// A webhook, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// Its id.
    pub webhook_id: String,
    /// Whose log it reads.
    pub participant: ParticipantId,
    /// Where events are posted to.
    pub url: WebhookUrl,
    /// Which kinds of events; all, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
    /// Whether it is at work.
    pub state: WebhookState,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// Everything up to this event was taken or parked, or is of no kind that it asks for.
    pub seq: Seq,
    /// The last event of the log.
    pub head: Seq,
    /// The event that fails now, and is tried again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failing: Option<WebhookFailure>,
    /// How many events are parked.
    pub parked: u64,
    /// How many parked events are not listed any more, because there were too many.
    pub dropped: u64,
    /// The secret by which its posts are signed: shown once, when it was added.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
}

/// A page of webhooks, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhooks {
    /// The webhooks.
    pub webhooks: Vec<Webhook>,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// An event that a receiver did not take, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookFailure {
    /// The event.
    pub seq: Seq,
    /// Whether it was parked: those behind it went on, and it is not tried again by itself.
    pub parked: bool,
    /// When it was first refused.
    pub first_at: Timestamp,
    /// When it was last refused.
    pub last_at: Timestamp,
    /// How often it was tried.
    pub attempts: u64,
    /// The status of the last answer; left out where none came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why it counts as refused.
    pub error: String,
    /// The first 1,024 bytes of the last answer.
    pub answer: String,
    /// Whether somebody asked that it be tried once more.
    pub again: bool,
}

/// A page of what a webhook's receiver did not take, oldest event first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookFailures {
    /// The events.
    pub failures: Vec<WebhookFailure>,
    /// How many more were parked, and are not listed any more because there were too many.
    pub dropped: u64,
    /// What to pass as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Seq>,
}

/// What a receiver answered to a post that was made on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookTested {
    /// Whether it was taken.
    pub taken: bool,
    /// The status of the answer; left out where none came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why it counts as refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The first 1,024 bytes of the answer.
    pub answer: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What is to be posted again: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookReplay {
    /// Everything from this event on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Seq>,
    /// This parked event alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parked: Option<Seq>,
}
