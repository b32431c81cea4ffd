//! A session from its hello to its end.
//!
//! One task does all of it. What is ready is written; what was written is flushed when nothing more is ready, so that
//! what comes together leaves together. While the client takes nothing, nothing more is read from the log for it.

use std::vec;

use crewline_api::{ApiError, Seq, close};
use crewline_engine::{EncodedEvent, Follower, HeldPage, Page};
use hyper::upgrade::Upgraded;
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::acks::Acks;
use super::command::{Asking, Ready, UnderWay};
use super::frame::{self, Said};
use super::open::{Opened, PAGE_EVENTS, begin, is_passing};
use super::wire::{Over, Wire};
use crate::acting::Owner;
use crate::app::Edge;
use crate::auth::Caller;
use crate::live::{End, Entered};

/// Once a frame of events has so many bytes, the next events go into another one.
const FRAME_BYTES: usize = 64 * 1024;
/// How many heartbeats may pass without a word of the client.
const SILENT_BEATS_MAX: u32 = 3;
/// After the store refused to read or to confirm for now, the next try.
const REST: Duration = Duration::from_secs(1);
/// How long what was accepted may take to be finished when a session ends.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// When the server stops, its clients come back within this time, each at a moment of its own.
const COME_BACK_MS_MAX: u64 = 3_000;

/// Serves a connection from its first frame to its last.
pub(super) async fn serve(edge: Edge, caller: Caller, stream: Upgraded, request_id: String) {
    // What only the beginning needs is not held for as long as the session lives.
    let started = Box::pin(start(edge, caller, stream, request_id)).await;
    if let Some((session, welcome)) = started {
        session.run(welcome).await;
    }
}

/// A session that may go on, with its first frame; `None` where it ended before it began.
async fn start(
    edge: Edge,
    caller: Caller,
    stream: Upgraded,
    request_id: String,
) -> Option<(Box<Session>, Vec<u8>)> {
    let entered = Entered::new(&edge, &caller, "socket");
    let mut wire = Wire::new(stream, edge.room.of_frames()).await;
    match begin(&edge, &caller, &entered, &mut wire, &request_id).await {
        Ok(opened) => {
            let welcome = frame::welcome(&opened.welcome);
            let session = Session::new(edge, caller, entered, wire, opened, request_id);
            return Some((Box::new(session), welcome));
        }
        Err(Over::Close(code, reason)) => wire.close(code, &reason).await,
        Err(Over::Gone) => {}
    }
    None
}

/// Why a session ends whose credential did.
pub(super) const REVOKED: &str = "The credentials ended: signed out, revoked or disabled.";
const UNWATCHED: &str = "You do not watch this participant any more.";

struct Session {
    edge: Edge,
    caller: Caller,
    owner: Owner,
    entered: Entered,
    wire: Wire,
    request_id: String,
    follower: Follower,
    /// Whether the store could not be read, and is left alone for a while.
    resting: bool,
    /// Events that were read and not written yet.
    events: vec::IntoIter<EncodedEvent>,
    /// The room that they take.
    held: Option<HeldPage>,
    /// Where the log was read to with them.
    events_end: Seq,
    /// Everything up to here was written, or skipped: it may be acked.
    sent: Seq,
    acks: Acks,
    under_way: UnderWay,
    silent_beats: u32,
    /// When the next heartbeat is due.
    heartbeat_at: Instant,
}

impl Session {
    fn new(
        edge: Edge,
        caller: Caller,
        entered: Entered,
        wire: Wire,
        opened: Opened,
        request_id: String,
    ) -> Self {
        let heartbeat_at = Instant::now() + edge.settings.heartbeat;
        let mut session = Self {
            edge,
            caller,
            owner: opened.owner,
            entered,
            wire,
            request_id,
            follower: opened.follower,
            resting: false,
            events: Vec::new().into_iter(),
            held: None,
            events_end: 0,
            sent: opened.start,
            acks: opened.acks,
            under_way: UnderWay::default(),
            silent_beats: 0,
            heartbeat_at,
        };
        session.take(opened.first);
        session
    }

    async fn run(mut self: Box<Self>, welcome: Vec<u8>) {
        let over = match self.live(welcome).await {
            Err(over) => over,
            // What is needed at the end only takes no room before.
            Ok(end) => Box::pin(self.end(end)).await,
        };
        self.settle().await;
        match over {
            Over::Close(code, reason) => {
                metrics::counter!("crewline_sessions_closed_total", "code" => code.to_string())
                    .increment(1);
                tracing::debug!(code, reason, "a session is closed");
                self.wire.close(code, &reason).await;
            }
            Over::Gone => {
                metrics::counter!("crewline_sessions_closed_total", "code" => "gone").increment(1);
                tracing::debug!("a session's client is gone");
            }
        }
    }

