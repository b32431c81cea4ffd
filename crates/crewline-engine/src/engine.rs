//! The engine as edges see it.

use std::sync::Arc;

use crewline_api::{ApiError, EventKinds, Seq, Timestamp};
use crewline_core::{
    Answer, Command, Directory, DirectoryError, Opened, ParticipantNo, Reader, Settings, StoreError,
};
use tokio::sync::watch;

use crate::{Clock, Follower, Page};

/// How an engine works.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What decisions depend on.
    pub settings: Settings,
}

/// A running engine. Clones are handles on the same one.
#[derive(Clone)]
pub struct Engine {
    _inner: Arc<()>,
}

impl Engine {
    /// Starts the writer on a store. Must be called inside of a tokio runtime.
    pub fn start(opened: Opened, options: Options, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let _ = (opened, options, clock);
        unimplemented!()
    }

    /// Carries a command out, and returns when it is durable.
    ///
    /// # Errors
    /// The refusal of the command; 429 and 503 where there is no room or the store does not take writes. After any
    /// error nothing was written.
    ///
    /// # Cancellation
    /// A command that was taken is carried out, whether its caller waits or not.
    pub async fn submit(&self, command: Command) -> Result<Answer, ApiError> {
        let _ = command;
        unimplemented!()
    }

    /// Carries an act on the directory out, between two batches. The outer error is the engine's (503); the inner one
    /// is the directory's own refusal.
    pub async fn directory<T, F>(&self, act: F) -> Result<Result<T, DirectoryError>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Directory, Timestamp) -> Result<T, DirectoryError> + Send + 'static,
    {
        let _ = act;
        unimplemented!()
    }

    /// Reads from the store, on a thread that may block. An error of the store is logged, and told as 503 or 500.
    pub async fn read<T, F>(&self, read: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let _ = read;
        unimplemented!()
    }

    /// A page of a log: from the ring in memory where it is new, else from the store. `after` left out: from the start.
    ///
    /// # Errors
    /// `ahead_of_log` and `log_truncated`, where `after` was given and lies outside of the log.
    pub async fn page(
        &self,
        participant: ParticipantNo,
        after: Option<Seq>,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<Page, ApiError> {
        let _ = (participant, after, kinds, limit);
        unimplemented!()
    }

    /// Follows a log. `after` is not judged: call [`Engine::page`] first where it may lie outside of the log.
    pub fn follow(&self, participant: ParticipantNo, after: Seq, kinds: EventKinds) -> Follower {
        Follower { engine: self.clone(), participant, after, kinds }
    }

    /// Names the log; it changes when the store is restored.
    pub fn epoch(&self) -> &str {
        unimplemented!()
    }

    /// The server's time.
    pub fn now(&self) -> Timestamp {
        unimplemented!()
    }

    /// 32 random bytes, for a secret.
    pub fn random(&self) -> [u8; 32] {
        unimplemented!()
    }

    /// Whether the store takes writes, as far as is known.
    pub fn ready(&self) -> Result<(), ApiError> {
        unimplemented!()
    }

    /// Changes whenever users, tokens or sessions changed, also by another process (noticed within half a second):
    /// open streams then look again whether they may go on.
    pub fn directory_changes(&self) -> watch::Receiver<u64> {
        unimplemented!()
    }

    /// Takes no more work, finishes what it has accepted, closes the store.
    pub async fn stop(&self) {
        unimplemented!()
    }
}
