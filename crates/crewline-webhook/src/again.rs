//! Parked events that are to be tried once more.

use crewline_api::{ErrorCode, EventKinds, ReceiptSaid, ReceiptState, WebhookFailure};
use crewline_core::{Command, ReceiptsCommand, WebhookRow};
use crewline_engine::{EncodedEvent, Engine};
use tracing::{info, warn};

use crate::confirm;
use crate::event::{post, received};
use crate::post::{Answer, Poster};
use crate::refusal::{End, Ended, forget, note, refusal, rest};

/// How many are read at once.
const PAGE: usize = 100;

/// Parked events that are to be tried once more: beside the others, which do not wait for them.
pub(crate) struct Again {
    pub(crate) engine: Engine,
    pub(crate) poster: Poster,
    pub(crate) row: WebhookRow,
}

impl Again {
    pub(crate) async fn run(mut self) {
        let mut after = 0;
        while self.row.again {
            let (no, from) = (self.row.no, after);
            let page = self
                .engine
                .read(move |reader| reader.webhook_failures(no, from, PAGE))
                .await;
            let failures = match page {
                Ok(failures) => failures,
                Err(error) => match rest(&self.row, &error).await {
                    Ok(()) => continue,
                    Err(End::Stopped) => return,
                },
            };
            let Some(last) = failures.last() else { return };
            after = last.seq;
            for failure in failures
                .into_iter()
                .filter(|failure| failure.parked && failure.again)
            {
                if self.try_once(failure).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn try_once(&mut self, failure: WebhookFailure) -> Ended<()> {
        let seq = failure.seq;
        let page = self
            .engine
            .page(self.row.participant, Some(seq - 1), EventKinds::ALL, 1)
            .await;
        let event = match page {
            Ok(page) => page.events.into_iter().find(|event| event.seq() == seq),
            Err(error) if error.code == ErrorCode::LogTruncated => None,
            Err(error) => return rest(&self.row, &error).await,
        };
        let answer = match &event {
            Some(event) => post(&mut self.poster, &self.engine, &self.row, event).await,
            None => Answer {
                refused: Some("the log does not hold it any more".to_owned()),
                ..Answer::default()
            },
        };
        if let (Some(event), true) = (&event, answer.is_taken()) {
            info!(webhook = self.row.no.0, seq, "a parked event was taken");
            self.deliver(event).await?;
            forget(&self.engine, &self.row, seq).await;
            return Ok(());
        }
        warn!(
            webhook = self.row.no.0,
            seq,
            error = answer.refused,
            "a parked event was refused again"
        );
        let failure = refusal(Some(failure), seq, &answer, self.engine.now());
        note(&self.engine, &self.row, failure).await
    }

    /// Says of a message that an external has taken that it is delivered.
    async fn deliver(&self, event: &EncodedEvent) -> Ended<()> {
        let Some(message) = received(event).filter(|_| self.row.external) else {
            return Ok(());
        };
        let said = ReceiptSaid::Message {
            message_id: message.to_string(),
            state: ReceiptState::Delivered,
            at: None,
        };
        loop {
            let command = ReceiptsCommand::new(confirm::actor(&self.row), vec![said.clone()]);
            let Ok(command) = command else { return Ok(()) };
            match self.engine.submit(Command::Receipts(command)).await {
                Ok(_) => return Ok(()),
                Err(error) => rest(&self.row, &error).await?,
            }
        }
    }
}
