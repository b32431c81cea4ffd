//! `/api/v1/push`: how a browser lets itself be woken when the app is closed. For users with a session; a subscription belongs
//! to the session that made it.
//!
//! Pushing is not done here: who put the server together says how (see [`crate::App::push_with`]).

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crewline_api::limits::WEBHOOK_URL_BYTES_MAX;
use crewline_api::{ApiError, ErrorCode, FieldCode, Push, PushSubscription, PushTest, WebhookUrl};
use crewline_core::{NewPushSubscriptionRow, PushSecrets, PushSubscriptionRow, SessionNo};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::directory::refused;
use crate::fault::Faults;
use crate::origin;
use crate::problem::Answered;
use crate::query::NoQuery;
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};
use crate::text::{Read, check_bytes};

refusals!(PushRefusals: READ, [NotAllowed]);
refusals!(PutRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(DeleteRefusals: CALLER, WRITE, [NotAllowed]);
refusals!(TestRefusals: CALLER, WRITE, [NotAllowed, NoPushSubscription]);
refusals!(ProofRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);

/// How pushes are done: by whom the server was put together.
pub trait Pushes: Send + Sync {
    /// The public key for browsers.
    fn public_key(&self) -> Option<String>;
    /// Why nothing is ever pushed to this endpoint.
    fn refuses(&self, endpoint: &WebhookUrl) -> Option<String>;
    /// Whether a browser's public key is one.
    fn is_key(&self, secrets: &PushSecrets) -> bool;
    /// A subscription was put or removed.
    fn changed(&self);
    /// Sends a test push, and returns what is in it.
    ///
    /// # Errors
    /// Where that was asked for too often.
    fn test(&self, row: PushSubscriptionRow) -> Result<String, ApiError>;
    /// Whether this was sent to the subscription in a test.
    fn has_sent(&self, row: &PushSubscriptionRow, test: &str) -> bool;
}

/// base64url with its padding or without: browsers write it without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// See the server's public key, and the subscription of this session.
///
/// For users with a session. The key is null where push is switched off.
#[utoipa::path(
    get, path = "/api/v1/push", tag = "push",
    responses((status = 200, description = "Key and subscription", body = Push), PushRefusals)
)]
pub(crate) async fn get_push(State(edge): State<Edge>, caller: Caller, _: NoQuery) -> Answered {
    let session = session(&caller)?;
    let row = find(&edge, session).await?;
    let push = Push {
        public_key: edge.push.get().and_then(|push| push.public_key()),
        subscription: row.as_ref().map(PushSubscriptionRow::shown),
    };
    Ok(json(StatusCode::OK, &push))
}

/// Let this device be woken.
///
/// What a browser's `PushSubscription.toJSON()` gives, without `expirationTime`. The same again changes nothing (200); another
/// one takes the place of the old one, and must be proven anew. It ends with the session.
#[utoipa::path(
    put, path = "/api/v1/push/subscription", tag = "push",
    request_body(content = crewline_api::NewPushSubscription, example = json!({
        "endpoint": "https://fcm.googleapis.com/fcm/send/dq5y",
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg"
        }
    })),
    responses(
        (status = 201, description = "The subscription", body = PushSubscription),
        (status = 200, description = "It is the one that this session has", body = PushSubscription),
        PutRefusals
    )
)]
pub(crate) async fn put_subscription(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    request: Request,
) -> Answered {
    let session = session(&caller)?;
    let (parts, body) = request.into_parts();
    let origin = origin_of(&parts, &edge)?;
    let body = JsonBody::from_request(Request::from_parts(parts, body), &edge).await?;
    let push = edge.push.get().ok_or_else(switched_off)?;
    let (endpoint, secrets) = read_subscription(&body, push)?;
    let new = NewPushSubscriptionRow {
        session,
        endpoint,
        secrets,
        origin,
    };
    let put = edge
        .engine
        .directory(move |directory, now| directory.put_push_subscription(&new, now))
        .await?;
    let is_new = put.map_err(refused)?;
    push.changed();
    let row = find(&edge, session)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let status = if is_new {
        tracing::info!(
            actor = %caller.actor_name(), subscription = row.no.0, host = row.endpoint.host(),
            "a device lets itself be woken"
        );
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(json(status, &row.shown()))
}

/// Let this device not be woken any more.
#[utoipa::path(
    delete, path = "/api/v1/push/subscription", tag = "push",
    responses((status = 204, description = "There is no subscription of this session"), DeleteRefusals)
)]
pub(crate) async fn delete_subscription(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
) -> Answered {
    let session = session(&caller)?;
    let removed = edge
        .engine
        .directory(move |directory, _| directory.remove_push_subscription(session))
        .await?;
    if removed.map_err(refused)?
        && let Some(push) = edge.push.get()
    {
        push.changed();
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Push a test to this device now.
///
/// At most once a second. The device says back what is in it by `POST /api/v1/push/proof`; why it did not go out stands in
/// `lastError` of `GET /api/v1/push`.
#[utoipa::path(
    post, path = "/api/v1/push/test", tag = "push",
    responses((status = 202, description = "What is in the test", body = PushTest), TestRefusals)
)]
pub(crate) async fn post_test(State(edge): State<Edge>, caller: Caller, _: NoQuery) -> Answered {
    let session = session(&caller)?;
    let none = || {
        let detail =
            "This session has no push subscription. PUT one to /api/v1/push/subscription first.";
        ApiError::new(ErrorCode::NoPushSubscription, detail)
    };
    let push = edge.push.get().ok_or_else(none)?;
    let row = find(&edge, session).await?.ok_or_else(none)?;
    let test = push.test(row)?;
    Ok(json(StatusCode::ACCEPTED, &PushTest { test }))
}

