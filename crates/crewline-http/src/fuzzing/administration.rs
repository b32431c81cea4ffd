//! Bodies of the calls of administration, of webhooks, of push and of the desk.

use std::sync::Arc;

use bytes::Bytes;
use crewline_api::{ApiError, WebhookUrl};
use crewline_core::{PushSecrets, PushSubscriptionRow};

use super::caller;
use crate::admin::read as admin;
use crate::body::JsonBody;
use crate::organisation::read as organisation;
use crate::webhook::read as webhook;
use crate::{group, push, reach};

/// The calls that have such a body.
pub const CALLS: [&str; 16] = [
    "user",
    "changes",
    "password",
    "signOut",
    "token",
    "webhook",
    "webhookChange",
    "webhookReplay",
    "push",
    "pushTest",
    "group",
    "duty",
    "reach",
    "phrases",
    "sos",
    "phone",
];

/// A body, read as that of a call.
///
/// # Errors
/// What the call would be answered.
pub fn body(call: &str, bytes: &[u8]) -> Result<(), ApiError> {
    let body = JsonBody::from(Bytes::copy_from_slice(bytes));
    let push: Arc<dyn crate::Pushes> = Arc::new(NoPush);
    match call {
        "user" => admin::read_user(&body).map(drop),
        "changes" => admin::read_changes(&body).map(drop),
        "password" => admin::read_new_password(body).map(drop),
        "signOut" => admin::read_sign_out(body).map(drop),
        "token" => admin::read_token(&body).map(drop),
        "webhook" => webhook::read_new(&caller(), &body).map(drop),
        "webhookChange" => webhook::read_change(&body).map(drop),
        "webhookReplay" => webhook::read_replay(&body).map(drop),
        "push" => push::read_subscription(&body, &push).map(drop),
        "pushTest" => push::read_test(&body).map(drop),
        "group" => group::read_group(&body).map(drop),
        "duty" => group::read_duty(&body).map(drop),
        "reach" => reach::read_ask(&body).map(drop),
        "phrases" => organisation::phrases(&body).map(drop),
        "sos" => organisation::sos(&body).map(drop),
        _ => organisation::phone(&body).map(drop),
    }
}

/// Reads as much as push does, and pushes nothing.
struct NoPush;

impl crate::Pushes for NoPush {
    fn public_key(&self) -> Option<String> {
        None
    }

    fn refuses(&self, endpoint: &WebhookUrl) -> Option<String> {
        (!endpoint.is_https()).then(|| "must begin with https://".to_owned())
    }

    fn is_key(&self, secrets: &PushSecrets) -> bool {
        secrets.p256dh[0] == 4
    }

    fn changed(&self) {}

    fn test(&self, _: PushSubscriptionRow) -> Result<String, ApiError> {
        Err(ApiError::not_found())
    }

    fn has_sent(&self, _: &PushSubscriptionRow, _: &str) -> bool {
        false
    }
}
