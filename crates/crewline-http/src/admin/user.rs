//! `/api/v1/admin/users`: who is in the directory, and what administrators do with them.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{
    AddUser, ApiError, AuditKind, FieldCode, ParticipantId, Role, Timestamp, User, UserAdded,
    UserChanges, Users,
};
use crewline_core::{NewAudit, NewUser, Reader, SessionNo, StoreError, UserChange, UserRow};

use super::act;
use super::password::hash;
use super::read::{read_changes, read_user};
use crate::answer::{json, page};
use crate::app::Edge;
use crate::audit::Administrator;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::id::PathIds;
use crate::problem::Answered;
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};

refusals!(ListRefusals: READ, [NotAllowed]);
refusals!(OneRefusals: READ, [NotAllowed, NotFound]);
refusals!(AddRefusals: BODY, CALLER, WRITE, [NotAllowed]);
refusals!(ChangeRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound]);

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

pub(super) async fn find(
    edge: &Edge,
    by: &Administrator,
    id: &ParticipantId,
) -> Result<User, ApiError> {
    let (now, current, id) = (edge.engine.now(), by.0.session(), id.clone());
    let user = edge.engine.read(move |reader| {
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
    let id = by.0.named_in_path(&id)?;
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
    let id = wanted.user_id;
    let added = act(
        &edge,
        &by,
        AuditKind::UserAdded,
        id.as_str(),
        move |directory, notes, now| {
            for note in notes {
                note.detail = Some(format!("role {}", user.role));
            }
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
    let id = by.0.named_in_path(&id)?;
    let wanted = read_changes(&body)?;
    check_own(&by.0, &id, &wanted)?;
    change(&edge, &by, &id, changes_of(wanted)).await?;
    Ok(json(StatusCode::OK, &find(&edge, &by, &id).await?))
}

/// The changes one by one.
fn changes_of(wanted: UserChanges) -> Vec<UserChange> {
    let disabled = wanted.disabled.map(|disabled| {
        if disabled {
            UserChange::Disable
        } else {
            UserChange::Enable
        }
    });
    let name = wanted.name.map(UserChange::Name);
    let role = wanted.role.map(UserChange::Role);
    name.into_iter().chain(role).chain(disabled).collect()
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

/// Changes a user: all of it, or nothing. Each change is noted by itself.
pub(super) async fn change(
    edge: &Edge,
    by: &Administrator,
    id: &ParticipantId,
    changes: Vec<UserChange>,
) -> Result<(), ApiError> {
    let Some((what, _)) = changes.first().map(UserChange::noted) else {
        return Ok(());
    };
    let user = id.clone();
    act(edge, by, what, id.as_str(), move |directory, notes, now| {
        let first = notes.pop();
        for change in changes {
            let (what, detail) = change.noted();
            notes.extend(first.clone().map(|note| NewAudit {
                what,
                detail,
                ..note
            }));
            directory.change_user(&user, &change, now)?;
        }
        Ok(())
    })
    .await
}
