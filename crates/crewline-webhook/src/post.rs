//! One signed post at a time to the URL of a webhook.

use std::time::Duration;

use bytes::Bytes;
use crewline_api::Timestamp;
use crewline_core::WebhookRow;
use crewline_engine::Held;
pub(crate) use crewline_outgoing::Answer;
use crewline_outgoing::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::settings::Settings;
use crate::sign::Signer;

/// Posts to the URL of a webhook.
pub(crate) struct Poster {
    line: crewline_outgoing::Poster,
    signer: Signer,
    time_max: Duration,
    /// It posts for as long as this stands.
    held: Option<Held>,
}

impl Poster {
    pub(crate) fn new(row: &WebhookRow, settings: &Settings) -> Self {
        Self {
            line: crewline_outgoing::Poster::new(&row.url, &settings.outgoing),
            signer: Signer::new(&row.secret),
            time_max: settings.pace.answer_max(),
            held: None,
        }
    }

    /// Posts only while a lease is held: after that nothing more goes out, and whoever waits for it is stopped.
    pub(crate) fn under(mut self, held: &Held) -> Self {
        self.held = Some(held.clone());
        self
    }

    /// Posts a body, and says what came of it.
    ///
    /// # Cancellation
    /// The receiver may have got it, or a part of it; the connection is closed.
    pub(crate) async fn post(&mut self, id: &str, now: Timestamp, body: Bytes) -> Answer {
        if self.held.as_ref().is_some_and(|held| !held.stands()) {
            std::future::pending::<()>().await;
        }
        let timestamp = now.as_millis() / 1_000;
        let signature = self.signer.sign(id, timestamp, &body);
        let (Ok(id), Ok(signature)) = (HeaderValue::try_from(id), HeaderValue::try_from(signature))
        else {
            return Answer {
                refused: Some("its id cannot stand in a header".to_owned()),
                ..Answer::default()
            };
        };
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("webhook-id"), id),
            (
                HeaderName::from_static("webhook-timestamp"),
                HeaderValue::from(timestamp),
            ),
            (HeaderName::from_static("webhook-signature"), signature),
        ];
        self.line.post(&headers, body, self.time_max).await
    }
}
