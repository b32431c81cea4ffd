//! Posting a test event now, to see what the receiver answers.

use bytes::Bytes;
use crewline_api::{Timestamp, WebhookTested};
use crewline_core::WebhookRow;
use serde_json::json;

use crate::post::Poster;
use crate::settings::Settings;

/// Posts an event of the type `webhook.test`, which stands in no log, over a connection of its own. `random` makes its id.
pub async fn trial(
    row: &WebhookRow,
    settings: &Settings,
    now: Timestamp,
    random: [u8; 32],
) -> WebhookTested {
    let body = json!({
        "seq": 0,
        "type": "webhook.test",
        "timestamp": now,
        "data": { "webhookId": row.no.0.to_string() },
    });
    let random = random[..8]
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let id = format!("msg_test_{random:016x}");
    let mut poster = Poster::new(row, settings);
    let answer = poster.post(&id, now, Bytes::from(body.to_string())).await;
    WebhookTested {
        taken: answer.is_taken(),
        status: answer.status,
        error: answer.refused,
        answer: answer.text,
        took_ms: answer.took.as_millis() as u64,
    }
}
