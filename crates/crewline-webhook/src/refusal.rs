//! What was refused, as it is kept in the store; and waiting where the store does not work.

use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, Seq, Timestamp, WebhookFailure};
use crewline_core::{Directory, WebhookRow};
use crewline_engine::Engine;
use tokio::sync::Semaphore;
use tracing::{debug, error};

use crate::post::Answer;

/// One note at a time: each is a transaction that the writer waits for, and a thousand receivers that are down at once must
/// not put as many before the next message.
static NOTES: Semaphore = Semaphore::const_new(1);
/// How long to wait where the store cannot be read or written.
const REST: Duration = Duration::from_secs(1);

/// Why a task ends before it is stopped.
pub(crate) enum End {
    /// The server is stopping, or the webhook's state changes: the supervisor sees to it.
    Stopped,
}

pub(crate) type Ended<T> = Result<T, End>;

/// Waits where the store does not work; ends where the server stops.
pub(crate) async fn rest(row: &WebhookRow, error: &ApiError) -> Ended<()> {
    if error.code == ErrorCode::Stopping {
        return Err(End::Stopped);
    }
    // The store has said in the log what is wrong, once for all.
    debug!(webhook = row.no.0, %error, "a webhook waits for the store");
    tokio::time::sleep(REST).await;
    Ok(())
}

pub(crate) fn failed(error: &crewline_core::DirectoryError) -> ApiError {
    error!(%error, "the directory could not be written");
    ApiError::new(
        ErrorCode::StorageUnavailable,
        "The store does not take writes now.",
    )
}

/// What is kept of a refusal, behind those before it.
pub(crate) fn refusal(
    before: Option<WebhookFailure>,
    seq: Seq,
    answer: &Answer,
    now: Timestamp,
) -> WebhookFailure {
    WebhookFailure {
        seq,
        parked: before.as_ref().is_some_and(|before| before.parked),
        first_at: before.as_ref().map_or(now, |before| before.first_at),
        last_at: now,
        attempts: before.map_or(0, |before| before.attempts) + 1,
        status: answer.status,
        error: answer.refused.clone().unwrap_or_default(),
        answer: answer.text.clone(),
        again: false,
    }
}

/// Notes a refusal, as often as it takes: what is parked must be listed before it is passed.
pub(crate) async fn note(engine: &Engine, row: &WebhookRow, failure: WebhookFailure) -> Ended<()> {
    let no = row.no;
    loop {
        let failure = failure.clone();
        let noted = {
            // It is never closed.
            let _turn = NOTES.acquire().await;
            let act = move |directory: &mut dyn Directory, _| {
                directory.note_webhook_failure(no, &failure)
            };
            engine.directory(act).await
        };
        match noted.and_then(|noted| noted.map_err(|error| failed(&error))) {
            Ok(()) => return Ok(()),
            Err(error) => rest(row, &error).await?,
        }
    }
}

/// Forgets a refusal. Where that fails it is listed until the next one is forgotten or noted: no harm is done.
pub(crate) async fn forget(engine: &Engine, row: &WebhookRow, seq: Seq) {
    let no = row.no;
    let _turn = NOTES.acquire().await;
    let forgotten = engine.directory(move |directory, _| directory.forget_webhook_failure(no, seq));
    if let Ok(Err(error)) = forgotten.await {
        failed(&error);
    }
}
