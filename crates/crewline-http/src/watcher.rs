//! `PUT` and `DELETE /api/v1/participants/{id}/watchers/{userId}`, and the list of them: for administrators.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::{ApiError, ParticipantId, Watcher, Watchers};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::directory::refused;
use crate::path::PathIds;
use crate::problem::Answered;
use crate::query::NoQuery;
use crate::refusals::{CALLER, READ, WRITE, refusals};

refusals!(WatchersRefusals: READ, [NotAllowed, NotFound]);
refusals!(WatchRefusals: CALLER, WRITE, [NotAllowed, NotFound]);

/// See who watches a participant.
///
/// For administrators: users of that role, and tokens of administration.
#[utoipa::path(
    get, path = "/api/v1/participants/{id}/watchers", tag = "watchers",
    params(("id" = ParticipantId, Path, description = "Who is watched; `me` is the user who calls")),
    responses((status = 200, description = "The watchers, sorted by id", body = Watchers), WatchersRefusals)
)]
pub(crate) async fn get_watchers(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    _: NoQuery,
) -> Answered {
    caller.must_administer()?;
    let id = read(&caller, &id)?;
    let rows = edge
        .engine
        .read(move |reader| reader.watchers(&id))
        .await?
        .ok_or_else(ApiError::not_found)?;
    let watchers = rows.into_iter().map(|row| Watcher {
        user_id: row.id,
        name: row.name,
        since: row.since,
    });
    let watchers = watchers.collect();
    Ok(json(StatusCode::OK, &Watchers { watchers }))
}

/// Make a user a watcher of a participant.
///
/// For administrators. A watcher reads that participant's log, its messages with their states, and its chats, as the
/// participant itself does; it sends nothing in its name, says no receipt for it, and has none of its cursors. Saying it
/// again changes nothing. An external that has not acted yet can be watched where a token names it, or a prefix of it.
#[utoipa::path(
    put, path = "/api/v1/participants/{id}/watchers/{userId}", tag = "watchers",
    params(
        ("id" = ParticipantId, Path, description = "Who is watched: an external or a user; `me` is the user who calls"),
        ("userId" = ParticipantId, Path, description = "Who watches; `me` is the user who calls"),
    ),
    responses((status = 204, description = "The user watches the participant, as before or from now on"), WatchRefusals)
)]
pub(crate) async fn put_watcher(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds((id, user)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    caller.must_administer()?;
    let (participant, user) = (read(&caller, &id)?, read(&caller, &user)?);
    let done = edge
        .engine
        .directory(move |directory, now| directory.watch(&user, &participant, now))
        .await?;
    done.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// End that a user watches a participant.
///
/// For administrators. Open streams and waiting calls of that log end within a second. It is no error where the user
/// did not watch the participant.
#[utoipa::path(
    delete, path = "/api/v1/participants/{id}/watchers/{userId}", tag = "watchers",
    params(
        ("id" = ParticipantId, Path, description = "Who is watched; `me` is the user who calls"),
        ("userId" = ParticipantId, Path, description = "Who watches; `me` is the user who calls"),
    ),
    responses((status = 204, description = "The user does not watch the participant"), WatchRefusals)
)]
pub(crate) async fn delete_watcher(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds((id, user)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    caller.must_administer()?;
    let (participant, user) = (read(&caller, &id)?, read(&caller, &user)?);
    let done = edge
        .engine
        .directory(move |directory, _| directory.unwatch(&user, &participant))
        .await?;
    done.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An id of the path. What cannot be an id does not exist.
fn read(caller: &Caller, text: &str) -> Result<ParticipantId, ApiError> {
    ParticipantId::new(caller.named(text)).map_err(|_| ApiError::not_found())
}
