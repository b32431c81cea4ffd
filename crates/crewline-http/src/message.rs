//! `POST /api/v1/messages`, `POST /api/v1/chats/{chatId}/messages`, `GET /api/v1/messages/{messageId}`

use std::convert::Infallible;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use crewline_api::{
    ApiError, ChatId, FieldCode, IdempotencyKey, MessageId, MessageView, NewMessage,
    NewMessageGroup, NewMessageUser, NewReply, ParticipantId, Priority, SentMessage,
};
use crewline_core::{Actor, Answer, Command, ReplyCommand, SendCommand};

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
use crate::text::Read;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

refusals!(SendRefusals: BODY, CALLER, WRITE, [NotAllowed, UnknownRecipient, UnknownGroup, IdempotencyMismatch]);
refusals!(ReplyRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound, IdempotencyMismatch]);
refusals!(MessageRefusals: READ, [NotAllowed, NotFound]);

/// Send a message to people.
///
/// For externals. The chat is the one of exactly these people, made where there is none yet. The answer comes when the
/// message is durable. Payloads come back as events when the first device of that recipient has the message, and when
/// that person has read it. `fromExtUserId` may be `me` where the token names exactly one external. Groups are resolved in
/// the moment in which the message is stored, and stand in it as the people who were in them then, without those who are
/// shut out; the same idempotency key gives the first answer, also when a group has changed since.
#[utoipa::path(
    post, path = "/api/v1/messages", tag = "messages",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, example = "outage-4711/1",
        description = "Makes a retry the same message: up to 255 bytes. Its scope is the sender, and it lives as long as the message.")),
    request_body(content = NewMessage, example = json!({
        "fromExtUserId": "scada:feeder-7", "fromExtUserName": "Feeder 7",
        "toUsers": [{"toUserId": "alice", "onReadPayload": "dGlja2V0LTE3"}, {"toUserId": "bob"}],
        "message": "Breaker 1204 has tripped", "priority": 1
    })),
    responses(
        (status = 201, description = "The message is stored", body = SentMessage,
            headers(("Location" = String, description = "Where the message and its states are"))),
        (status = 200, description = "It was stored before, with this idempotency key: the first answer again", body = SentMessage),
        SendRefusals
    )
)]
pub(crate) async fn post_message(
    State(edge): State<Edge>,
    caller: Caller,
    _: NoQuery,
    key: KeyHeader,
    body: JsonBody,
) -> Answered {
    check_sender(&caller)?;
    let command = send_command(&edge, &caller, body.json()?, Key::Header(key)).await?;
    sent(edge.engine.submit(command).await?)
}

/// Only externals send so.
fn check_sender(caller: &Caller) -> Result<(), ApiError> {
    caller.must_be_external("A user sends into a chat, by POST /api/v1/chats/{chatId}/messages.")
}

/// The command of a send, once it is known that the caller may act so.
pub(crate) async fn send_command(
    edge: &Edge,
    caller: &Caller,
    body: Json<'_>,
    key: Key,
) -> Result<Command, ApiError> {
    check_sender(caller)?;
    let message = read_message(caller, body, key)?;
    let actor = caller.external(edge, &message.from_ext_user_id).await?;
    Ok(Command::Send(SendCommand::new(message, actor.device)?))
}

pub(crate) fn read_message(
    caller: &Caller,
    body: Json<'_>,
    key: Key,
) -> Result<NewMessage, ApiError> {
    let faults = Faults::default();
    let mut fields = Fields::of_body(body, &faults)?;
    let key = key.read(&mut fields, &faults);
    let from = fields.text("fromExtUserId").unwrap_or_default();
    let name = fields.text("fromExtUserName").unwrap_or_default();
    // One of both is needed.
    let users = if fields.has("toGroups") {
        fields.optional_list("toUsers")
    } else {
        fields.list("toUsers")
    };
    let groups = fields.optional_list("toGroups").unwrap_or_default();
    let text = fields.text("message").unwrap_or_default();
    let priority = read_priority(&mut fields, &faults);
    fields.end();
    let mut builder = NewMessage::builder(caller.named(&from), name, text).priority(priority);
    let users = users
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, item)| read_user(item, index, &faults));
    builder = builder.to_all(users);
    for (index, item) in groups.into_iter().enumerate() {
        builder = builder.to_group(read_group(item, index, &faults));
    }
    if let Some(key) = key {
        builder = builder.idempotency_key(key.as_str());
    }
    faults.finish(|| builder.build())
}

