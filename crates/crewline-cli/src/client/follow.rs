//! Follows a participant's log over server-sent events, through lost connections and restarts of the server.
//!
//! Nothing is skipped and nothing is given out twice: each connection resumes behind the last event given out.

use std::fmt::Write as _;
use std::time::Duration;

use crewline_api::Seq;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::call::{EPOCH, query_value};
use super::frame::Parser;
use super::{Backoff, CallError, Client, Frame};
use crate::failure::Failure;

/// A stream says something at least every 60 seconds. One that is silent for so long is dead, whatever TCP says.
const SILENCE_MAX: Duration = Duration::from_secs(150);

/// Where to begin.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// Behind this seq.
    After(Seq),
    /// Behind a cursor that the server keeps.
    Cursor(String),
}

/// Someone who follows a log.
pub(crate) struct Follow {
    client: Client,
    participant: String,
    start: Start,
    types: Option<&'static str>,
    epoch: Option<String>,
    seen: Option<Seq>,
    connection: Option<(Response, Parser)>,
    backoff: Backoff,
    pause: Option<Duration>,
}

impl Follow {
    /// Follows the log of `participant`, of these kinds of events only where they are given.
    pub(crate) fn new(
        client: Client,
        participant: &str,
        start: Start,
        types: Option<&'static str>,
    ) -> Self {
        Self {
            client,
            participant: participant.to_owned(),
            start,
            types,
            epoch: None,
            seen: None,
            connection: None,
            backoff: Backoff::default(),
            pause: None,
        }
    }

    /// Connects, once: whoever calls it learns of a wrong address instead of waiting for ever.
    pub(crate) async fn open(&mut self) -> Result<(), CallError> {
        let mut query = match &self.start {
            Start::After(seq) => format!("after={seq}"),
            Start::Cursor(name) => format!("cursor={}", query_value(name)),
        };
        if let Some(types) = self.types {
            let _ = write!(query, "&types={types}");
        }
        if let Some(epoch) = &self.epoch {
            let _ = write!(query, "&epoch={}", query_value(epoch));
        }
        let response = self
            .client
            .stream(&self.participant, &query, self.seen)
            .await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let kind = header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            let what = format!(
                "{} answers {kind:?} and no event stream",
                self.client.base()
            );
            let failure = Failure::new(what).remedy("check the address: CREWLINE_URL or --url");
            return Err(CallError::Refused(failure));
        }
        if self.epoch.is_none() {
            self.epoch = header(EPOCH);
        }
        self.connection = Some((response, Parser::default()));
        Ok(())
    }

    /// The next events, all that came together. Connects again where it must, for as long as it takes.
    ///
    /// # Errors
    /// What will not get better by waiting: a token that is not known any more, a log that was replaced.
    pub(crate) async fn next(&mut self) -> Result<Vec<Frame>, Failure> {
        loop {
            let Some((response, parser)) = &mut self.connection else {
                self.reconnect().await?;
                continue;
            };
            let mut frames = Vec::new();
            match tokio::time::timeout(SILENCE_MAX, response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    if let Err(fault) = parser.push(&bytes, &mut frames) {
                        return Err(Failure::new(format!("the server sends {fault}")));
                    }
                    self.keep_new(&mut frames);
                    if !frames.is_empty() {
                        self.backoff.reset();
                        return Ok(frames);
                    }
                }
                Ok(Ok(None)) => self.lost("the server closed the stream"),
                Ok(Err(error)) => self.lost(&super::call::chain(&error)),
                Err(_) => self.lost("nothing was heard for too long"),
            }
        }
    }

    fn keep_new(&mut self, frames: &mut Vec<Frame>) {
        frames.retain(|frame| {
            let new = frame.seq.is_none() || frame.seq > self.seen;
            self.seen = self.seen.max(frame.seq);
            new
        });
    }

    fn lost(&mut self, why: &str) {
        tracing::info!(why, "the connection is lost; connecting again");
        self.connection = None;
        // A server that takes each connection and drops it at once must not be asked without a pause.
        self.pause = Some(self.backoff.next(None));
    }

    async fn reconnect(&mut self) -> Result<(), Failure> {
        if let Some(pause) = self.pause.take() {
            tokio::time::sleep(pause).await;
        }
        match self.open().await {
            Ok(()) => Ok(()),
            Err(CallError::Refused(failure) | CallError::NotFound(failure)) => Err(failure),
            Err(CallError::Later { what, after }) => {
                let wait = self.backoff.next(after);
                tracing::warn!("{what}; trying again in {:.1} s", wait.as_secs_f64());
                self.pause = Some(wait);
                Ok(())
            }
        }
    }
}
