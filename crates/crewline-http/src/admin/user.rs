//! `/api/v1/admin/users`: who is in the directory, and what administrators do with them.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{
    AddUser, ApiError, AuditKind, FieldCode, NewPassword, ParticipantId, PasswordSet, Role,
    SignOutUser, Timestamp, User, UserAdded, UserChanges, Users,
};
use crewline_core::{
    DirectoryError, NewAudit, NewUser, Reader, SessionNo, SignedOut, StoreError, UserChange,
    UserRow,
};

use super::read::{read_changes, read_new_password, read_sign_out, read_user};
use super::{act, page};
use crate::answer::json;
use crate::app::Edge;
use crate::audit::Administrator;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::password;
use crate::path::PathIds;
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};

refusals!(ListRefusals: READ, [NotAllowed]);
refusals!(OneRefusals: READ, [NotAllowed, NotFound]);
refusals!(AddRefusals: BODY, CALLER, WRITE, [NotAllowed]);
refusals!(ChangeRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);
refusals!(ActRefusals: CALLER, WRITE, [NotAllowed, NotFound]);

/// List the users.
///
/// For administrators. With their devices and open sessions, also those who are disabled.
#[utoipa::path(
    get, path = "/api/v1/admin/users", tag = "administration",
    params(
        ("q" = Option<String>, Query, description = "Those whose id or name contains this, whatever the case"),
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "dora"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of users, sorted by id", body = Users), ListRefusals)
)]
pub(crate) async fn get_users(
    State(edge): State<Edge>,
    by: Administrator,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["q", "after", "limit"]);
    let q = query.search("q").unwrap_or_default();
    let after = query.search("after");
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let (now, current) = (edge.engine.now(), by.0.session());
    let mut users = edge
        .engine
        .read(move |reader| {
            let rows = reader.users_found(&q, after.as_deref(), limit + 1)?;
            let shown = rows.into_iter().map(|row| show(reader, row, now, current));
            shown.collect::<Result<Vec<User>, StoreError>>()
        })
        .await?;
    let next = page(&mut users, limit, |user| user.user_id.to_string());
    Ok(json(StatusCode::OK, &Users { users, next }))
}

/// A user with devices and open sessions.
fn show(
    reader: &dyn Reader,
    row: UserRow,
    now: Timestamp,
    current: Option<SessionNo>,
) -> Result<User, StoreError> {
    let me = reader.me(row.no, now)?;
    let (devices, sessions) = me.map(|me| (me.devices, me.sessions)).unwrap_or_default();
    // That of a token is as old as the token, used or not.
    let of_people = devices
        .iter()
        .filter(|device| !device.device_id.starts_with("token-"));
    Ok(User {
        last_seen_at: of_people.map(|device| device.last_seen_at).max(),
        user_id: row.id,
        name: row.name,
        role: row.role,
        disabled: row.disabled,
        has_password: row.has_password,
        created_at: row.created_at,
        watches: row.watches,
        sessions: sessions
            .into_iter()
            .map(|(no, mut session)| {
                session.current = current == Some(no);
                session
            })
            .collect(),
        devices,
    })
}

async fn find(edge: &Edge, by: &Administrator, id: &ParticipantId) -> Result<User, ApiError> {
    let (now, current, id) = (edge.engine.now(), by.0.session(), id.clone());
    let user = edge.engine.read(move |reader| {
        // What contains the id is more than the id; the id itself is the first that is not before it.
        let Some(row) = reader.participant(&id)? else {
            return Ok(None);
        };
        let found = reader.user(row.no)?;
        found.map(|row| show(reader, row, now, current)).transpose()
    });
    user.await?.ok_or_else(ApiError::not_found)
}

/// See a user.
///
/// For administrators.
#[utoipa::path(
    get, path = "/api/v1/admin/users/{userId}", tag = "administration",
    params(("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls")),
    responses((status = 200, description = "The user", body = User), OneRefusals)
)]
pub(crate) async fn get_user(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    let id = named(&by.0, &id)?;
    Ok(json(StatusCode::OK, &find(&edge, &by, &id).await?))
}

