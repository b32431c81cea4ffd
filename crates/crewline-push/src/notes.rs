//! What is written down of pushes: many at once. An emergency wakes a thousand devices, and each must know how far it is before it
//! goes on; as many transactions would stand before the next message.

use std::time::Duration;

use crewline_api::ErrorCode;
use crewline_core::{DirectoryError, PushNo, PushNote, PushNoted, StoreErrorKind};
use crewline_engine::Engine;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error};

/// Notes that wait; who has another one waits with it.
const WAITING_MAX: usize = 1_024;
/// Notes in one transaction.
const TOGETHER_MAX: usize = 256;
/// How long to wait where the store takes no writes.
const REST: Duration = Duration::from_secs(1);

type Note = (PushNote, oneshot::Sender<()>);

/// Where notes are given.
#[derive(Clone)]
pub(crate) struct Notes(mpsc::Sender<Note>);

impl Notes {
    /// Writes down, until nobody has a note any more.
    pub(crate) fn start(engine: Engine) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(engine, receiver));
        Self(sender)
    }

    /// Notes something; returns when it is durable. `false`: the server stops, or another node has taken over.
    pub(crate) async fn note(&self, no: PushNo, what: PushNoted) -> bool {
        let (sender, durable) = oneshot::channel();
        let sent = self.0.send((PushNote { no, what }, sender)).await;
        sent.is_ok() && durable.await.is_ok()
    }
}

async fn write(engine: Engine, mut receiver: mpsc::Receiver<Note>) {
    let mut together = Vec::new();
    while receiver.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        let (notes, told): (Vec<_>, Vec<_>) = together.drain(..).unzip();
        if !keep(&engine, notes).await {
            return;
        }
        for told in told {
            // Who does not wait any more does not want to know.
            let _ = told.send(());
        }
    }
}

/// Writes as often as it takes; `false` where the server stops, or another node has taken over.
async fn keep(engine: &Engine, notes: Vec<PushNote>) -> bool {
    loop {
        let notes = notes.clone();
        let kept = engine.directory(move |directory, _| directory.note_pushes(&notes));
        match kept.await {
            Ok(Ok(())) => return true,
            // Another node has taken over, and writes down by itself.
            Ok(Err(DirectoryError::Store(error))) if error.kind == StoreErrorKind::Superseded => {
                return false;
            }
            Ok(Err(error)) => error!(%error, "what became of pushes could not be written down"),
            Err(error) if error.code == ErrorCode::Stopping => return false,
            // The store has said in the log what is wrong, once for all.
            Err(error) => debug!(%error, "what became of pushes waits for the store"),
        }
        tokio::time::sleep(REST).await;
    }
}
