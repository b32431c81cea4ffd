//! Where a consumer's events come from: the log in this process, or a session with a server.

use std::collections::VecDeque;
use std::time::Duration;

use crewline_api::{
    ApiError, CursorName, ErrorCode, Event, EventKind, EventKinds, ParticipantId, Seq,
};
use crewline_client::{Client, Error, RawEvent, Session};

use crate::backend::Backend;

/// How long the end of a consumer may take to be confirmed by a server.
const FAREWELL: Duration = Duration::from_secs(5);

/// A log, from a named cursor on.
pub(crate) enum Source {
    Embedded(Box<crewline::Consumer>),
    Remote(Box<Remote>),
}

impl Source {
    pub(crate) fn new(
        backend: Backend,
        external: ParticipantId,
        cursor: CursorName,
        kinds: &'static [EventKind],
    ) -> Self {
        match backend {
            Backend::Embedded(crewline) => {
                let kinds = kinds.iter().copied().collect::<EventKinds>();
                Self::Embedded(Box::new(crewline.consumer(external, cursor, kinds)))
            }
            Backend::Remote(client) => Self::Remote(Box::new(Remote {
                client,
                external,
                cursor,
                kinds,
                session: None,
                page: VecDeque::new(),
                after: None,
                handled: 0,
                truncated: false,
            })),
        }
    }

    /// The next events, at most `limit`; waits until there is one. A wait that is dropped has passed over none.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Vec<Event>, ApiError> {
        match self {
            Self::Embedded(consumer) => consumer.next(limit).await,
            Self::Remote(remote) => Ok(remote.next(limit).await?),
        }
    }

    /// Says that everything up to `seq` is done.
    pub(crate) async fn confirm(&mut self, seq: Seq) -> Result<(), ApiError> {
        match self {
            Self::Embedded(consumer) => consumer.confirm(seq).await,
            Self::Remote(remote) => {
                remote.confirm(seq);
                Ok(())
            }
        }
    }

    /// Ends it, when what was confirmed is stored.
    pub(crate) async fn finish(self) -> Result<(), ApiError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Remote(remote) => Ok(remote.finish().await?),
        }
    }
}

/// A log behind a server. Its session comes back by itself; what ends it for good is told, and the next one who asks begins
/// another behind the cursor.
pub(crate) struct Remote {
    client: Client,
    external: ParticipantId,
    cursor: CursorName,
    kinds: &'static [EventKind],
    session: Option<Session>,
    page: VecDeque<RawEvent>,
    /// Where to begin instead of behind the cursor.
    after: Option<Seq>,
    handled: Seq,
    /// What the cursor stands before was removed.
    truncated: bool,
}

impl Remote {
    async fn next(&mut self, limit: usize) -> Result<Vec<Event>, Error> {
        loop {
            if self.truncated {
                self.after = Some(self.client.before_oldest(&self.external).await?);
                self.truncated = false;
            }
            if self.page.is_empty() {
                let page = self.session().next().await;
                self.page = page.inspect_err(|error| self.ended(error))?.into();
            }
            match self.take(limit) {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Ok(events),
                Err(error) => {
                    // What cannot be read is not passed over: it is asked for again.
                    self.page.clear();
                    self.ended(&error);
                    return Err(error);
                }
            }
        }
    }

    fn take(&mut self, limit: usize) -> Result<Vec<Event>, Error> {
        let many = self.page.len().min(limit);
        let page = self.page.drain(..many);
        page.filter_map(|raw| raw.parse().transpose()).collect()
    }

    fn ended(&mut self, error: &Error) {
        self.session = None;
        self.truncated = error.code == ErrorCode::LogTruncated;
        if error.code == ErrorCode::EpochChanged {
            // A restored log counts on from an older number: what was handled of the other one says nothing of this.
            self.handled = 0;
        }
    }

    fn session(&mut self) -> &mut Session {
        let (client, begin) = (&self.client, &mut self.after);
        self.session.get_or_insert_with(|| {
            let session = client.session().participant(self.external.clone());
            let mut session = session
                .cursor(self.cursor.clone())
                .types(self.kinds.iter().copied());
            // Once: a later session begins behind the cursor, which has moved.
            if let Some(after) = begin.take() {
                session = session.after(after);
            }
            session.start()
        })
    }

    fn confirm(&mut self, seq: Seq) {
        self.handled = self.handled.max(seq);
        if let Some(session) = &self.session {
            // Of a session that was made anew, it may not have been given out yet; it is confirmed at the end.
            let _ = session.ack(seq);
        }
    }

    async fn finish(self) -> Result<(), Error> {
        let stored = async {
            if self.handled == 0 {
                return Ok(());
            }
            let client = self.client.with_patience(FAREWELL);
            let confirmed =
                client.confirm(&self.external, &self.cursor, self.handled, Some(self.kinds));
            confirmed.await.map(drop)
        }
        .await;
        if let Some(session) = self.session {
            session.close().await;
        }
        stored
    }
}