    /// Serves until it must end, or is over.
    async fn live(&mut self, welcome: Vec<u8>) -> Result<End, Over> {
        self.wire.write(welcome).await?;
        let beat = sleep_until(self.beat_at());
        tokio::pin!(beat);
        loop {
            self.tell().await?;
            self.confirm();
            let room = self.wire.has_room();
            let read = room && !self.resting && self.events.len() == 0;
            let (waits, hears) = (!self.under_way.is_empty(), self.under_way.has_room());
            let slow_at = self.wire.slow_at();
            let let_go_at = self.wire.let_go_at().filter(|_| self.events.len() > 0);
            tokio::select! {
                biased;
                end = &mut self.entered.end => return Ok(end.unwrap_or(End::Stopping)),
                // Before what is told: a session that has ended is not told a long backlog first.
                () = &mut beat => {
                    self.beat().await?;
                    beat.as_mut().reset(self.beat_at());
                }
                Some(ready) = self.under_way.next(), if room && waits => {
                    self.ready(ready).await?;
                }
                page = self.follower.next(PAGE_EVENTS), if read => {
                    self.caller.note_reading(&self.edge, &self.owner).await;
                    self.read(page)?;
                }
                () = sleep_until(let_go_at.unwrap_or_else(Instant::now)), if let_go_at.is_some() => {
                    self.let_go();
                }
                turn = self.wire.turn(hears) => {
                    if let Some(text) = turn? {
                        self.hear(&text).await?;
                    }
                }
                () = sleep_until(slow_at.unwrap_or_else(Instant::now)), if slow_at.is_some() => {
                    let reason = "Nothing of what waits was taken for 10 seconds.";
                    return Err(Over::Close(close::TOO_SLOW, reason.to_owned()));
                }
            }
        }
    }

    /// When to look next whether the client is there, and the credential valid.
    fn beat_at(&self) -> Instant {
        let end = self.caller.credential().expires_at;
        let left_ms = end.map(|end| end.as_millis() - self.edge.engine.now().as_millis());
        // A little later, so that it has ended by then.
        let left = left_ms.map(|left| Duration::from_millis(u64::try_from(left + 1).unwrap_or(0)));
        left.map_or(self.heartbeat_at, |left| {
            self.heartbeat_at.min(Instant::now() + left)
        })
    }

    async fn beat(&mut self) -> Result<(), Over> {
        let now = self.edge.engine.now();
        if self
            .caller
            .credential()
            .expires_at
            .is_some_and(|end| end <= now)
        {
            return Err(Over::Close(close::REVOKED, REVOKED.to_owned()));
        }
        // The wall clock may be behind the timer, and the credential valid a little longer: that is no heartbeat.
        if Instant::now() < self.heartbeat_at {
            return Ok(());
        }
        self.heartbeat_at = Instant::now() + self.edge.settings.heartbeat;
        self.silent_beats = if self.wire.take_heard() {
            0
        } else {
            self.silent_beats + 1
        };
        if self.silent_beats > SILENT_BEATS_MAX {
            let reason = "Nothing was heard for three heartbeats.";
            return Err(Over::Close(close::SILENT, reason.to_owned()));
        }
        if self.wire.has_room() {
            self.wire.ping().await?;
        }
        Ok(())
    }

    /// What a reading of the log gave.
    fn read(&mut self, page: Result<Page, ApiError>) -> Result<(), Over> {
        match page {
            Ok(page) => {
                self.take(page);
                Ok(())
            }
            // Retention went past a client that was far behind: it learns what to do when it comes back.
            Err(error) if !is_passing(&error) => {
                let reason = close::reason_with_delay(0, error.code.title());
                Err(Over::Close(close::TROUBLE, reason))
            }
            Err(_) => {
                self.resting = true;
                self.under_way.push(Box::pin(async {
                    tokio::time::sleep(REST).await;
                    Ready::Rested
                }));
                Ok(())
            }
        }
    }

    fn take(&mut self, page: Page) {
        self.events_end = page.next;
        self.events = page.events.into_iter();
        self.held = page.held;
        if self.events.len() == 0 {
            self.sent = self.sent.max(self.events_end);
        }
    }

    /// Holds no page for a client that takes nothing of it: there may be many of them. It is read again when there is room.
    fn let_go(&mut self) {
        self.drop_page();
        self.events_end = self.sent;
        self.follower.go_back(self.sent);
    }

