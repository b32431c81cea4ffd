//! `GET /api/v1/participants/{id}/events`: a page, a long poll, or a stream of server-sent events.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use crewline_api::limits::{PAGE_DEFAULT, WAIT_S_MAX};
use crewline_api::{
    ApiError, CursorName, ErrorCode, EventKind, EventKinds, EventsPage, FieldCode, ParticipantId,
    Seq,
};
use crewline_engine::Page;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::acting::Owner;
use crate::answer::{self, json_bytes};
use crate::app::Edge;
use crate::auth::Caller;
use crate::id::PathIds;
use crate::problem::Answered;
use crate::query::{Query, read_seq};
use crate::refusals::{READ, refusals};
use crate::room::LIST_BYTES;
use crate::stream;

refusals!(EventRefusals: READ, [NotAllowed, NotFound, EpochChanged, AheadOfLog, LogTruncated]);

const LAST_EVENT_ID: &str = "Last-Event-ID";
/// The header that says whose log it is.
pub(crate) const PARTICIPANT: HeaderName = HeaderName::from_static("crewline-participant");

/// Read or follow a log of events.
///
/// For the participant itself and its watchers. Pass `next` as `after` to go on. With `wait` an empty answer is held back until there is an event, or the time is
/// over. With `Accept: text/event-stream` the answer is a stream of server-sent events, which resumes from
/// `Last-Event-ID`: `id:` is the seq, `data:` the whole event in one line, comments are heartbeats, and an `id:` by
/// itself passes events that `types` left out. A page ends before `limit` where it would become very large.
#[utoipa::path(
    get, path = "/api/v1/participants/{id}/events", tag = "events",
    params(
        ("id" = ParticipantId, Path, description = "Whose log; `me` where the token names exactly one"),
        ("after" = Option<u64>, Query, description = "Begin behind this event. Not beside `cursor`. Neither: from the start"),
        ("cursor" = Option<CursorName>, Query, description = "Begin behind where this cursor stands; from the start, if it was never put. Not for watchers"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "How many at most; 100 if left out. A stream has no limit"),
        ("wait" = Option<u8>, Query, minimum = 0, maximum = 60, description = "Seconds to wait for an event; 0 if left out. A stream waits anyway"),
        ("types" = Option<Vec<EventKind>>, Query, style = Form, explode = false, description = "Kinds of events, with commas between them; all if left out", example = json!(["message.received", "message.read"])),
        ("epoch" = Option<String>, Query, description = "The epoch of the log as the caller knows it: another one is refused"),
        ("Last-Event-ID" = Option<u64>, Header, description = "Where a stream resumes. It goes before `after` and `cursor`"),
    ),
    responses(
        (status = 200, description = "Events", headers(
                ("Crewline-Epoch" = String, description = "Of a stream: names the log"),
                ("Crewline-Participant" = String, description = "Whose log it is, percent-encoded: who `me` is")),
            content((EventsPage = "application/json"), (String = "text/event-stream",
                example = "id: 7\ndata: {\"seq\":7,\"type\":\"chat.created\",\"timestamp\":\"2026-11-23T03:47:29.120Z\",\"data\":{\"chatId\":\"c1h8d2m4rwz\",\"userIds\":[\"alice\",\"bob\"]}}\n\n"))),
        EventRefusals
    )
)]
pub(crate) async fn get_events(
    State(edge): State<Edge>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    request: Request,
) -> Answered {
    let (parts, _) = request.into_parts();
    let asked = Asked::read(&parts)?;
    let owner = caller.owner(&edge, &id).await?;
    check_epoch(&edge, asked.epoch.as_deref())?;
    let after = asked.place(&edge, &owner).await?;
    if asked.stream {
        return stream::open(edge, caller, owner, after, asked.kinds).await;
    }
    // Room is asked for before anything is read, and nobody holds any who waits.
    let whose = Some(caller.secret());
    let held = edge.room.of_answer(whose, LIST_BYTES).await?;
    let page = edge
        .engine
        .page(owner.no, after, asked.kinds, asked.limit)
        .await?;
    let (page, held) =
        if page.events.is_empty() && !asked.wait.is_zero() && parts.method != Method::HEAD {
            drop(held);
            (wait(&edge, &caller, &owner, page, &asked).await?, None)
        } else {
            (page, Some(held))
        };
    let mut response = write_page(&page, edge.engine.epoch());
    response
        .headers_mut()
        .insert(PARTICIPANT, participant_header(&owner));
    let held = match held {
        Some(held) => held,
        None => {
            edge.room
                .of_answer(whose, answer::length(&response))
                .await?
        }
    };
    Ok(answer::holding(response, held))
}

