//! `POST /api/v1/chats`, `GET /api/v1/chats/{chatId}/messages`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use crewline_api::limits::HISTORY_DEFAULT;
use crewline_api::{
    ApiError, Chat, ChatId, GroupId, MessagesPage, NewChat, ParticipantId, ToGroup,
};
use crewline_core::{Actor, Answer, ChatCommand, Command, Scope};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::{Faults, Place};
use crate::fields::Fields;
use crate::id::{PathIds, read_id};
use crate::json::Json;
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, Query};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};

refusals!(ChatRefusals: BODY, CALLER, WRITE, [NotAllowed, UnknownRecipient, UnknownGroup]);
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
    check_maker(&caller)?;
    let command = chat_command(&edge, &caller, body.json()?).await?;
    match edge.engine.submit(command).await? {
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

/// The user who makes a chat; `None` where an external does.
fn check_maker(caller: &Caller) -> Result<Option<Actor>, ApiError> {
    if let Scope::User { .. } = caller.credential().scope {
        return Ok(Some(caller.user()?.1));
    }
    caller.must_be_external("")?;
    Ok(None)
}

/// The command that makes a chat, once it is known that the caller may act so.
pub(crate) async fn chat_command(
    edge: &Edge,
    caller: &Caller,
    body: Json<'_>,
) -> Result<Command, ApiError> {
    let by_user = check_maker(caller)?;
    let (from, others, groups) = read_chat(caller, body, by_user.is_some())?;
    let actor = match (by_user, from) {
        (Some(actor), _) => actor,
        (None, Some(from)) => caller.external(edge, &from).await?,
        (None, None) => return Err(internal()),
    };
    Ok(Command::Chat(ChatCommand::new(actor, others, groups)?))
}

/// Who makes a chat, where an external does; the others, and the groups among them.
pub(crate) type Wanted = (Option<ParticipantId>, Vec<ParticipantId>, Vec<ToGroup>);

/// Reads who is to be in a chat.
pub(crate) fn read_chat(
    caller: &Caller,
    body: Json<'_>,
    by_user: bool,
) -> Result<Wanted, ApiError> {
    let faults = Faults::default();
    let mut fields = Fields::of_body(body, &faults)?;
    let from = if by_user {
        None
    } else {
        fields.parsed("fromExtUserId", |id| caller.read_named(id))
    };
    // One of both is needed.
    let with_groups = fields.has("toGroups");
    let others = if with_groups {
        fields.optional_texts("toUserIds", read_id::<ParticipantId>)
    } else {
        fields.texts("toUserIds", read_id::<ParticipantId>)
    };
    let groups = fields.optional_list("toGroups").unwrap_or_default();
    fields.end();
    let groups = groups.into_iter().enumerate();
    let groups: Vec<_> = groups
        .filter_map(|(index, item)| read_to_group(item, index, &faults))
        .collect();
    faults.finish(|| Ok((from, others.unwrap_or_default(), groups)))
}

/// A group among those whom something is for.
pub(crate) fn read_to_group(item: Json<'_>, index: usize, faults: &Faults) -> Option<ToGroup> {
    let mut fields = Fields::of_item(item, Place::Item("toGroups", index), faults)?;
    let group_id = fields.parsed("groupId", read_id::<GroupId>);
    let on_duty_only = fields.flag("onDutyOnly");
    fields.end();
    Some(ToGroup {
        group_id: group_id?,
        on_duty_only,
    })
}

/// Read the history of a chat, newest first.
///
/// For those who are in it, and their watchers; who looks with the eyes of several sees what all of them see. `asOf` is
/// the head of the caller's log in the same reading: load, then follow the log from there, and nothing is missed. Where
/// the caller is not in the chat, it is the log of the first participant (by id) that is watched there; name one in
/// `participant` to be sure.
#[utoipa::path(
    get, path = "/api/v1/chats/{chatId}/messages", tag = "chats",
    params(
        ("chatId" = ChatId, Path, description = "The chat"),
        ("before" = Option<String>, Query, description = "The `next` of the page before", example = "118"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many; 50 if left out"),
        ("participant" = Option<ParticipantId>, Query, description = "With whose eyes to look: one that the token covers, or that the user watches"),
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
    let participant = query.parsed("participant", |id| caller.read_named(id));
    query.finish()?;
    let viewers = caller.viewers(&edge, participant.as_ref()).await?;
    let chat: ChatId = chat.parse().map_err(|_| ApiError::not_found())?;
    let page = edge
        .engine
        .read(move |reader| viewers.history(reader, chat, before, limit))
        .await?;
    let page = page.ok_or_else(ApiError::not_found)?;
    caller.note_seen_through(&edge, &page.through).await;
    Ok(json(StatusCode::OK, &page.found))
}
