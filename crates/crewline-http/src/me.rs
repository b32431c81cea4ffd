//! `GET /api/v1/me`, `GET /api/v1/me/chats`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::PAGE_DEFAULT;
use crewline_api::{ApiError, ChatsPage, FieldCode, Me, ParticipantId, Timestamp};
use crewline_core::{ChatNo, ChatsBefore};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::fault::quoted;
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{READ, refusals};
use crate::text::Read;
use crate::viewers::Viewers;

refusals!(MeRefusals: READ, [NotAllowed]);

/// See yourself: name, role, whom you watch, devices and open sessions.
///
/// For users.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "The caller", body = Me), MeRefusals)
)]
pub(crate) async fn get_me(State(edge): State<Edge>, caller: Caller, _: NoQuery) -> Answered {
    let (no, _) = caller.user()?;
    let now = edge.engine.now();
    let rows = edge
        .engine
        .read(move |reader| reader.me(no, now))
        .await?
        .ok_or_else(ApiError::not_found)?;
    let current = caller.session();
    let sessions = rows.sessions.into_iter().map(|(session, mut view)| {
        view.current = current == Some(session);
        view
    });
    let me = Me {
        user_id: rows.user_id,
        name: rows.name,
        role: rows.role,
        watches: rows.watches,
        devices: rows.devices,
        sessions: sessions.collect(),
    };
    Ok(json(StatusCode::OK, &me))
}

/// List your chats, newest activity first, or those of one whom you watch.
///
/// For users. `asOf` is the head of the caller's log in the same reading: load, then follow the log from there, and
/// nothing is missed. With `participant` they are the chats of that one, as that one sees them, and `asOf` is the head of
/// its log. An external's own messages are in no log, and stand here from the moment in which they are stored.
#[utoipa::path(
    get, path = "/api/v1/me/chats", tag = "me",
    params(
        ("before" = Option<String>, Query, description = "The `next` of the page before", example = "1795407449120.12"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 100 if left out"),
        ("participant" = Option<ParticipantId>, Query, description = "One whom the user watches; the caller if left out"),
    ),
    responses((status = 200, description = "A page of chats", body = ChatsPage), MeRefusals)
)]
pub(crate) async fn get_chats(
    State(edge): State<Edge>,
    caller: Caller,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["before", "limit", "participant"]);
    let before = query.parsed("before", read_before);
    let limit = query.limit(PAGE_DEFAULT);
    let participant = query.parsed("participant", |id| caller.read_named(id));
    query.finish()?;
    let (own, _) = caller.user()?;
    let no = match participant {
        None => own,
        Some(id) => match caller.viewers(&edge, Some(&id)).await? {
            Viewers::One(no) => no,
            Viewers::User(_) | Viewers::Externals(_) => return Err(internal().into()),
        },
    };
    let page = edge
        .engine
        .read(move |reader| reader.chats(no, before, limit))
        .await?;
    Ok(json(StatusCode::OK, &page))
}

/// The place behind a chat, as `next` says it: `<lastActivity in ms>.<number of the chat>`.
pub(crate) fn read_before(text: &str) -> Read<ChatsBefore> {
    let place = text.split_once('.').and_then(|(time, chat)| {
        Some(ChatsBefore {
            last_activity: Timestamp::from_millis(time.parse().ok()?),
            chat: ChatNo(chat.parse().ok()?),
        })
    });
    place.ok_or_else(|| {
        (
            FieldCode::Malformed,
            format!(
                "is {}, and must be what `next` of the page before was",
                quoted(text)
            ),
        )
    })
}
