//! `POST` and `DELETE /api/v1/session`: signing in and out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use crewline_api::limits::PASSWORD_BYTES_MAX;
use crewline_api::{
    ApiError, AuditKind, ErrorCode, FieldCode, NewSession, ParticipantId, SessionOpened,
};
use crewline_core::{
    AuditActor, CredentialSource, DirectoryError, NewAudit, NewSessionRow, PasswordRow, Secret,
    UserChange,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::cookie::SessionCookie;
use crate::directory::try_act;
use crate::fault::Faults;
use crate::id::read_id;
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, WRITE, refusals};
use crate::text::{Read, check_bytes, check_not_empty, read_name};
use crate::throttle::{Throttle, Tried};
use crate::{audit, directory, origin, password, proxy};

refusals!(SignInRefusals: BODY, WRITE, [SignInFailed, WrongOrigin, TooManyAttempts]);
refusals!(SignOutRefusals: CALLER, WRITE, [NotAllowed]);

/// How long someone who signs in waits for a free core. A hash takes some 20 ms.
const HASH_WAIT: Duration = Duration::from_secs(10);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What signing in needs beside the directory.
pub(crate) struct SignIn {
    throttle: Throttle,
    /// One for each core: hashes are made on cores, and each takes 19 MiB.
    hashing: Arc<Semaphore>,
}

impl SignIn {
    /// A turn to hash or to verify a password, once a core is free for it.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = tokio::time::timeout(HASH_WAIT, Arc::clone(&self.hashing).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let detail = "More people are signing in than this server can check at once. Try again in a moment.";
            return Err(ApiError::new(ErrorCode::Busy, detail).retry_after(2));
        };
        Ok(turn)
    }

    pub(crate) fn new(wrong_per_minute: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            throttle: Throttle::new(wrong_per_minute),
            hashing: Arc::new(Semaphore::new(cores)),
        }
    }
}

/// Sign in.
///
/// The answer has the session's token, for scripts, and sets the same as an HttpOnly cookie, for pages of this origin.
/// Ten wrong passwords in a minute, for one user or from one address, and sign-in rests (429). Which of user and
/// password is wrong is not said.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", security(()),
    request_body(content = NewSession, example = json!({
        "userId": "alice", "password": "correct horse battery staple",
        "deviceId": "4b4f6a52-0c5b-4c41-9d2c-7f6a3f0a4f57", "deviceName": "Alice's phone"
    })),
    responses(
        (status = 201, description = "Signed in", body = SessionOpened,
            headers(("Set-Cookie" = String, description = "The session: HttpOnly, SameSite=Strict, Secure on https"))),
        SignInRefusals
    )
)]
pub(crate) async fn post_session(
    State(edge): State<Edge>,
    _: NoQuery,
    request: Request,
) -> Answered {
    let (parts, body) = request.into_parts();
    let address = proxy::client(&parts, &edge.settings);
    let cookie = SessionCookie::of(&parts, &edge.settings);
    // A program has no Origin. A page that has another one must not sign its visitors in.
    origin::check_if_given(&parts, &edge.settings)?;
    let body = JsonBody::from_request(Request::from_parts(parts, body), &edge).await?;
    let wanted = read_session(&body)?;
    let user = match check_password(&edge, &wanted, address).await {
        Ok(user) => user,
        Err(error) => {
            note_refused(&edge, &wanted, address, &error).await;
            return Err(error.into());
        }
    };
    open(&edge, wanted, &user, address, cookie).await
}

pub(crate) fn read_session(body: &JsonBody) -> Result<NewSession, ApiError> {
    let faults = Faults::default();
    let mut fields = body.fields(&faults)?;
    let user_id = fields.parsed("userId", read_id::<ParticipantId>);
    let password = fields.parsed("password", |text| {
        check_not_empty(text)?;
        check_bytes(text, PASSWORD_BYTES_MAX)?;
        Ok(text.to_owned())
    });
    let device_id = fields.optional_parsed("deviceId", read_device_id);
    let device_name = fields.optional_parsed("deviceName", read_name);
    fields.end();
    let wanted = user_id.zip(password).map(|(user_id, password)| NewSession {
        user_id,
        password,
        device_id,
        device_name,
    });
    faults.finish(|| wanted.ok_or_else(internal))
}

/// A UUID as it is written everywhere: 36 characters. One device has one spelling.
fn read_device_id(text: &str) -> Read<String> {
    let id = uuid::Uuid::try_parse(text)
        .ok()
        .filter(|_| text.len() == 36);
    id.map(|id| id.to_string()).ok_or_else(|| {
        (
            FieldCode::Malformed,
            "is not a UUID, such as 4b4f6a52-0c5b-4c41-9d2c-7f6a3f0a4f57".to_owned(),
        )
    })
}

