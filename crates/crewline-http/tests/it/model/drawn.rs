//! What somebody does next where many work at once.

use crewline_testkit::Random;
use serde_json::{Value, json};

use super::together::{Field, PEOPLE, SYSTEMS};

/// An act, as the wire says it.
pub(super) enum Doing {
    Send(Value),
    Reply { chat: String, body: Value },
    Receipt(Value),
}

/// Draws an act; nothing where there is nothing yet that it could be about.
pub(super) fn doing(
    field: &Field,
    who: &'static str,
    text: &str,
    random: &mut Random,
) -> Option<Doing> {
    let system = SYSTEMS.contains(&who);
    match random.below(5) {
        0 | 1 if system => {
            let people = 1 + random.below(3);
            let to: Vec<Value> = (0..people)
                .map(|_| random.pick(&PEOPLE))
                .map(|id| json!({"toUserId": id, "onReadPayload": crewline_api::Payload::from(id).to_base64()}))
                .collect();
            let priority = random.pick(&[1, 2, 3]);
            Some(Doing::Send(
                json!({"fromExtUserId": who, "fromExtUserName": who, "toUsers": to, "message": text, "priority": priority}),
            ))
        }
        0 => {
            let (_, chat, _) = field.any(random, who)?;
            let body = json!({"message": text});
            Some(Doing::Reply { chat, body })
        }
        _ => {
            let (message, chat, _) = field.any(random, who)?;
            Some(Doing::Receipt(match random.below(4) {
                0 => json!({"chatId": chat, "readUpTo": message}),
                1 => json!({"messageId": message, "state": "acknowledged"}),
                2 => json!({"messageId": message, "state": "read"}),
                _ => json!({"messageId": message, "state": "delivered"}),
            }))
        }
    }
}