/// Add a user.
///
/// For administrators. Where no password is said, one is made; it is in this answer, and never shown again.
#[utoipa::path(
    post, path = "/api/v1/admin/users", tag = "administration",
    request_body(content = AddUser, example = json!({"userId": "dora", "name": "Dora", "role": "dispatcher"})),
    responses((status = 201, description = "The user is added", body = UserAdded), AddRefusals)
)]
pub(crate) async fn post_user(
    State(edge): State<Edge>,
    by: Administrator,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let wanted = read_user(&body)?;
    let (hash, made) = if wanted.without_password {
        (None, None)
    } else {
        let (hash, made) = hash(&edge, wanted.password).await?;
        (Some(hash), made)
    };
    let user = NewUser {
        id: wanted.user_id.clone(),
        name: wanted.name,
        role: wanted.role,
        password: hash,
    };
    let now = edge.engine.now();
    let id = wanted.user_id;
    let added = act(
        &edge,
        &by,
        AuditKind::UserAdded,
        id.as_str(),
        move |directory, notes| {
            set_detail(notes, format!("role {}", user.role));
            directory.add_user(&user, now)
        },
    )
    .await?;
    let answer = UserAdded {
        user: find(&edge, &by, &id).await?,
        password: made,
        looks_like: added.looks_like,
    };
    Ok(json(StatusCode::CREATED, &answer))
}

fn set_detail(notes: &mut [NewAudit], detail: String) {
    if let Some(note) = notes.first_mut() {
        note.detail = Some(detail);
    }
}

/// Hashes a password, or one that is made here and returned beside it.
async fn hash(edge: &Edge, password: Option<String>) -> Result<(String, Option<String>), ApiError> {
    let made = password.is_none().then(|| make(edge.engine.random()));
    let password = password.or_else(|| made.clone()).unwrap_or_default();
    let turn = edge.sign_in.turn().await?;
    let hashed = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        password::hash(&password)
    });
    match hashed.await {
        Ok(Ok(hash)) => Ok((hash, made)),
        Ok(Err(error)) => {
            tracing::error!(%error, "a password could not be set");
            Err(internal())
        }
        Err(_) => Err(internal()),
    }
}

/// A password to be read out and typed once: four groups of five, a hundred random bits, without letters that look alike.
fn make(random: [u8; 32]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = String::with_capacity(23);
    for (at, byte) in random.iter().take(20).enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    text
}

/// Change a user's name or role, shut the user out, or let the user in again.
///
/// For administrators. What is left out stays; all of it is changed, or nothing. Nobody takes the role of administrator
/// from themselves, or shuts themselves out.
#[utoipa::path(
    patch, path = "/api/v1/admin/users/{userId}", tag = "administration",
    params(("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls")),
    request_body(content = UserChanges, example = json!({"role": "dispatcher"})),
    responses((status = 200, description = "The user as it is now", body = User), ChangeRefusals)
)]
pub(crate) async fn patch_user(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let id = named(&by.0, &id)?;
    let wanted = read_changes(&body)?;
    check_own(&by.0, &id, &wanted)?;
    let changes = changes_of(wanted);
    let (user, now) = (id.clone(), edge.engine.now());
    let what = changes
        .first()
        .map_or(AuditKind::UserNamed, |(what, ..)| *what);
    act(&edge, &by, what, id.as_str(), move |directory, notes| {
        let first = notes.first().cloned();
        notes.clear();
        for (what, detail, change) in changes {
            notes.extend(first.clone().map(|note| NewAudit {
                what,
                detail,
                ..note
            }));
            directory.change_user(&user, &change, now)?;
        }
        Ok(())
    })
    .await?;
    Ok(json(StatusCode::OK, &find(&edge, &by, &id).await?))
}

/// The changes one by one, each with how it is noted.
fn changes_of(wanted: UserChanges) -> Vec<(AuditKind, Option<String>, UserChange)> {
    let mut changes = Vec::new();
    if let Some(name) = wanted.name {
        let detail = Some(format!("name {name:?}"));
        changes.push((AuditKind::UserNamed, detail, UserChange::Name(name)));
    }
    if let Some(role) = wanted.role {
        let detail = Some(format!("role {role}"));
        changes.push((AuditKind::UserRole, detail, UserChange::Role(role)));
    }
    match wanted.disabled {
        Some(true) => changes.push((AuditKind::UserDisabled, None, UserChange::Disable)),
        Some(false) => changes.push((AuditKind::UserEnabled, None, UserChange::Enable)),
        None => {}
    }
    changes
}

/// Nobody shuts themselves out by mistake: another administrator does it.
fn check_own(caller: &Caller, id: &ParticipantId, wanted: &UserChanges) -> Result<(), ApiError> {
    if caller.me() != Some(id) {
        return Ok(());
    }
    let refuse = |field| {
        let detail = "is your own; another administrator changes it";
        Err(ApiError::field(field, FieldCode::Conflict, detail))
    };
    if wanted.role.is_some_and(|role| role != Role::Administrator) {
        return refuse("role");
    }
    if wanted.disabled == Some(true) {
        return refuse("disabled");
    }
    Ok(())
}

