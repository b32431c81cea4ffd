//! A log as server-sent events.
//!
//! A stream holds no events: it pulls the next page when the last one was taken, so that a slow reader only lags. What
//! is there at once leaves in one piece. It ends when its credential does, when its reader watches
//! that log no more, and when the server stops.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use crewline_api::{EventKinds, Seq};
use crewline_engine::{Follower, Page};
use futures_util::stream::unfold;
use tokio::time::Instant;

use crate::acting::Owner;
use crate::app::Edge;
use crate::auth::Caller;
use crate::event::{PARTICIPANT, epoch_header, participant_header};
use crate::live::Entered;
use crate::problem::Answered;
use crate::room::{HeldAnswer, LIST_BYTES, shrink};

/// Most events in one piece.
const PIECE_EVENTS_MAX: usize = 200;

/// How long a stream waits where there was no room for what is to be told.
const NO_ROOM_WAIT: Duration = Duration::from_secs(5);

/// Begins a stream. Where it cannot begin, that is told as for a page.
pub(crate) async fn open(
    edge: Edge,
    caller: Caller,
    owner: Owner,
    after: Option<Seq>,
    kinds: EventKinds,
) -> Answered {
    let entered = Entered::new(&edge, &caller, "sse");
    entered.watches(&caller, &owner);
    // It may have ended between the request and this moment; from now on it is looked after.
    caller.check_still_allowed(&edge, &owner).await?;
    let held = edge
        .room
        .of_answer(Some(caller.secret()), LIST_BYTES)
        .await?;
    let page = edge
        .engine
        .page(owner.no, after, kinds, PIECE_EVENTS_MAX)
        .await?;
    let room = edge.room.of_pages();
    let follower = edge.engine.follow(owner.no, page.next, kinds).within(room);
    let epoch = epoch_header(edge.engine.epoch());
    let participant = participant_header(&owner);
    let heartbeat_at = Instant::now() + edge.settings.heartbeat;
    let first = write(&page, after.unwrap_or(0));
    let held = shrink(held, first.len());
    let told = page.next;
    let live = Live {
        edge,
        caller,
        owner,
        follower,
        first: Some(first),
        held,
        told,
        heartbeat_at,
        entered,
    };
    let pieces = unfold(live, |mut live| async move {
        let piece = live.next().await?;
        Some((Ok::<_, Infallible>(piece), live))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(HeaderName::from_static("crewline-epoch"), epoch);
    headers.insert(PARTICIPANT, participant);
    // A proxy that collects what it passes on would hold events back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// A stream that somebody reads.
struct Live {
    edge: Edge,
    caller: Caller,
    owner: Owner,
    follower: Follower,
    first: Option<Bytes>,
    /// The room of the piece that was told last, and may not have been taken yet.
    held: Option<HeldAnswer>,
    /// Everything up to this seq was told, or passed by an `id:`.
    told: Seq,
    heartbeat_at: Instant,
    entered: Entered,
}

impl Live {
    /// What to send next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        self.held = None;
        let wake_at = self.heartbeat_at.min(self.expires_at());
        tokio::select! {
            biased;
            _ = &mut self.entered.end => None,
            // Before what is told: a stream that has ended is not told a long backlog first.
            () = tokio::time::sleep_until(wake_at) => {
                if self.has_expired() {
                    return None;
                }
                Some(self.beat())
            }
            // What went wrong was told to the log by the engine. The reader comes again, and resumes.
            page = self.follower.next(PIECE_EVENTS_MAX) => {
                self.caller.note_reading(&self.edge, &self.owner).await;
                let page = page.ok()?;
                Some(self.tell(&page).await)
            }
        }
    }

    /// A page; where there is no room for it, it is let go, and read again later.
    async fn tell(&mut self, page: &Page) -> Bytes {
        let piece = write(page, self.told);
        let Some(held) = self.edge.room.of_piece(self.caller.secret(), piece.len()) else {
            drop(piece);
            self.follower.go_back(self.told);
            tokio::time::sleep(NO_ROOM_WAIT).await;
            return self.beat();
        };
        self.held = Some(held);
        self.heartbeat_at = Instant::now() + self.edge.settings.heartbeat;
        self.told = page.next;
        piece
    }

    /// A comment, and how far the log was passed without an event to tell.
    fn beat(&mut self) -> Bytes {
        self.heartbeat_at = Instant::now() + self.edge.settings.heartbeat;
        let mut piece = b":\n\n".to_vec();
        let position = self.follower.position();
        if position > self.told {
            write_id(position, &mut piece);
            self.told = position;
        }
        Bytes::from(piece)
    }

    fn has_expired(&self) -> bool {
        let now = self.edge.engine.now();
        let end = self.caller.credential().expires_at;
        end.is_some_and(|end| end <= now)
    }

    fn expires_at(&self) -> Instant {
        let end = self.caller.credential().expires_at;
        let left_ms = end.map(|end| end.as_millis() - self.edge.engine.now().as_millis());
        // A little later, so that it has ended by then.
        let left = left_ms.map(|left| Duration::from_millis(u64::try_from(left + 1).unwrap_or(0)));
        left.map_or_else(|| self.heartbeat_at, |left| Instant::now() + left)
    }
}

/// A page as one piece. A piece is never empty: the first one tells the reader that the stream is open.
fn write(page: &Page, told: Seq) -> Bytes {
    let mut piece = Vec::with_capacity(64 + 512 * page.events.len());
    let mut passed = told;
    for event in &page.events {
        passed = event.seq();
        let _ = write!(piece, "id: {passed}\ndata: ");
        event.write_json(&mut piece);
        piece.extend_from_slice(b"\n\n");
    }
    if page.next > passed {
        write_id(page.next, &mut piece);
    }
    if piece.is_empty() {
        piece.extend_from_slice(b":\n\n");
    }
    Bytes::from(piece)
}

/// An id by itself: a reader keeps it, and tells nobody.
fn write_id(seq: Seq, piece: &mut Vec<u8>) {
    let _ = write!(piece, "id: {seq}\n\n");
}
