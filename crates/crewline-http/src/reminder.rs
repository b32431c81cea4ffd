//! `POST /api/v1/messages/{messageId}/reminders`

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::{ApiError, ErrorCode, MessageId, NewReminder, ParticipantId, Reminded, Role};
use crewline_core::{Actor, Answer, Command, RemindCommand, Scope};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::Faults;
use crate::fields::Fields;
use crate::id::PathIds;
use crate::json::Json;
use crate::problem::{Answered, internal};
use crate::query::NoQuery;
use crate::receipt::read_state;
use crate::refusals::{BODY, CALLER, WRITE, refusals};

refusals!(RemindRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound, RemindedJustNow]);

/// Remind those who have not come far enough with a message.
///
/// For its sender, and for dispatchers and administrators who watch the sender. Each recipient who has not come as far as
/// `until` gets the event `message.reminded`, and the alert of the message comes again. It is no second message: nothing
/// becomes unread, and no position moves. With `delivered` only those are reminded whose devices have been silent. The same
/// asked again by the same participant within ten seconds is the same reminder, and answered so; another within ten seconds
/// is refused (429), and so is the 101st of a message (422). Where nobody is left to be reminded, nothing happens.
#[utoipa::path(
    post, path = "/api/v1/messages/{messageId}/reminders", tag = "messages",
    params(("messageId" = MessageId, Path, description = "The message")),
    request_body(content = NewReminder, example = json!({"until": "delivered"})),
    responses(
        (status = 201, description = "These recipients are reminded", body = Reminded),
        (status = 200, description = "Nobody was left to be reminded; or it was asked for a moment ago: the first answer again", body = Reminded),
        RemindRefusals
    )
)]
pub(crate) async fn post_reminder(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(message): PathIds<String>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    check_reminder(&caller)?;
    let (_, reminder) = read_reminder(body.json()?, false)?;
    let command = command(&edge, &caller, &message, reminder).await?;
    match edge.engine.submit(command).await? {
        Answer::Reminded { reminded, again } => {
            let status = if again {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            Ok(json(status, &reminded))
        }
        _ => Err(internal().into()),
    }
}

/// The command of a reminder that names its message inside.
pub(crate) async fn remind_command(
    edge: &Edge,
    caller: &Caller,
    body: Json<'_>,
) -> Result<Command, ApiError> {
    check_reminder(caller)?;
    let (message, reminder) = read_reminder(body, true)?;
    command(edge, caller, &message, reminder).await
}

/// Administration sees no messages.
fn check_reminder(caller: &Caller) -> Result<(), ApiError> {
    match caller.credential().scope {
        Scope::Administration => caller.user().map(|_| ()),
        Scope::User { .. } | Scope::Externals(_) => Ok(()),
    }
}

/// A reminder, with its message where that stands inside.
pub(crate) fn read_reminder(
    body: Json<'_>,
    inside: bool,
) -> Result<(String, NewReminder), ApiError> {
    let faults = Faults::default();
    let mut fields = Fields::of_body(body, &faults)?;
    let message = if inside {
        fields.text("messageId").unwrap_or_default().into_owned()
    } else {
        String::new()
    };
    let until = fields.optional_parsed("until", read_state);
    fields.end();
    faults.finish(|| Ok((message, NewReminder { until })))
}

async fn command(
    edge: &Edge,
    caller: &Caller,
    message: &str,
    reminder: NewReminder,
) -> Result<Command, ApiError> {
    let id: MessageId = message.parse().map_err(|_| ApiError::not_found())?;
    let viewers = caller.viewers(edge, None).await?;
    let view = edge
        .engine
        .read(move |reader| viewers.message(reader, id))
        .await?;
    // Who may not see it learns nothing of it.
    let sender = view.ok_or_else(ApiError::not_found)?.found.from_user_id;
    let (actor, watched) = reminder_of(edge, caller, sender).await?;
    Ok(Command::Remind(RemindCommand {
        actor,
        watched,
        message: Some(id),
        reminder,
    }))
}

/// Who reminds of a message of this sender, and whom that one watches for it.
async fn reminder_of(
    edge: &Edge,
    caller: &Caller,
    sender: ParticipantId,
) -> Result<(Actor, Option<ParticipantId>), ApiError> {
    match &caller.credential().scope {
        Scope::User { id, .. } if *id == sender => Ok((caller.user()?.1, None)),
        Scope::User {
            role: Role::Dispatcher | Role::Administrator,
            ..
        } if caller.watches(edge, &sender).await? => Ok((caller.user()?.1, Some(sender))),
        Scope::Externals(_) if caller.external(edge, &sender).await.is_ok() => {
            Ok((caller.external(edge, &sender).await?, None))
        }
        _ => Err(ApiError::new(
            ErrorCode::NotAllowed,
            "Only the sender reminds of a message, and a dispatcher or administrator who watches the sender.",
        )),
    }
}
