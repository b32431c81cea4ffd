//! A session: one socket for the events of a participant and for commands, made again whenever it is lost.

mod buffer;
mod closed;
mod handle;
mod link;
mod pending;
mod task;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use crewline_api::{
    ApiError, CursorName, EventKind, FieldCode, Hello, ParticipantId, Seq, Welcome,
};
use tokio::sync::{mpsc, oneshot, watch};

use self::buffer::Buffer;
pub use self::handle::Handle;
use self::link::BoxIo;
use self::task::{Dial, State, Task, Times};
use crate::{Client, Error, RawEvent};

/// Commands on the way to the task.
const QUEUE: usize = 64;

/// The events in a frame of a server.
pub(crate) fn events_of(text: &str) -> Result<Vec<RawEvent>, Error> {
    Ok(match wire::read(text)? {
        wire::Said::Events(events) => events,
        _ => Vec::new(),
    })
}

/// Says whose events a session is to have, and from where: [`Client::session`].
#[derive(Debug, Clone)]
#[must_use = "a session begins with connect or start"]
pub struct SessionBuilder {
    client: Client,
    hello: Hello,
    patience: Option<Duration>,
    confirm_by_asking: bool,
}

impl SessionBuilder {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            hello: Hello::default(),
            patience: None,
            confirm_by_asking: false,
        }
    }

    /// Whose log it is: where a token names several, or a user watches another participant.
    pub fn participant(mut self, participant: ParticipantId) -> Self {
        self.hello.participant = Some(participant);
        self
    }

    /// Begins behind this event. Left out: behind the cursor, and without a cursor at the start.
    pub fn after(mut self, seq: Seq) -> Self {
        self.hello.after = Some(seq);
        self
    }

    /// A cursor that the server keeps, moved by what is confirmed.
    pub fn cursor(mut self, name: CursorName) -> Self {
        self.hello.cursor = Some(name);
        self
    }

    /// Kinds of events; all, if left out.
    pub fn types(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.hello.types = Some(kinds.into_iter().collect());
        self
    }

    /// The epoch that the consumer knows, from an earlier session: another one is refused.
    pub fn epoch(mut self, epoch: impl Into<String>) -> Self {
        self.hello.epoch = Some(epoch.into());
        self
    }

    /// Asking for the next events confirms those before ([`Session::next`]). Left out, [`Session::ack`] alone does.
    pub fn confirm_by_asking(mut self) -> Self {
        self.confirm_by_asking = true;
        self
    }

    /// How long to go on without a connection before the session ends. Left out: for ever.
    pub fn give_up_after(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Starts the session and waits for its first connection, which is tried once: whoever calls it learns of a wrong
    /// address instead of waiting for ever. Later ones are made again and again.
    ///
    /// # Errors
    /// That the server cannot be reached, or what it has against the hello: [`crewline_api::ErrorCode::EpochChanged`],
    /// `AheadOfLog`, `LogTruncated`, `NotFound` …
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<Session, Error> {
        let (first, connected) = oneshot::channel();
        let session = self.begin(Some(first));
        // The task tells it, or has panicked.
        connected.await.unwrap_or_else(|_| Err(closed_here()))?;
        Ok(session)
    }

    /// Starts the session. It connects by itself, again and again also at first; errors come with [`Session::next`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> Session {
        self.begin(None)
    }

    fn begin(self, first: Option<oneshot::Sender<Result<(), Error>>>) -> Session {
        let http = Arc::clone(self.client.http());
        let times = Times {
            open: http.open_timeout(),
            answer: http.timeout(),
            patience: self.patience,
        };
        let dial: Dial = Box::new(move || {
            let http = Arc::clone(&http);
            Box::pin(async move {
                let io: BoxIo = Box::new(http.upgrade().await?);
                Ok(io)
            })
        });
        self.begin_with(dial, times, first)
    }

    fn begin_with(
        self,
        dial: Dial,
        times: Times,
        first: Option<oneshot::Sender<Result<(), Error>>>,
    ) -> Session {
        let (commands, commanded) = mpsc::channel(QUEUE);
        let (ack, acks) = watch::channel(0);
        let (welcomed, welcome) = watch::channel(None);
        let buffer = Arc::new(Buffer::default());
        let task = Task {
            dial,
            hello: self.hello,
            times,
            buffer: Arc::clone(&buffer),
            commands: commanded,
            acks,
            welcomed,
            first,
            state: State::default(),
        };
        tokio::spawn(task.run());
        // Without patience there is one try; a command waits for its answer even then.
        let patience = match self.client.patience() {
            Duration::ZERO => times.answer,
            patience => patience,
        };
        Session {
            handle: Handle::new(commands, Arc::clone(&buffer), patience),
            buffer,
            ack,
            welcome,
            given: 0,
            confirm_by_asking: self.confirm_by_asking,
        }
    }
}