/// Set a user's password.
///
/// For administrators. Open sessions of the user end. Where no password is said, one is made; it is in this answer, and
/// never shown again.
#[utoipa::path(
    put, path = "/api/v1/admin/users/{userId}/password", tag = "administration",
    params(("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls")),
    request_body(content = Option<NewPassword>, example = json!({})),
    responses((status = 200, description = "The password is set", body = PasswordSet), ChangeRefusals)
)]
pub(crate) async fn put_password(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let id = named(&by.0, &id)?;
    let wanted = read_new_password(body)?;
    // A hash takes a core for some time: not for somebody who does not exist.
    find(&edge, &by, &id).await?;
    let (hash, made) = hash(&edge, wanted).await?;
    change(
        &edge,
        &by,
        &id,
        AuditKind::UserPassword,
        UserChange::Password(hash),
    )
    .await?;
    let set = PasswordSet {
        user_id: id,
        password: made,
    };
    Ok(json(StatusCode::OK, &set))
}

/// Sign a user out everywhere.
///
/// For administrators. All sessions of the user end, and with `tokens` the user's tokens are revoked. The user may sign in
/// again.
#[utoipa::path(
    post, path = "/api/v1/admin/users/{userId}/sign-out", tag = "administration",
    params(("userId" = ParticipantId, Path, description = "The user; `me` is the user who calls")),
    request_body(content = Option<SignOutUser>, example = json!({"tokens": true})),
    responses((status = 204, description = "The user is signed out everywhere"), ChangeRefusals)
)]
pub(crate) async fn post_sign_out(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds(id): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let id = named(&by.0, &id)?;
    let tokens = read_sign_out(body)?;
    change(
        &edge,
        &by,
        &id,
        AuditKind::UserSignedOut,
        UserChange::SignOut { tokens },
    )
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change(
    edge: &Edge,
    by: &Administrator,
    id: &ParticipantId,
    what: AuditKind,
    change: UserChange,
) -> Result<(), crate::problem::Refusal> {
    let (user, now) = (id.clone(), edge.engine.now());
    act(edge, by, what, id.as_str(), move |directory, notes| {
        if let UserChange::SignOut { tokens: true } = change {
            set_detail(notes, "tokens too".to_owned());
        }
        directory.change_user(&user, &change, now)
    })
    .await
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
    responses((status = 204, description = "It has ended"), ActRefusals)
)]
pub(crate) async fn delete_session(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds((id, session)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let id = named(&by.0, &id)?;
    let no = session
        .parse()
        .ok()
        .filter(|no: &i64| no.to_string() == session);
    let what = SignedOut::Session(SessionNo(no.ok_or_else(ApiError::not_found)?));
    sign_out(&edge, &by, &id, AuditKind::SessionEnded, what).await
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
    responses((status = 204, description = "No session is open on it any more"), ActRefusals)
)]
pub(crate) async fn delete_device(
    State(edge): State<Edge>,
    by: Administrator,
    PathIds((id, device)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let id = named(&by.0, &id)?;
    let what = SignedOut::Device(device);
    sign_out(&edge, &by, &id, AuditKind::DeviceSignedOut, what).await
}

async fn sign_out(
    edge: &Edge,
    by: &Administrator,
    id: &ParticipantId,
    what: AuditKind,
    signed_out: SignedOut,
) -> Answered {
    let user = id.clone();
    let there = act(edge, by, what, id.as_str(), move |directory, notes| {
        let detail = match &signed_out {
            SignedOut::Session(no) => format!("session {}", no.0),
            SignedOut::Device(id) => format!("device {id}"),
        };
        let there = directory.sign_out(&user, &signed_out)?;
        if there {
            set_detail(notes, detail);
        } else {
            notes.clear();
        }
        Ok::<_, DirectoryError>(there)
    })
    .await?;
    if there {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(ApiError::not_found().into())
    }
}

/// An id of the path. What cannot be an id does not exist.
fn named(caller: &Caller, text: &str) -> Result<ParticipantId, ApiError> {
    ParticipantId::new(caller.named(text)).map_err(|_| ApiError::not_found())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_password_that_is_made_has_four_groups_of_five() {
        let made = super::make(std::array::from_fn(|at| at as u8));
        assert_eq!(made, "01234-56789-abcde-fghjk");
    }
}
