//! Events as posts: what goes out, and what is counted.

use bytes::Bytes;
use crewline_api::{EventData, MessageId, Priority};
use crewline_core::WebhookRow;
use crewline_engine::{EncodedEvent, Engine};
use metrics::{counter, histogram};

use crate::post::{Answer, Poster};
use crate::sign;

/// Posts an event.
pub(crate) async fn post(
    poster: &mut Poster,
    engine: &Engine,
    row: &WebhookRow,
    event: &EncodedEvent,
) -> Answer {
    let mut body = Vec::with_capacity(512);
    event.write_json(&mut body);
    let id = sign::id(engine.epoch(), row.no, event.seq());
    let answer = poster.post(&id, engine.now(), Bytes::from(body)).await;
    count(&answer);
    answer
}

fn count(answer: &Answer) {
    let outcome = match (answer.is_taken(), answer.status) {
        (true, _) => "taken",
        (false, Some(_)) => "refused",
        (false, None) => "no_answer",
    };
    counter!("crewline_webhook_posts_total", "outcome" => outcome).increment(1);
    histogram!("crewline_webhook_post_seconds").record(answer.took.as_secs_f64());
}

/// The message of an event that was received.
pub(crate) fn received(event: &EncodedEvent) -> Option<MessageId> {
    match &event.event().data {
        EventData::MessageReceived(message) => Some(message.message_id),
        _ => None,
    }
}

/// Whether an event must be told faster than others.
pub(crate) fn is_emergency(event: &EncodedEvent) -> bool {
    match &event.event().data {
        EventData::MessageReceived(message) | EventData::MessageSent(message) => {
            message.priority == Priority::Emergency
        }
        // The alert comes again: whoever has to raise it must not learn of it minutes later.
        EventData::MessageReminded(reminder) => reminder.priority == Priority::Emergency,
        _ => false,
    }
}