/// The user, if the password is right. A user that does not exist, one who is shut out and a wrong password take the
/// same time, and look the same.
async fn check_password(
    edge: &Edge,
    wanted: &NewSession,
    address: Option<IpAddr>,
) -> Result<PasswordRow, ApiError> {
    let mut tried = vec![Tried::User(wanted.user_id.clone())];
    tried.extend(address.map(Tried::address));
    let throttle = &edge.sign_in.throttle;
    let check = |tried: &[Tried]| {
        throttle
            .check(tried, edge.engine.now())
            .map_err(too_many_attempts)
    };
    check(&tried)?;
    let id = wanted.user_id.clone();
    let user = edge.engine.read(move |reader| reader.password(&id)).await?;
    let turn = edge.sign_in.turn().await?;
    // Others may have failed while this one waited.
    check(&tried)?;
    let (password, hash) = (
        wanted.password.clone(),
        user.as_ref().and_then(|user| user.hash.clone()),
    );
    let right = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        password::verify(&password, hash.as_deref())
    });
    let right = right.await.map_err(|_| internal())?;
    if let Some(user) = user.filter(|user| right && !user.disabled) {
        return Ok(user);
    }
    throttle.count(tried, edge.engine.now());
    Err(sign_in_failed())
}

fn sign_in_failed() -> ApiError {
    ApiError::new(
        ErrorCode::SignInFailed,
        "The user or the password is wrong, or the user is disabled. Check both; the administrator can set a new password.",
    )
}

fn too_many_attempts(seconds: u32) -> ApiError {
    let detail = format!(
        "There were too many wrong passwords for this user or from this address. Wait {seconds} seconds."
    );
    ApiError::new(ErrorCode::TooManyAttempts, detail).retry_after(seconds)
}

/// Notes a sign-in that was refused; not one that could not be looked at.
async fn note_refused(edge: &Edge, wanted: &NewSession, address: Option<IpAddr>, error: &ApiError) {
    let why = match error.code {
        ErrorCode::SignInFailed => "wrong user or password, or disabled",
        ErrorCode::TooManyAttempts => "too many attempts",
        _ => return,
    };
    let by = AuditActor::nobody(wanted.user_id.as_str(), address);
    audit::refused(edge, NewAudit::new(by, AuditKind::SignIn).detail(why)).await;
}

async fn open(
    edge: &Edge,
    wanted: NewSession,
    user: &PasswordRow,
    address: Option<IpAddr>,
    cookie: SessionCookie,
) -> Answered {
    let secret = Secret::from_random(edge.engine.random());
    let lifetime_ms = i64::from(edge.settings.session_days) * DAY_MS;
    let expires_at = edge.engine.now().plus_millis(lifetime_ms);
    let row = NewSessionRow {
        user: user.no,
        hash: secret.hash(),
        device_id: wanted.device_id,
        device_name: wanted.device_name,
        expires_at,
    };
    let by = AuditActor {
        role: user.role.into(),
        ..AuditActor::nobody(wanted.user_id.as_str(), address)
    };
    let note = NewAudit::new(by, AuditKind::SignIn);
    let opened = try_act(edge, note, move |directory, notes, now| {
        let opened = directory.open_session(&row, now)?;
        for note in notes {
            note.by.credential = Some(CredentialSource::Session(opened.session));
            note.by.device = Some(opened.device);
        }
        Ok(())
    });
    opened.await?.map_err(refused)?;
    let opened = SessionOpened {
        token: secret.reveal().to_owned(),
        user_id: wanted.user_id,
        expires_at,
    };
    let mut response = json(StatusCode::CREATED, &opened);
    cookie.set(&mut response, secret.reveal(), lifetime_ms / 1000);
    Ok(response)
}

/// What the directory refuses here is a fault of its store, or a user who was removed in this moment.
fn refused(error: DirectoryError) -> ApiError {
    match error {
        DirectoryError::NoUser(_) => sign_in_failed(),
        error => directory::refused(error),
    }
}

/// Sign out.
///
/// Ends the session of this call, and its open streams with it; with `everywhere=true` all sessions of the user, this
/// one among them. A token is revoked by the administrator.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    params(("everywhere" = Option<bool>, Query, description = "Whether to end all sessions of the user, on every device; false if left out")),
    responses((status = 204, description = "Signed out; the cookie is cleared"), SignOutRefusals)
)]
pub(crate) async fn delete_session(
    State(edge): State<Edge>,
    caller: Caller,
    parts: Parts,
) -> Answered {
    let mut query = Query::read(&parts, &["everywhere"]);
    let everywhere = query.flag("everywhere");
    query.finish()?;
    let session = caller.session().ok_or_else(|| {
        let detail = "This is a token, not a session: it stays until the administrator revokes it (`crewline token revoke`).";
        ApiError::new(ErrorCode::NotAllowed, detail)
    })?;
    let (_, actor) = caller.user()?;
    let mut note = caller.does(AuditKind::SignOut);
    note.detail = everywhere.then(|| "everywhere".to_owned());
    let closed = try_act(&edge, note, move |directory, _, now| {
        if everywhere {
            let all = UserChange::SignOut { tokens: false };
            directory.change_user(&actor.id, &all, now)
        } else {
            directory.close_session(session).map(|_| ())
        }
    });
    closed.await?.map_err(refused)?;
    if everywhere {
        let actor = caller.actor_name();
        tracing::info!(%actor, user = %actor, tokens = false, "a user is signed out everywhere");
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    SessionCookie::of(&parts, &edge.settings).clear(&mut response);
    Ok(response)
}
