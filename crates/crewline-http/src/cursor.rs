//! `GET` and `PUT /api/v1/participants/{id}/cursors/{name}`

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::{
    ApiError, Cursor, CursorName, EventKind, EventKinds, FieldCode, NewCursor, ParticipantId, Seq,
};
use crewline_core::{Actor, Answer, Command, CursorCommand, ParticipantNo};
use crewline_engine::Engine;

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::fault::Faults;
use crate::id::{PathIds, read_id};
use crate::problem::{Answered, internal};
use crate::query::{NoQuery, clamp_seq, read_kind};
use crate::refusals::{BODY, CALLER, READ, WRITE, refusals};

refusals!(GetCursorRefusals: READ, [NotAllowed, NotFound]);
refusals!(PutCursorRefusals: BODY, CALLER, WRITE, [NotAllowed, NotFound, AheadOfLog]);

/// How many events one command confirms at most. What a cursor carries past an external is delivered, each message by
/// itself: a long way is gone in steps, so that others are served between them.
const STEP: Seq = 1_000;

/// See where a named cursor stands.
#[utoipa::path(
    get, path = "/api/v1/participants/{id}/cursors/{name}", tag = "events",
    params(
        ("id" = ParticipantId, Path, description = "Whose cursor; `me` where the token names exactly one"),
        ("name" = CursorName, Path, description = "Its name"),
    ),
    responses((status = 200, description = "Where it stands", body = Cursor), GetCursorRefusals)
)]
pub(crate) async fn get_cursor(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds((id, name)): PathIds<(String, String)>,
    _: NoQuery,
) -> Answered {
    let owner = caller.owner(&edge, &id).await?;
    owner.actor()?;
    let name = CursorName::new(&name).map_err(|_| ApiError::not_found())?;
    let row = edge
        .engine
        .read(move |reader| reader.cursor(owner.no, &name))
        .await?;
    let row = row.ok_or_else(|| {
        ApiError::new(
            crewline_api::ErrorCode::NotFound,
            "This cursor was never put. Events read by it come from the start; put it to confirm them.",
        )
    })?;
    Ok(json(
        StatusCode::OK,
        &Cursor {
            seq: row.seq,
            types: row.kinds.to_list(),
        },
    ))
}

/// Confirm everything up to an event.
///
/// A cursor is made by its first PUT. One that would go back stays where it is, and the answer says where; with
/// `rewind` it goes back. For an external, a cursor without `types`, or whose types include `message.received`, makes
/// the messages that it passes delivered; for a user no named cursor does.
#[utoipa::path(
    put, path = "/api/v1/participants/{id}/cursors/{name}", tag = "events",
    params(
        ("id" = ParticipantId, Path, description = "Whose cursor; `me` where the token names exactly one"),
        ("name" = CursorName, Path, description = "Its name"),
    ),
    request_body(content = NewCursor, example = json!({"seq": 118})),
    responses((status = 200, description = "Where it stands now", body = Cursor), PutCursorRefusals)
)]
pub(crate) async fn put_cursor(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds((id, name)): PathIds<(String, String)>,
    _: NoQuery,
    body: JsonBody,
) -> Answered {
    let owner = caller.owner(&edge, &id).await?;
    let put = read_put(owner.actor()?, &name, &body)?;
    Ok(json(
        StatusCode::OK,
        &carry(&edge.engine, owner.no, put).await?,
    ))
}

/// Moves a cursor, a long way in steps.
pub(crate) async fn carry(
    engine: &Engine,
    owner: ParticipantNo,
    put: CursorCommand,
) -> Result<Cursor, ApiError> {
    for seq in steps(engine, owner, &put).await? {
        engine
            .submit(Command::Cursor(CursorCommand {
                seq,
                rewind: false,
                ..put.clone()
            }))
            .await?;
    }
    match engine.submit(Command::Cursor(put)).await? {
        Answer::Cursor(cursor) => Ok(cursor),
        _ => Err(internal()),
    }
}

pub(crate) fn read_put(
    actor: &Actor,
    name: &str,
    body: &JsonBody,
) -> Result<CursorCommand, ApiError> {
    let faults = Faults::default();
    let name = read_id::<CursorName>(name)
        .map_err(|(code, detail)| faults.add("name", code, detail))
        .ok();
    let mut fields = body.fields(&faults)?;
    let seq = fields.whole("seq").map(clamp_seq);
    let types = fields.optional_texts("types", read_kind);
    let rewind = fields.flag("rewind");
    fields.end();
    if types.as_ref().is_some_and(Vec::is_empty) {
        faults.add(
            "types",
            FieldCode::Empty,
            "names no kind of event; leave it out for all",
        );
    }
    let kinds = types.map_or(EventKinds::ALL, EventKinds::from_iter);
    let (name, seq) = faults.finish(|| name.zip(seq).ok_or_else(internal))?;
    Ok(CursorCommand {
        actor: actor.clone(),
        name,
        seq,
        kinds,
        rewind,
    })
}

/// Where to pause on the way. Nowhere, where the way is short, delivers nothing, or leads beyond the log: then the one
/// command is carried out or refused as a whole.
async fn steps(
    engine: &Engine,
    no: ParticipantNo,
    put: &CursorCommand,
) -> Result<Vec<Seq>, ApiError> {
    if put.seq <= STEP || !put.actor.external || !put.kinds.contains(EventKind::MessageReceived) {
        return Ok(Vec::new());
    }
    let (name, seq) = (put.name.clone(), put.seq);
    let (kept, head) = engine
        .read(move |reader| {
            let kept = reader.cursor(no, &name)?.map_or(0, |row| row.seq);
            Ok((kept, reader.log(no, seq, EventKinds::ALL, 1)?.head))
        })
        .await?;
    if seq > head || seq <= kept {
        return Ok(Vec::new());
    }
    let mut pauses = Vec::new();
    let mut at = kept + STEP;
    while at < seq {
        pauses.push(at);
        at += STEP;
    }
    Ok(pauses)
}
