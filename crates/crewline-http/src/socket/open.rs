//! The beginning of a session: whose log, from where, and what was missed.

use crewline_api::{ApiError, ErrorCode, EventKinds, FieldCode, Seq, Welcome};
use crewline_engine::{Follower, Page};

use super::acks::Acks;
use super::frame::Hello;
use crate::acting::Owner;
use crate::app::Edge;
use crate::auth::Caller;
use crate::event::check_epoch;

/// Most events of one page.
pub(super) const PAGE_EVENTS: usize = 200;

/// A session that may begin.
pub(super) struct Opened {
    pub(super) owner: Owner,
    pub(super) welcome: Welcome,
    /// Everything up to here the client has, by its own word or by its cursor.
    pub(super) start: Seq,
    pub(super) first: Page,
    pub(super) follower: Follower,
    pub(super) acks: Acks,
}

/// Opens a session.
///
/// # Errors
/// Those of the events call.
pub(super) async fn open(edge: &Edge, caller: &Caller, hello: Hello) -> Result<Opened, ApiError> {
    let owner = match &hello.participant {
        Some(id) => caller.owner(edge, id).await?,
        None if caller.names_several() => {
            let detail = "is needed: this token covers several participants";
            return Err(ApiError::field("participant", FieldCode::Required, detail));
        }
        None => caller.owner(edge, "me").await?,
    };
    check_epoch(edge, hello.epoch.as_deref())?;
    if hello.cursor.is_some() {
        owner.actor()?;
    }
    let kinds = hello.kinds.unwrap_or(EventKinds::ALL);
    let after = match (hello.after, &hello.cursor) {
        (None, Some(name)) => {
            let (no, name) = (owner.no, name.clone());
            let row = edge.engine.read(move |reader| reader.cursor(no, &name));
            row.await?.map(|row| row.seq)
        }
        (after, _) => after,
    };
    // Judges `after` too.
    let first = edge
        .engine
        .page(owner.no, after, kinds, PAGE_EVENTS)
        .await?;
    // From the start means from the oldest event that is kept: what is acked is behind it.
    let start = after.unwrap_or(0);
    let follower = edge.engine.follow(owner.no, first.next, kinds);
    let welcome = Welcome {
        epoch: edge.engine.epoch().to_owned(),
        head: first.head,
        heartbeat_s: edge.settings.heartbeat.as_secs().max(1),
    };
    let actor = owner.own_actor().map(|actor| (owner.no, actor.clone()));
    let acks = Acks::new(actor, hello.cursor, kinds, start);
    Ok(Opened {
        owner,
        welcome,
        start,
        first,
        follower,
        acks,
    })
}

/// Whether a hello that was refused so may be well formed and right at another time: then the client should come back.
pub(super) fn is_passing(error: &ApiError) -> bool {
    error.code.retryable() || error.code == ErrorCode::Internal
}