/// Who `me` is: percent-encoded, since a header holds no more than ASCII.
pub(crate) fn participant_header(owner: &Owner) -> HeaderValue {
    let text = utf8_percent_encode(owner.id.as_str(), NON_ALPHANUMERIC).to_string();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Refuses a consumer that knows the log by another epoch.
pub(crate) fn check_epoch(edge: &Edge, known: Option<&str>) -> Result<(), ApiError> {
    let epoch = edge.engine.epoch();
    match known {
        Some(known) if known != epoch => Err(epoch_changed(epoch)),
        _ => Ok(()),
    }
}

fn epoch_changed(epoch: &str) -> ApiError {
    ApiError::new(
        ErrorCode::EpochChanged,
        format!(
            "The store was restored: this log is another one than you followed, and its epoch is {epoch:?}. Load what \
             you show anew, and follow from its `asOf`, or from the start."
        ),
    )
}

/// What a caller asked for.
pub(crate) struct Asked {
    pub(crate) stream: bool,
    pub(crate) last_event_id: Option<Seq>,
    pub(crate) after: Option<Seq>,
    pub(crate) cursor: Option<CursorName>,
    pub(crate) limit: usize,
    pub(crate) wait: Duration,
    pub(crate) kinds: EventKinds,
    pub(crate) epoch: Option<String>,
}

impl Asked {
    pub(crate) fn read(parts: &Parts) -> Result<Self, ApiError> {
        let mut query = Query::read(
            parts,
            &["after", "cursor", "limit", "wait", "types", "epoch"],
        );
        let asked = Self {
            stream: wants_stream(&parts.headers),
            last_event_id: last_event_id(&parts.headers, &query),
            after: query.seq("after"),
            cursor: query.cursor(),
            limit: query.limit(PAGE_DEFAULT),
            wait: Duration::from_secs(query.whole("wait", 0..=WAIT_S_MAX).unwrap_or(0)),
            kinds: query.kinds(),
            epoch: query.search("epoch"),
        };
        if asked.after.is_some() && asked.cursor.is_some() {
            query.fault(
                "cursor",
                FieldCode::Conflict,
                "says where to begin, and so does `after`; give one of them",
            );
        }
        query.finish()?;
        Ok(asked)
    }

    /// Where to begin; `None` is the start, whatever the log still holds.
    async fn place(&self, edge: &Edge, owner: &Owner) -> Result<Option<Seq>, ApiError> {
        if self.cursor.is_some() {
            owner.actor()?;
        }
        if self.stream && self.last_event_id.is_some() {
            return Ok(self.last_event_id);
        }
        let Some(name) = self.cursor.clone() else {
            return Ok(self.after);
        };
        let owner = owner.no;
        let row = edge
            .engine
            .read(move |reader| reader.cursor(owner, &name))
            .await?;
        Ok(row.map(|row| row.seq))
    }
}

fn last_event_id(headers: &HeaderMap, query: &Query) -> Option<Seq> {
    let mut given = headers.get_all(LAST_EVENT_ID).iter();
    let value = given.next()?;
    if given.next().is_some() {
        query.fault(LAST_EVENT_ID, FieldCode::Conflict, "is given twice");
        return None;
    }
    let seq = read_seq(value.to_str().unwrap_or("?"));
    seq.map_err(|(code, detail)| query.fault(LAST_EVENT_ID, code, detail))
        .ok()
}

/// Whether the caller takes a stream: `text/event-stream` among what it accepts, not with a weight of 0.
fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_stream = parts
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"));
        is_stream
            && !parts.any(|weight| {
                weight
                    .strip_prefix("q=")
                    .is_some_and(|q| q.parse() == Ok(0.0))
            })
    })
}

/// Waits for events behind an empty page, as long as was asked for.
async fn wait(
    edge: &Edge,
    caller: &Caller,
    owner: &Owner,
    page: Page,
    asked: &Asked,
) -> Result<Page, ApiError> {
    let end = tokio::time::Instant::now() + asked.wait;
    let mut changes = edge.engine.directory_changes();
    let mut follower = edge.engine.follow(owner.no, page.next, asked.kinds);
    // What changed before `changes` began to look is seen by looking once.
    changes.mark_changed();
    loop {
        tokio::select! {
            page = follower.next(asked.limit) => return page,
            () = edge.stopping.cancelled() => break,
            () = tokio::time::sleep_until(end) => break,
            // When the engine ends there are no more changes, and `stopping` ends this.
            Ok(()) = changes.changed() => caller.check_still_allowed(edge, owner).await?,
        }
    }
    // Events of other kinds may have passed meanwhile.
    edge.engine
        .page(
            owner.no,
            Some(follower.position()),
            asked.kinds,
            asked.limit,
        )
        .await
}

fn write_page(page: &Page, epoch: &str) -> Response {
    let mut bytes = Vec::with_capacity(128 + 512 * page.events.len());
    bytes.extend_from_slice(b"{\"events\":[");
    for (index, event) in page.events.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        event.write_json(&mut bytes);
    }
    let epoch = serde_json::to_string(epoch).unwrap_or_default();
    bytes.extend_from_slice(
        format!(
            "],\"next\":{},\"epoch\":{epoch},\"head\":{}}}",
            page.next, page.head
        )
        .as_bytes(),
    );
    json_bytes(StatusCode::OK, bytes)
}

/// The header that names the log of a stream.
pub(crate) fn epoch_header(epoch: &str) -> HeaderValue {
    HeaderValue::from_str(epoch).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_those_who_accept_one() {
        let wants = |value: &'static str| {
            wants_stream(&HeaderMap::from_iter([(
                header::ACCEPT,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(
            wants("text/event-stream") && wants("application/json;q=0.5, Text/Event-Stream; q=0.9")
        );
        assert!(!wants("*/*") && !wants("application/json") && !wants("text/event-stream;q=0"));
        assert!(!wants_stream(&HeaderMap::new()));
    }
}