    fn drop_page(&mut self) {
        self.events = Vec::new().into_iter();
        self.held = None;
    }

    /// Writes events that were read, as long as there is room.
    async fn tell(&mut self) -> Result<(), Over> {
        while self.events.len() > 0 && self.wire.has_room() {
            let mut frame = b"{\"events\":[".to_vec();
            while frame.len() < FRAME_BYTES
                && let Some(event) = self.events.next()
            {
                event.write_json(&mut frame);
                frame.push(b',');
                self.sent = event.seq();
                self.acks.sent(&event);
            }
            frame.pop();
            frame.extend_from_slice(b"]}");
            if self.events.len() == 0 {
                self.sent = self.events_end;
                // Whoever is idle holds no page.
                self.drop_page();
            }
            self.wire.write(frame).await?;
        }
        Ok(())
    }

    /// Begins to confirm what was acked.
    fn confirm(&mut self) {
        if let Some(act) = self.acks.next(&self.edge.engine) {
            self.under_way
                .push(Box::pin(async move { Ready::Confirmed(act.await) }));
        }
    }

    async fn ready(&mut self, ready: Ready) -> Result<(), Over> {
        match ready {
            Ready::Done { frame, .. } => self.wire.write(frame).await?,
            Ready::Confirmed(confirmed) => {
                if let Err(error) = self.acks.ended(confirmed) {
                    tracing::info!(%error, "an ack is tried again in a moment");
                    self.under_way.push(Box::pin(async {
                        tokio::time::sleep(REST).await;
                        Ready::ConfirmAgain
                    }));
                }
            }
            Ready::ConfirmAgain => self.acks.again(),
            Ready::Rested => self.resting = false,
        }
        Ok(())
    }

    async fn hear(&mut self, text: &str) -> Result<(), Over> {
        match frame::read(text).map_err(Over::fault)? {
            Said::Hello(_) => Err(Over::fault("A session has one hello.")),
            Said::Ack(seq) if seq > self.sent => {
                Err(Over::fault("The ack is beyond what was sent."))
            }
            Said::Ack(seq) => {
                self.acks.acked(seq);
                Ok(())
            }
            Said::Do { id, what } => {
                let asking = Asking {
                    edge: &self.edge,
                    caller: &self.caller,
                    owner: &self.owner,
                    request_id: &self.request_id,
                };
                // A session that says nothing has no room for a command in it.
                match Box::pin(asking.begin(id, what, &mut self.under_way)).await {
                    Some(refusal) => self.wire.write(refusal).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// What was accepted is answered before the server stops.
    async fn end(&mut self, end: End) -> Over {
        match end {
            End::Revoked => return Over::Close(close::REVOKED, REVOKED.to_owned()),
            End::Unwatched => return Over::Close(close::UNWATCHED, UNWATCHED.to_owned()),
            End::Stopping => {}
        }
        let answer = async {
            while let Some(ready) = self.under_way.next().await {
                if let Ready::Confirmed(_) | Ready::Done { .. } = ready {
                    self.ready(ready).await?;
                }
            }
            self.wire.flush().await
        };
        if let Ok(Err(over)) = timeout(FINISH_MAX, answer).await {
            return over;
        }
        let random = self.edge.engine.random()[0];
        let delay = COME_BACK_MS_MAX * u64::from(random) / u64::from(u8::MAX);
        let reason = close::reason_with_delay(delay, "The server stops.");
        Over::Close(close::STOPPING, reason)
    }

    /// What was acked is confirmed, also where the client has gone since: it will not say it again.
    async fn settle(&mut self) {
        let confirmed = async {
            loop {
                self.confirm();
                if !self.acks.is_under_way() {
                    return;
                }
                match self.under_way.next().await {
                    None => return,
                    Some(Ready::Confirmed(confirmed)) => {
                        if self.acks.ended(confirmed).is_err() {
                            return;
                        }
                    }
                    Some(Ready::ConfirmAgain) => self.acks.again(),
                    Some(_) => {}
                }
            }
        };
        let _ = timeout(FINISH_MAX, confirmed).await;
        if let Some(last) = self.acks.last() {
            // Nobody waits for it: it only saves the next session a look into the log.
            let _ = self.edge.engine.enqueue(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<A, B, C, D, F: Future>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_an_idle_session_holds_is_small() {
        // Thousands rest at once. Beside this each has a buffer to read into, and its place in three lists.
        assert!(future_bytes(serve) + size_of::<Session>() < 3 * 1024);
    }
}
