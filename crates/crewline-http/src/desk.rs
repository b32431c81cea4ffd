//! `/api/v1/desk`: who sits at the desk.
//!
//! It is kept among what the organisation keeps, as ids and times; names are those of now. It gives nobody a right, and takes
//! none.

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::limits::DESK_SEATS_MAX;
use crewline_api::{ApiError, AuditKind, Desk, ErrorCode, ParticipantId, Seat, Timestamp};
use crewline_core::{DirectoryError, OrganisationPart, Reader, StoreError, audited};
use serde::{Deserialize, Serialize};

use crate::answer::json;
use crate::app::Edge;
use crate::auth::Caller;
use crate::directory::refused;
use crate::problem::{Answered, internal};
use crate::query::NoQuery;
use crate::refusals::{CALLER, READ, WRITE, refusals};

refusals!(DeskRefusals: READ, [NotAllowed]);
refusals!(SeatRefusals: CALLER, WRITE, [NotAllowed]);

/// How often a change is tried again when another one came between.
const TRIES: usize = 8;

/// A seat as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    user_id: ParticipantId,
    since: Timestamp,
}

/// See who sits at the desk.
///
/// For dispatchers, administrators, and tokens of administration. When it changes, so does the `version` of
/// `GET /api/v1/people/presence`.
#[utoipa::path(
    get, path = "/api/v1/desk", tag = "desk",
    responses((status = 200, description = "Who sits there", body = Desk), DeskRefusals)
)]
pub(crate) async fn get_desk(State(edge): State<Edge>, caller: Caller, _: NoQuery) -> Answered {
    caller.must_dispatch()?;
    Ok(json(StatusCode::OK, &desk(&edge).await?))
}

/// Take the desk.
///
/// For users who are dispatchers or administrators. Who sits there already stays since when they sat down; others stay, too: a
/// shift that is relieved leaves by itself.
#[utoipa::path(
    put, path = "/api/v1/desk", tag = "desk",
    responses((status = 200, description = "Who sits there now", body = Desk), SeatRefusals)
)]
pub(crate) async fn put_desk(State(edge): State<Edge>, caller: Caller, _: NoQuery) -> Answered {
    sit(&edge, &caller, true).await
}

/// Leave the desk.
///
/// For users who are dispatchers or administrators. It is no error where one does not sit there.
#[utoipa::path(
    delete, path = "/api/v1/desk", tag = "desk",
    responses((status = 200, description = "Who sits there now", body = Desk), SeatRefusals)
)]
pub(crate) async fn delete_desk(State(edge): State<Edge>, caller: Caller, _: NoQuery) -> Answered {
    sit(&edge, &caller, false).await
}

async fn sit(edge: &Edge, caller: &Caller, takes: bool) -> Answered {
    caller.must_dispatch()?;
    let (_, actor) = caller.user()?;
    if change(edge, caller, &actor.id, takes).await? {
        edge.live.note_change();
        let actor = caller.actor_name();
        tracing::info!(%actor, takes, "the desk was taken or left");
    }
    Ok(json(StatusCode::OK, &desk(edge).await?))
}

/// Puts a user at the desk or takes one away; says whether anything changed by it.
async fn change(
    edge: &Edge,
    caller: &Caller,
    user: &ParticipantId,
    takes: bool,
) -> Result<bool, ApiError> {
    for _ in 0..TRIES {
        let (revision, mut taken) = edge.engine.read(taken).await?;
        let sits = taken.iter().any(|seat| seat.user_id == *user);
        if sits == takes {
            return Ok(false);
        }
        if takes {
            let since = edge.engine.now();
            let user_id = user.clone();
            taken.push(Taken { user_id, since });
            // Whoever never left gives way to who comes.
            let over = taken.len().saturating_sub(DESK_SEATS_MAX);
            taken.drain(..over);
        } else {
            taken.retain(|seat| seat.user_id != *user);
        }
        let text = serde_json::to_string(&taken).map_err(|_| internal())?;
        let part = OrganisationPart::Desk;
        let note = caller
            .does(AuditKind::OrganisationChanged)
            .about(part.as_str());
        let note = note.detail(if takes { "taken" } else { "left" });
        let done = edge.engine.directory(move |directory, now| {
            audited(directory, note, now, |directory, _| {
                directory.put_organisation(part, revision, &text)
            })
        });
        match done.await? {
            Ok(_) => return Ok(true),
            Err(DirectoryError::Revision { .. }) => {}
            Err(error) => return Err(refused(error)),
        }
    }
    let detail = "Many take or leave the desk at this moment. Try again.";
    Err(ApiError::new(ErrorCode::Busy, detail))
}

fn taken(reader: &dyn Reader) -> Result<(u64, Vec<Taken>), StoreError> {
    let mut parts = reader.organisation()?;
    let row = parts.remove(&OrganisationPart::Desk).unwrap_or_default();
    // One that only a newer version can read is a free desk.
    let seats = serde_json::from_str(&row.value).unwrap_or_default();
    Ok((row.revision, seats))
}

/// Who sits there, without those who are shut out meanwhile.
async fn desk(edge: &Edge) -> Result<Desk, ApiError> {
    let read = edge.engine.read(|reader| {
        let (_, taken) = taken(reader)?;
        let mut seats = Vec::new();
        for Taken { user_id, since } in taken {
            let row = reader.participant(&user_id)?;
            let Some(row) = row.filter(|row| !row.disabled) else {
                continue;
            };
            seats.push(Seat {
                user_id,
                name: row.shown_name().to_owned(),
                since,
            });
        }
        Ok(Desk { seats })
    });
    read.await
}