/// A session: the events of one participant, in the order of the log, and commands.
///
/// A lost connection is made again, after a pause that grows and is never in step with others', and resumes behind the
/// last event that came: nothing is skipped and nothing is given out twice. What ends a session for good is told by
/// [`Session::next`]: credentials that are not known any more, another's log that is watched no more
/// ([`crewline_api::ErrorCode::NotFound`]; the credentials are good), a log that was replaced
/// ([`crewline_api::ErrorCode::EpochChanged`]: the server's store was restored from a backup. Load anew what you hold,
/// and begin another session from the head or the start of the log).
///
/// Events that were not taken wait, up to 4 MiB of them; then the server is asked for no more until they are taken.
/// A session that is dropped ends in the background, but for its handles: they go on acting, and no events come. What
/// was confirmed is said to the server before the end.
#[derive(Debug)]
pub struct Session {
    handle: Handle,
    buffer: Arc<Buffer>,
    ack: watch::Sender<Seq>,
    welcome: watch::Receiver<Option<Welcome>>,
    given: Seq,
    confirm_by_asking: bool,
}

impl Session {
    /// The next events, all that have come; at least one. Those of kinds that this version does not know are among
    /// them.
    ///
    /// # Cancellation
    /// A wait that is dropped has taken no events.
    ///
    /// # Errors
    /// Why the session has ended, when all events before were given out.
    pub async fn next(&mut self) -> Result<Vec<RawEvent>, Error> {
        if self.confirm_by_asking {
            self.confirm(self.given);
        }
        let events = self.buffer.take().await?;
        self.given = events.last().map_or(self.given, RawEvent::seq);
        Ok(events)
    }

    /// Says that everything up to this event is stored here. It makes `delivered` for each message among them, and moves
    /// the cursor where there is one. It goes out by itself, on this connection or the next.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::Invalid`] beyond the last event that was given out.
    pub fn ack(&self, seq: Seq) -> Result<(), Error> {
        if seq > self.given {
            let detail = format!(
                "event {seq} was not given out; the last one was {}",
                self.given
            );
            return Err(ApiError::field("ack", FieldCode::OutOfRange, detail).into());
        }
        self.confirm(seq);
        Ok(())
    }

    fn confirm(&self, seq: Seq) {
        self.ack.send_if_modified(|acked| {
            let further = seq > *acked;
            *acked = seq.max(*acked);
            further
        });
    }

    /// A handle to act by, as many as are needed.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What the server said when the last connection was made: the epoch and the head of the log. None before the first.
    pub fn welcome(&self) -> Option<Welcome> {
        self.welcome.borrow().clone()
    }

    /// Ends the session: what was confirmed is said, then the connection is closed. Commands under way are not waited
    /// for. It takes at most five seconds.
    pub async fn close(self) {
        self.handle.close().await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.buffer.abandon();
    }
}

/// The session was closed by this program.
fn closed_here() -> Error {
    Error::unreachable("the session was closed by this program")
}
