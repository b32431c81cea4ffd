//! `GET /api/v1/search`: in what a user may read.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::HISTORY_DEFAULT;
use crewline_api::{ChatId, FieldCode, ParticipantId, SearchPage, Timestamp};
use crewline_core::search::{Search, SearchWords};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::{Caller, participant};
use crate::problem::Answered;
use crate::query::Query;
use crate::refusals::{READ, refusals};

refusals!(SearchRefusals: READ, [NotAllowed]);

/// Search in your messages.
///
/// For users: in the chats in which the user is, and in those of the participants whom the user watches; newest first. All
/// words must be in the text, in any order, without regard to case and marks on letters. The last word may be the beginning
/// of one; words in quotes stand behind each other. A call looks through so many messages and no more: where there is a
/// `next`, there may be more.
#[utoipa::path(
    get, path = "/api/v1/search", tag = "messages",
    params(
        ("q" = Option<String>, Query, description = "What to look for; `from` or `chat`, where it is left out", example = "feeder \"has tripped\""),
        ("from" = Option<ParticipantId>, Query, description = "Sent by this one; `me` is the user who calls"),
        ("chat" = Option<ChatId>, Query, description = "In this chat"),
        ("after" = Option<Timestamp>, Query, description = "Not sent before this"),
        ("before" = Option<Timestamp>, Query, description = "Sent before this"),
        ("page" = Option<u64>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 50 if left out"),
    ),
    responses((status = 200, description = "A page of what was found", body = SearchPage), SearchRefusals)
)]
pub(crate) async fn get_search(
    State(edge): State<Edge>,
    caller: Caller,
    request: Request,
) -> Answered {
    let (user, _) = caller.user()?;
    let (parts, _) = request.into_parts();
    let known = ["q", "from", "chat", "after", "before", "page", "limit"];
    let mut query = Query::read(&parts, &known);
    let asked = query.search("q");
    let words = asked.as_deref().and_then(SearchWords::read);
    if asked.is_some() && words.is_none() {
        query.fault(
            "q",
            FieldCode::Empty,
            "has no word in it: letters or digits",
        );
    }
    let from = query.parsed("from", |id| caller.read_named(id));
    // What cannot be a chat is one in which nothing is.
    let chat = query.text("chat").map(|id| id.parse::<ChatId>().ok());
    let (after, before) = (query.time("after"), query.time("before"));
    let below = query.whole("page", 1..=i64::MAX);
    let limit = query.limit(HISTORY_DEFAULT);
    if asked.is_none() && from.is_none() && chat.is_none() {
        query.fault("q", FieldCode::Required, "is needed, or `from`, or `chat`");
    }
    query.finish()?;
    let sender = match &from {
        Some(id) => participant(&edge, id).await?.map(|row| Some(row.no)),
        None => Some(None),
    };
    let chat = chat.map_or(Some(None), |chat| chat.map(Some));
    let (Some(from), Some(chat)) = (sender, chat) else {
        return Ok(json(StatusCode::OK, &nothing()));
    };
    let search = Search {
        words,
        from,
        chat,
        after,
        before,
        below,
    };
    find(&edge, &caller, user, search, limit).await
}

fn nothing() -> SearchPage {
    SearchPage {
        hits: Vec::new(),
        next: None,
        indexed_up_to: None,
    }
}

async fn find(
    edge: &Edge,
    caller: &Caller,
    user: crewline_core::ParticipantNo,
    search: Search,
    limit: usize,
) -> Answered {
    let (found, through) = edge
        .engine
        .read(move |reader| {
            let found = reader.search(user, &search, limit)?;
            let mut through = Vec::new();
            for no in &found.through {
                through.extend(reader.participant_of(*no)?.map(|row| (*no, row.id)));
            }
            Ok((found, through))
        })
        .await?;
    caller.note_seen_through(edge, &through).await;
    let page = SearchPage {
        hits: found.hits,
        next: found.next.map(|no| no.to_string()),
        indexed_up_to: found.indexed_up_to,
    };
    Ok(json(StatusCode::OK, &page))
}
