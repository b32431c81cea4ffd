//! `/api/v1/admin/users/{userId}/…`: signing a user out, everywhere, on one device, or of one session.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::{AuditKind, ParticipantId, SignOutUser};
use crewline_core::{Directory, SessionNo, SignedOut, UserChange};

use super::end;
use super::read::read_sign_out;
use super::user::change;
use crate::app::Edge;
use crate::audit::Administrator;
use crate::body::JsonBody;
use crate::id::{PathIds, number_in_path};
use crate::problem::Answered;
use crate::query::NoQuery;
use crate::refusals::{BODY, CALLER, WRITE, refusals};

refusals!(SignOutRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(EndRefusals: CALLER, WRITE, [NotAllowed, NotFound]);

/// Sign a user out everywhere.
///
/// For administrators. All sessions of the user end, and with `tokens` the user's tokens are revoked. The user may sign in
/// again.
#[utoipa::path(
    post, path = "/api/v1/admin/users/{userId}/sign-out", tag = "administration",
    params(("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls")),
    request_body(content = Option<SignOutUser>, example = json!({"tokens": true})),
    responses((status = 204, description = "The user is signed out everywhere"), SignOutRefusals)
)]
pub(crate) async fn post_sign_out(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let id = by.0.named_in_path(&id)?;
    let tokens = read_sign_out(body)?;
    change(&edge, &by, &id, vec![UserChange::SignOut { tokens }]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// End one session of a user.
///
/// For administrators.
#[utoipa::path(
    delete, path = "/api/v1/admin/users/{userId}/sessions/{sessionId}", tag = "administration",
    params(
        ("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls"),
        ("sessionId" = String, Path, description = "The session, as the user's list shows it"),
    ),
    responses((status = 204, description = "It has ended"), EndRefusals)
)]
pub(crate) async fn delete_session(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds((id, session)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let id = by.0.named_in_path(&id)?;
    let no = number_in_path(&session)?;
    let detail = format!("session {no}");
    let session = SignedOut::Session(SessionNo(no));
    let what = AuditKind::SessionEnded;
    sign_out(&edge, &by, id, what, detail, session).await
}

/// Sign a user out on one device: a lost phone.
///
/// For administrators. All sessions that are open on it end, and with them what it has open. Its id stays known, and the
/// user may sign in on it again; a new password keeps whoever found it out.
#[utoipa::path(
    delete, path = "/api/v1/admin/users/{userId}/devices/{deviceId}", tag = "administration",
    params(
        ("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls"),
        ("deviceId" = String, Path, description = "The device, as the user's list shows it"),
    ),
    responses((status = 204, description = "No session is open on it any more"), EndRefusals)
)]
pub(crate) async fn delete_device(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds((id, device)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let id = by.0.named_in_path(&id)?;
    let detail = format!("device {device}");
    let device = SignedOut::Device(device);
    let what = AuditKind::DeviceSignedOut;
    sign_out(&edge, &by, id, what, detail, device).await
}

async fn sign_out(
    edge: &Edge,
    by: &Administrator,
    user: ParticipantId,
    what: AuditKind,
    detail: String,
    signed_out: SignedOut,
) -> Answered {
    let about = user.to_string();
    let sign_out = move |directory: &mut dyn Directory| directory.sign_out(&user, &signed_out);
    end(edge, by, what, &about, Some(detail), sign_out).await
}
