//! The beginning of a session, from the connection to the welcome: whose log, from where, and what was missed.

use crewline_api::{ApiError, ErrorCode, EventKinds, FieldCode, Seq, Welcome, close};
use crewline_engine::{Follower, Page};
use tokio::time::{Duration, timeout};

use super::acks::Acks;
use super::frame::{self, Hello, Said};
use super::session::REVOKED;
use super::wire::{Over, SLOW_MAX, Wire};
use crate::acting::Owner;
use crate::app::Edge;
use crate::auth::Caller;
use crate::event::check_epoch;
use crate::live::Entered;
use crate::problem::document;

/// How long a client may take to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(10);
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

/// From the connection to the welcome.
pub(super) async fn begin(
    edge: &Edge,
    caller: &Caller,
    entered: &Entered,
    wire: &mut Wire,
    request_id: &str,
) -> Result<Opened, Over> {
    let text = timeout(HELLO_WAIT, wire.next()).await;
    let text = text.map_err(|_| Over::fault("No hello came within 10 seconds."))??;
    let Said::Hello(hello) = frame::read(&text).map_err(Over::fault)? else {
        return Err(Over::fault("The first frame must be a hello."));
    };
    let opened = async {
        // It may have ended between the request and this moment; from now on it is looked after.
        caller.check_still_known(edge).await?;
        let opened = open(edge, caller, frame::read_hello(hello)?).await?;
        // The same for a log that is watched: that it is, was not known before.
        entered.watches(caller, &opened.owner);
        caller.check_still_allowed(edge, &opened.owner).await?;
        Ok(opened)
    };
    match opened.await {
        Ok(opened) => Ok(opened),
        Err(error) => Err(refuse(wire, &error, request_id).await),
    }
}

/// Says why a hello is refused.
async fn refuse(wire: &mut Wire, error: &ApiError, request_id: &str) -> Over {
    if is_passing(error) {
        let delay = u64::from(error.retry_after_s.unwrap_or(1)) * 1000;
        let reason = close::reason_with_delay(delay, "The server cannot read its store now.");
        return Over::Close(close::TROUBLE, reason);
    }
    if error.code == ErrorCode::Unauthenticated {
        return Over::Close(close::REVOKED, REVOKED.to_owned());
    }
    let frame = frame::error(&document(error, request_id));
    let said = async {
        wire.write(frame).await?;
        wire.flush().await
    };
    match timeout(SLOW_MAX, said).await {
        Ok(Ok(())) => Over::Close(close::HELLO_REFUSED, error.code.title().to_owned()),
        _ => Over::Gone,
    }
}

/// Opens a session.
///
/// # Errors
/// Those of the events call.
async fn open(edge: &Edge, caller: &Caller, hello: Hello) -> Result<Opened, ApiError> {
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
    let (room, first) = (
        edge.room.of_pages(),
        edge.engine.page(owner.no, after, kinds, PAGE_EVENTS),
    );
    let first = room.read(first).await?;
    // From the start means from the oldest event that is kept: what is acked is behind it.
    let start = after.unwrap_or(0);
    let follower = edge.engine.follow(owner.no, first.next, kinds).within(room);
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
