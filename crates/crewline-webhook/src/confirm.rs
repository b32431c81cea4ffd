//! Confirming what was taken: the cursor moves, and messages of an external are delivered. Many at once, beside the posts.
//!
//! A message is said to be delivered by a receipt, and not by its cursor: the cursor also passes what was parked, of which
//! nobody may say that it was delivered.

use std::time::Duration;

use crewline_api::{ApiError, ErrorCode, MessageId, ReceiptSaid, ReceiptState, Seq};
use crewline_core::{Actor, Command, CursorCommand, ReceiptsCommand, WebhookRow};
use crewline_engine::Engine;
use tokio::sync::mpsc;
use tracing::{error, warn};

/// How many events are confirmed together at most; as many more may wait.
pub(crate) const TOGETHER_MAX: usize = 256;
/// How long to wait where the store does not take writes.
const REST: Duration = Duration::from_secs(1);

/// That everything up to an event is done with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) seq: Seq,
    /// The message that was received and taken.
    pub(crate) message: Option<MessageId>,
}

/// Who acts by a webhook.
pub(crate) fn actor(row: &WebhookRow) -> Actor {
    Actor {
        id: row.id.clone(),
        external: row.external,
        device: row.device,
    }
}

/// Confirms until nothing more can come.
pub(crate) async fn run(engine: Engine, row: WebhookRow, mut passed: mpsc::Receiver<Passed>) {
    let mut batch = Vec::with_capacity(TOGETHER_MAX);
    while passed.recv_many(&mut batch, TOGETHER_MAX).await > 0 {
        if confirm(&engine, &row, &batch).await.is_err() {
            return;
        }
        batch.clear();
    }
}

/// Confirms a batch, as often as it takes.
///
/// # Errors
/// Where it can never be: the server stops, or the participant may not act any more.
async fn confirm(engine: &Engine, row: &WebhookRow, batch: &[Passed]) -> Result<(), ApiError> {
    let Some(last) = batch.last() else {
        return Ok(());
    };
    let messages = batch.iter().filter_map(|passed| passed.message);
    let receipts: Vec<_> = messages
        .map(|message| ReceiptSaid::Message {
            message_id: message.to_string(),
            state: ReceiptState::Delivered,
            at: None,
        })
        .collect();
    let cursor = move_to(row, last.seq, false);
    loop {
        match say(engine, row, receipts.clone(), cursor.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) if error.code == ErrorCode::Stopping => return Err(error),
            // It is noticed, and the webhook rests until that changes.
            Err(error) if matches!(error.code, ErrorCode::NotAllowed | ErrorCode::NotFound) => {
                warn!(webhook = row.no.0, %error, "what a webhook has posted cannot be confirmed");
                return Err(error);
            }
            Err(error) => {
                error!(webhook = row.no.0, %error, "what a webhook has posted cannot be confirmed now; trying again");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn say(
    engine: &Engine,
    row: &WebhookRow,
    receipts: Vec<ReceiptSaid>,
    cursor: Command,
) -> Result<(), ApiError> {
    if row.external && !receipts.is_empty() {
        let said = ReceiptsCommand::new(actor(row), receipts)?;
        // Both are in the queue before either is awaited: they are decided in this order, mostly in one batch.
        let said = engine.enqueue(Command::Receipts(said))?;
        let moved = engine.enqueue(cursor)?;
        said.await?;
        moved.await?;
    } else {
        engine.submit(cursor).await?;
    }
    Ok(())
}

/// The command that moves a webhook's cursor.
pub(crate) fn move_to(row: &WebhookRow, seq: Seq, rewind: bool) -> Command {
    Command::Cursor(CursorCommand {
        actor: actor(row),
        name: row.cursor(),
        seq,
        kinds: row.cursor_kinds(),
        rewind,
    })
}