pub(crate) fn read_user(item: Json<'_>, index: usize, faults: &Faults) -> NewMessageUser {
    let Some(mut fields) = Fields::of_item(item, Place::Item("toUsers", index), faults) else {
        return NewMessageUser::new("");
    };
    let mut user = NewMessageUser::new(fields.text("toUserId").unwrap_or_default());
    user.on_delivered_payload = fields.payload("onDeliveredPayload");
    user.on_read_payload = fields.payload("onReadPayload");
    fields.end();
    user
}

pub(crate) fn read_group(item: Json<'_>, index: usize, faults: &Faults) -> NewMessageGroup {
    let Some(mut fields) = Fields::of_item(item, Place::Item("toGroups", index), faults) else {
        return NewMessageGroup::new("");
    };
    let mut group = NewMessageGroup::new(fields.text("groupId").unwrap_or_default());
    group.on_duty_only = fields.flag("onDutyOnly");
    group.on_delivered_payload = fields.payload("onDeliveredPayload");
    group.on_read_payload = fields.payload("onReadPayload");
    fields.end();
    group
}

fn read_priority(fields: &mut Fields<'_, '_>, faults: &Faults) -> Priority {
    let Some(number) = fields.optional_whole("priority") else {
        return Priority::default();
    };
    Priority::try_from(number).unwrap_or_else(|must| {
        let detail = format!("is {number}; {must}");
        faults.add("priority", FieldCode::OutOfRange, detail);
        Priority::default()
    })
}

/// The idempotency key of a request, or what is wrong with that header.
pub(crate) struct KeyHeader(Read<Option<IdempotencyKey>>);

impl<S: Sync> FromRequestParts<S> for KeyHeader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl KeyHeader {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = match (given.next(), given.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err((FieldCode::Conflict, "is given twice".to_owned())),
            (Some(value), None) => match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => read_id(text).map(Some),
                Err(_) => Err((FieldCode::Malformed, "is not UTF-8".to_owned())),
            },
        };
        Self(key)
    }
}

/// Where the idempotency key of a command stands.
pub(crate) enum Key {
    /// In a header of the request.
    Header(KeyHeader),
    /// In the field `idempotencyKey` of the command.
    Inside,
}

impl Key {
    /// The key; what is wrong with it is a fault of the request.
    fn read(self, fields: &mut Fields<'_, '_>, faults: &Faults) -> Option<IdempotencyKey> {
        match self {
            Self::Inside => fields.optional_parsed("idempotencyKey", read_id),
            Self::Header(KeyHeader(key)) => key.unwrap_or_else(|(code, detail)| {
                faults.add(IDEMPOTENCY_KEY, code, detail);
                None
            }),
        }
    }
}

/// Send a message into a chat.
///
/// For users; an external sends by `POST /api/v1/messages`. Everyone else in the chat gets it. What the sender had not
/// read before is read by it: up to `readUpTo`, or everything stored before where that is left out; but emergencies,
/// which are read by themselves.
#[utoipa::path(
    post, path = "/api/v1/chats/{chatId}/messages", tag = "messages",
    params(
        ("chatId" = ChatId, Path, description = "The chat"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, example = "phone-7/18",
            description = "Makes a retry the same message: up to 255 bytes. Its scope is the sender, and it lives as long as the message."),
    ),
    request_body(content = NewReply, example = json!({"message": "On my way", "replyTo": "m2k7f3q9xab"})),
    responses(
        (status = 201, description = "The message is stored", body = SentMessage,
            headers(("Location" = String, description = "Where the message and its states are"))),
        (status = 200, description = "It was stored before, with this idempotency key: the first answer again", body = SentMessage),
        ReplyRefusals
    )
)]
pub(crate) async fn post_reply(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(chat): PathIds<String>,
    _: NoQuery,
    key: KeyHeader,
    body: JsonBody,
) -> Answered {
    let actor = replier(&caller)?;
    let (_, reply, key) = read_reply(body.json()?, Key::Header(key))?;
    let chat: ChatId = chat.parse().map_err(|_| ApiError::not_found())?;
    let command = ReplyCommand::new(actor, chat, reply, key)?;
    sent(edge.engine.submit(Command::Reply(command)).await?)
}

