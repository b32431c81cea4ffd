//! `/api/v1/desk`: who sits at the desk.
//!
//! It is kept among what the organisation keeps, as ids and times; names are those of now. It gives nobody a right, and takes
//! none.

use axum::extract::State;
use axum::http::StatusCode;
use crewline_api::limits::{DESK_SEAT_S, DESK_SEATS_MAX};
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

/// A seat is noted anew at most this often, however often it is taken again: each note is a write.
const NOTED_EVERY_S: i64 = 60;

/// A seat as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    user_id: ParticipantId,
    since: Timestamp,
    /// When it was taken last: a page of the desk does so again and again while it is open. One that an older version kept
    /// has none.
    #[serde(default)]
    at: Option<Timestamp>,
}

impl Taken {
    fn age_s(&self, now: Timestamp) -> i64 {
        (now.as_millis() - self.at.unwrap_or(self.since).as_millis()) / 1_000
    }

    /// Whether somebody sits there still: who closes the browser without leaving says so no more.
    fn stands(&self, now: Timestamp) -> bool {
        self.age_s(now) < DESK_SEAT_S
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Somebody came or went.
    Changed,
    /// It is as it was.
    Kept,
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
/// shift that is relieved leaves by itself. A seat stands for ten minutes: call it again before, every minute or so, as long as
/// somebody sits there. So who closes the browser without leaving is gone soon.
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
    if change(edge, caller, &actor.id, takes).await? == Outcome::Changed {
        edge.live.note_change();
        let actor = caller.actor_name();
        tracing::info!(%actor, takes, "the desk was taken or left");
    }
    Ok(json(StatusCode::OK, &desk(edge).await?))
}

/// Puts a user at the desk, notes that one still sits there, or takes one away.
async fn change(
    edge: &Edge,
    caller: &Caller,
    user: &ParticipantId,
    takes: bool,
) -> Result<Outcome, ApiError> {
    for _ in 0..TRIES {
        let (revision, mut taken) = edge.engine.read(taken).await?;
        let now = edge.engine.now();
        taken.retain(|seat| seat.stands(now));
        let sits = taken.iter_mut().find(|seat| seat.user_id == *user);
        let outcome = match (takes, sits) {
            (false, None) => return Ok(Outcome::Kept),
            (true, Some(seat)) => {
                if seat.age_s(now) < NOTED_EVERY_S {
                    return Ok(Outcome::Kept);
                }
                seat.at = Some(now);
                Outcome::Kept
            }
            (true, None) => {
                taken.push(Taken {
                    user_id: user.clone(),
                    since: now,
                    at: Some(now),
                });
                // Whoever came first gives way to who comes.
                let over = taken.len().saturating_sub(DESK_SEATS_MAX);
                taken.drain(..over);
                Outcome::Changed
            }
            (false, Some(_)) => {
                taken.retain(|seat| seat.user_id != *user);
                Outcome::Changed
            }
        };
        let text = serde_json::to_string(&taken).map_err(|_| internal())?;
        if put(edge, caller, revision, text, outcome, takes).await? {
            return Ok(outcome);
        }
    }
    let detail = "Many take or leave the desk at this moment. Try again.";
    Err(ApiError::new(ErrorCode::Busy, detail))
}

/// Keeps the seats, with a note in the audit where somebody came or went; says whether nobody else was quicker.
async fn put(
    edge: &Edge,
    caller: &Caller,
    revision: u64,
    text: String,
    outcome: Outcome,
    takes: bool,
) -> Result<bool, ApiError> {
    let part = OrganisationPart::Desk;
    let note = (outcome == Outcome::Changed).then(|| {
        let note = caller
            .does(AuditKind::OrganisationChanged)
            .about(part.as_str());
        note.detail(if takes { "taken" } else { "left" })
    });
    let done = edge.engine.directory(move |directory, now| {
        let Some(note) = note else {
            return directory.put_organisation(part, revision, &text);
        };
        audited(directory, note, now, |directory, _| {
            directory.put_organisation(part, revision, &text)
        })
    });
    match done.await? {
        Ok(_) => Ok(true),
        Err(DirectoryError::Revision { .. }) => Ok(false),
        Err(error) => Err(refused(error)),
    }
}

fn taken(reader: &dyn Reader) -> Result<(u64, Vec<Taken>), StoreError> {
    let mut parts = reader.organisation()?;
    let row = parts.remove(&OrganisationPart::Desk).unwrap_or_default();
    // One that only a newer version can read is a free desk.
    let seats = serde_json::from_str(&row.value).unwrap_or_default();
    Ok((row.revision, seats))
}

/// Who sits there, without those who are shut out meanwhile, or who were not heard of for too long.
async fn desk(edge: &Edge) -> Result<Desk, ApiError> {
    let now = edge.engine.now();
    let read = edge.engine.read(move |reader| {
        let (_, taken) = taken(reader)?;
        let mut seats = Vec::new();
        let standing = taken.into_iter().filter(|seat| seat.stands(now));
        for Taken { user_id, since, .. } in standing {
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
