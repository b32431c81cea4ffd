//! `PUT` and `DELETE /api/v1/participants/{id}/watchers/{userId}`, and the list of them: for administrators.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{ApiError, AuditKind, ParticipantId, Watcher, Watchers};
use crewline_core::Directory;

use crate::answer::{json, page};
use crate::app::Edge;
use crate::audit::Administrator;
use crate::directory::change;
use crate::id::PathIds;
use crate::problem::Answered;
use crate::query::{NoQuery, Query};
use crate::refusals::{CALLER, READ, WRITE, refusals};

refusals!(WatchersRefusals: READ, [NotAllowed, NotFound]);
refusals!(WatchRefusals: CALLER, WRITE, [NotAllowed, NotFound]);

/// See who watches a participant.
///
/// For administrators: users of that role, and tokens of administration.
#[utoipa::path(
    get, path = "/api/v1/participants/{id}/watchers", tag = "watchers",
    params(
        ("id" = ParticipantId, Path, description = "Who is watched; `me` is the user who calls"),
        ("after" = Option<String>, Query, description = "The `next` of the page before", example = "dora"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
    ),
    responses((status = 200, description = "A page of watchers, sorted by id", body = Watchers), WatchersRefusals)
)]
pub(crate) async fn get_watchers(
    State(edge): State<Edge>,
    Administrator(caller): Administrator,
    PathIds(id): PathIds<String>,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["after", "limit"]);
    let after = query.search("after");
    let limit = query.limit(PAGE_DEFAULT);
    query.finish()?;
    let id = caller.named_in_path(&id)?;
    // One more is read than the page holds: it says that there is a next one.
    let mut rows = edge
        .engine
        .read(move |reader| reader.watchers(&id, after.as_deref(), limit + 1))
        .await?
        .ok_or_else(ApiError::not_found)?;
    let next = page(&mut rows, limit, |row| row.id.to_string());
    let watchers = rows.into_iter().map(|row| Watcher {
        user_id: row.id,
        name: row.name,
        since: row.since,
    });
    let watchers = watchers.collect();
    Ok(json(StatusCode::OK, &Watchers { watchers, next }))
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
    Administrator(caller): Administrator,
    PathIds((id, user)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let participant = caller.named_in_path(&id)?;
    let user = caller.named_in_path(&user)?;
    let note = caller.does(AuditKind::WatcherMade).about(user.as_str());
    let note = note.detail(format!("of {participant}"));
    let (watcher, watched) = (user.clone(), participant.clone());
    let watch = move |directory: &mut dyn Directory, now| directory.watch(&user, &participant, now);
    if change(&edge, note, watch).await? {
        let actor = caller.actor_name();
        tracing::info!(%actor, %watcher, participant = %watched, "a user watches a participant from now on");
    }
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
    Administrator(caller): Administrator,
    PathIds((id, user)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let participant = caller.named_in_path(&id)?;
    let user = caller.named_in_path(&user)?;
    let note = caller.does(AuditKind::WatcherEnded).about(user.as_str());
    let note = note.detail(format!("of {participant}"));
    let (watcher, watched) = (user.clone(), participant.clone());
    let unwatch = move |directory: &mut dyn Directory, _| directory.unwatch(&user, &participant);
    if change(&edge, note, unwatch).await? {
        let actor = caller.actor_name();
        tracing::info!(%actor, %watcher, participant = %watched, "a user does not watch a participant any more");
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