/// Say that a test push arrived.
///
/// What was not sent to this session within the last ten minutes does not exist.
#[utoipa::path(
    post, path = "/api/v1/push/proof", tag = "push",
    request_body(content = PushTest, example = json!({"test": "AAABnGJ1c3kAc29tZXRoaW5nAAECAwQFBgcICQoLDA0ODw"})),
    responses((status = 204, description = "This device can be woken"), ProofRefusals)
)]
pub(crate) async fn post_proof(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let session = session(&caller)?;
    let test = read_test(&body)?;
    let row = find(&edge, session)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let known = edge
        .push
        .get()
        .is_some_and(|push| push.has_sent(&row, &test));
    if !known {
        return Err(ApiError::not_found().into());
    }
    let no = row.no;
    let proven = edge
        .engine
        .directory(move |directory, now| directory.prove_push(no, now))
        .await?;
    if proven.map_err(refused)? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(ApiError::not_found().into())
    }
}

pub(crate) fn read_test(body: &JsonBody) -> Result<String, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let test = fields.text("test").map(std::borrow::Cow::into_owned);
    fields.end();
    faults.finish(|| test.ok_or_else(ApiError::not_found))
}

/// The session of a user; others are refused.
fn session(caller: &Caller) -> Result<SessionNo, ApiError> {
    caller.user_or("Externals have webhooks.")?;
    caller.session().ok_or_else(|| {
        let detail = "A push subscription belongs to a session. Sign in by POST /api/v1/session; a token is not enough.";
        ApiError::new(ErrorCode::NotAllowed, detail)
    })
}

fn switched_off() -> ApiError {
    let detail = "Push is switched off on this server (push.enabled).";
    ApiError::new(ErrorCode::NotFound, detail)
}

async fn find(edge: &Edge, session: SessionNo) -> Result<Option<PushSubscriptionRow>, ApiError> {
    let now = edge.engine.now();
    edge.engine
        .read(move |reader| reader.push_subscription(session, now))
        .await
}

/// Where the app stands that subscribes: its `Origin`, or this server's own where a program subscribes without one.
fn origin_of(parts: &Parts, edge: &Edge) -> Result<String, ApiError> {
    origin::check_if_given(parts, &edge.settings)?;
    let given = parts.headers.get(header::ORIGIN);
    let given = given.and_then(|origin| origin.to_str().ok());
    Ok(given
        .map(str::to_owned)
        .or_else(|| origin::own(parts, &edge.settings))
        .unwrap_or_default())
}

pub(crate) fn read_subscription(
    body: &JsonBody,
    push: &Arc<dyn Pushes>,
) -> Result<(WebhookUrl, PushSecrets), ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let endpoint = fields.parsed("endpoint", |text| read_endpoint(text, push.as_ref()));
    let (mut p256dh, mut auth) = (None, None);
    if let Some(mut keys) = fields.object("keys") {
        p256dh = keys.parsed("p256dh", |text| {
            let point = read_bytes::<65>(text, "a point of P-256 of 65 bytes")?;
            let secrets = PushSecrets {
                p256dh: point,
                auth: [0; 16],
            };
            if push.is_key(&secrets) {
                Ok(point)
            } else {
                let detail = "is no point of P-256".to_owned();
                Err((FieldCode::Malformed, detail))
            }
        });
        auth = keys.parsed("auth", |text| read_bytes::<16>(text, "16 bytes"));
        keys.end();
    }
    fields.end();
    let read = endpoint.zip(p256dh.zip(auth));
    faults.finish(|| {
        let (endpoint, (p256dh, auth)) = read.ok_or_else(crate::problem::internal)?;
        Ok((endpoint, PushSecrets { p256dh, auth }))
    })
}

fn read_endpoint(text: &str, push: &dyn Pushes) -> Read<WebhookUrl> {
    check_bytes(text, WEBHOOK_URL_BYTES_MAX)?;
    let url = WebhookUrl::new(text).map_err(|error| (FieldCode::Malformed, error.to_string()))?;
    match push.refuses(&url) {
        None => Ok(url),
        Some(why) => Err((FieldCode::OutOfRange, why)),
    }
}

fn read_bytes<const N: usize>(text: &str, what: &str) -> Read<[u8; N]> {
    let bytes = BASE64.decode(text).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| (FieldCode::Malformed, format!("is not {what} as base64url")))
}