/// Only users reply.
fn replier(caller: &Caller) -> Result<Actor, ApiError> {
    let (_, actor) = caller.user_or(
        "An external sends by POST /api/v1/messages; the same people have the same chat.",
    )?;
    Ok(actor)
}

/// The command of a reply that names its chat and its idempotency key inside.
pub(crate) fn reply_command(caller: &Caller, body: Json<'_>) -> Result<Command, ApiError> {
    let actor = replier(caller)?;
    let (chat, reply, key) = read_reply(body, Key::Inside)?;
    let chat: ChatId = chat.parse().map_err(|_| ApiError::not_found())?;
    Ok(Command::Reply(ReplyCommand::new(actor, chat, reply, key)?))
}

/// A reply, with its chat where that stands inside.
pub(crate) fn read_reply(
    body: Json<'_>,
    key: Key,
) -> Result<(String, NewReply, Option<IdempotencyKey>), ApiError> {
    let faults = Faults::default();
    let mut reply = NewReply::new("");
    let mut fields = Fields::of_body(body, &faults)?;
    let chat = match key {
        Key::Header(_) => None,
        Key::Inside => fields.text("chatId"),
    };
    let key = key.read(&mut fields, &faults);
    reply.message = fields.text("message").unwrap_or_default().into_owned();
    reply.priority = read_priority(&mut fields, &faults);
    let message_of_chat = |text: &str| {
        // An id that nobody was given looks like one of another chat.
        text.parse::<MessageId>().map_err(|_| {
            (
                FieldCode::UnknownMessage,
                "is no message of this chat".to_owned(),
            )
        })
    };
    reply.reply_to = fields.optional_parsed("replyTo", message_of_chat);
    reply.read_up_to = fields.optional_parsed("readUpTo", message_of_chat);
    fields.end();
    let chat = chat.unwrap_or_default().into_owned();
    faults.finish(|| reply.check().map(|()| (chat, reply, key)))
}

fn sent(answer: Answer) -> Answered {
    let Answer::Sent { sent, again } = answer else {
        return Err(internal().into());
    };
    let mut response = json(
        if again {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        },
        &sent,
    );
    if !again
        && let Ok(place) = HeaderValue::from_str(&format!("/api/v1/messages/{}", sent.message_id))
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// See a message and what became of it.
///
/// Its sender sees every recipient, a recipient itself. A user also sees what those see whom the user watches, and a
/// token that covers several participants what all of them see; `participant` narrows that to one.
#[utoipa::path(
    get, path = "/api/v1/messages/{messageId}", tag = "messages",
    params(
        ("messageId" = MessageId, Path, description = "The message"),
        ("participant" = Option<ParticipantId>, Query, description = "With whose eyes to look: one that the token covers, or that the user watches"),
    ),
    responses((status = 200, description = "The message", body = MessageView), MessageRefusals)
)]
pub(crate) async fn get_message(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    request: axum::extract::Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let mut query = Query::read(&parts, &["participant"]);
    let participant = query.parsed("participant", |id| caller.read_named(id));
    query.finish()?;
    let viewers = caller.viewers(&edge, participant.as_ref()).await?;
    let id: MessageId = id.parse().map_err(|_| ApiError::not_found())?;
    let view = edge
        .engine
        .read(move |reader| viewers.message(reader, id))
        .await?;
    let view = view.ok_or_else(ApiError::not_found)?;
    caller.note_seen_through(&edge, &view.through).await;
    Ok(json(StatusCode::OK, &view.found))
}
