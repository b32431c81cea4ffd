//! `POST /api/v1/chats`, `GET /api/v1/chats/{chatId}/messages`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::HISTORY_DEFAULT;
use crewline_api::{ApiError, Chat, ChatId, FieldCode, MessagesPage, NewChat, ParticipantId};
use crewline_core::{Answer, ChatCommand, Command, Scope};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::Faults;
use crate::message::read_id;
use crate::path::PathIds;
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, READ, WRITE, refusals};

refusals!(ChatRefusals: BODY, WRITE, [NotAllowed, UnknownRecipient]);
refusals!(HistoryRefusals: READ, [NotAllowed, NotFound]);

/// Make a chat without a message, or find it.
///
/// An external names itself in `fromExtUserId`; a user leaves that out. There is one chat for each set of people,
/// whoever makes it. Everyone in a new chat is told by an event; nobody is alerted.
#[utoipa::path(
    post, path = "/api/v1/chats", tag = "chats",
    request_body(content = NewChat, example = json!({"fromExtUserId": "scada:feeder-7", "toUserIds": ["alice", "bob"]})),
    responses(
        (status = 201, description = "The chat is new", body = Chat),
        (status = 200, description = "These people have a chat", body = Chat),
        ChatRefusals
    )
)]
pub(crate) async fn post_chat(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let by_user = match caller.credential().scope {
        Scope::User { .. } => Some(caller.user()?.1),
        _ => {
            caller.must_be_external("")?;
            None
        }
    };
    let faults = Faults::default();
    let (mut from, mut others) = (None, None);
    if let Some(mut fields) = body.fields(&faults)? {
        if by_user.is_none() {
            from = fields.parsed("fromExtUserId", |id| {
                read_id::<ParticipantId>(caller.named(id))
            });
        }
        let given = fields.has("toUserIds");
        others = fields.optional_texts("toUserIds", read_id::<ParticipantId>);
        if others.is_none() && !given {
            fields.missing("toUserIds", "is needed, and was left out");
        }
        fields.end();
    }
    let (from, others) = faults.finish(|| Ok((from, others.unwrap_or_default())))?;
    let actor = match (by_user, from) {
        (Some(actor), _) => actor,
        (None, Some(from)) => caller.external(&edge, &from).await?,
        (None, None) => {
            return Err(ApiError::field(
                "fromExtUserId",
                FieldCode::Required,
                "is needed, and was left out",
            )
            .into());
        }
    };
    let command = ChatCommand::new(actor, others)?;
    match edge.engine.submit(Command::Chat(command)).await? {
        Answer::Chat { chat, new } => Ok(json(
            if new {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            },
            &chat,
        )),
        _ => Err(internal().into()),
    }
}

/// Read the history of a chat, newest first.
///
/// For those who are in it. `asOf` is the head of the caller's log in the same reading: load, then follow the log from
/// there, and nothing is missed.
#[utoipa::path(
    get, path = "/api/v1/chats/{chatId}/messages", tag = "chats",
    params(
        ("chatId" = ChatId, Path, description = "The chat"),
        ("before" = Option<String>, Query, description = "The `next` of the page before", example = "118"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 50 if left out"),
        ("participant" = Option<ParticipantId>, Query, description = "With whose eyes to look, where a token covers several participants"),
    ),
    responses((status = 200, description = "A page of its messages", body = MessagesPage), HistoryRefusals)
)]
pub(crate) async fn get_history(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(chat): PathIds<String>,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["before", "limit", "participant"]);
    let before = query.whole("before", 1..=i64::MAX as u64);
    let limit = query.limit(HISTORY_DEFAULT);
    let participant = query.parsed("participant", |id| {
        read_id::<ParticipantId>(caller.named(id))
    });
    query.finish()?;
    let viewers = caller.viewers(&edge, participant.as_ref()).await?;
    let chat: ChatId = chat.parse().map_err(|_| ApiError::not_found())?;
    let page = edge
        .engine
        .read(move |reader| {
            viewers.first(reader, |viewer| reader.history(viewer, chat, before, limit))
        })
        .await?;
    Ok(json(StatusCode::OK, &page.ok_or_else(ApiError::not_found)?))
}
