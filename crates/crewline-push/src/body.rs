//! What is in a push: ids, and a word that says how urgent it is. Never a text, never a name.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use crewline_api::{ChatId, MessageId, Priority};
use crewline_core::PushSecrets;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Says that a browser may show it without the app (Declarative Web Push).
const DECLARATIVE: u32 = 8_030;

/// A message, as a push names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) message: MessageId,
    pub(crate) chat: ChatId,
    pub(crate) priority: Priority,
}

/// The body for a message.
pub(crate) fn of_message(named: Named, origin: &str) -> Value {
    let Named {
        message,
        chat,
        priority,
    } = named;
    let (word, tag) = match priority {
        Priority::Emergency => ("EMERGENCY", message.to_string()),
        Priority::Sticky => ("Important message", chat.to_string()),
        Priority::Fleeting => ("New message", chat.to_string()),
    };
    json!({
        "web_push": DECLARATIVE,
        "notification": {
            "title": "Crewline",
            "body": word,
            "navigate": format!("{origin}/chats/{chat}"),
            "tag": tag,
        },
        "messageId": message,
        "chatId": chat,
        "priority": priority,
    })
}

/// The body of a test.
pub(crate) fn of_test(nonce: &str, origin: &str) -> Value {
    json!({
        "web_push": DECLARATIVE,
        "notification": {
            "title": "Crewline",
            "body": "This device can be woken",
            "navigate": format!("{origin}/#setup"),
            "tag": "test",
        },
        "test": nonce,
    })
}

/// The header `Topic`: of several pushes with the same one a push service keeps the newest. It says nothing of the chat to
/// anybody who does not know what browser and server share. Emergencies and what stays have none: each of them counts.
pub(crate) fn topic(named: Named, secrets: &PushSecrets) -> Option<String> {
    (named.priority == Priority::Fleeting).then(|| {
        let mut hash = Sha256::new();
        hash.update(secrets.auth);
        hash.update(named.chat.to_string());
        BASE64.encode(&hash.finalize()[..24])
    })
}

/// The header `Urgency`.
pub(crate) fn urgency(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Sticky => "high",
        Priority::Fleeting => "normal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(priority: Priority) -> Named {
        Named {
            message: MessageId::from_parts(5, 77),
            chat: ChatId::from_parts(3, 88),
            priority,
        }
    }

    #[test]
    fn a_body_has_ids_and_where_to_go_and_fits_into_a_few_hundred_bytes() {
        let (message, chat) = (
            named(Priority::Emergency).message,
            named(Priority::Emergency).chat,
        );
        let body = of_message(named(Priority::Emergency), "https://chat.example.org");
        assert_eq!(
            body,
            json!({
                "web_push": 8030,
                "notification": {
                    "title": "Crewline", "body": "EMERGENCY", "tag": message,
                    "navigate": format!("https://chat.example.org/chats/{chat}"),
                },
                "messageId": message, "chatId": chat, "priority": 1,
            })
        );
        assert!(body.to_string().len() < 400);
        let others = [
            (Priority::Fleeting, "New message"),
            (Priority::Sticky, "Important message"),
        ];
        for (priority, word) in others {
            let body = of_message(named(priority), "");
            assert_eq!(body["notification"]["body"], word);
            assert_eq!(body["notification"]["tag"], json!(chat));
        }
    }

    #[test]
    fn what_passes_has_a_topic_of_32_characters_that_differs_between_devices() {
        let secrets = |auth| PushSecrets {
            p256dh: [4; 65],
            auth: [auth; 16],
        };
        let of = |auth| topic(named(Priority::Fleeting), &secrets(auth)).unwrap();
        assert_eq!((of(1).len(), of(1)), (32, of(1)));
        assert_ne!(of(1), of(2));
        for priority in [Priority::Emergency, Priority::Sticky] {
            assert_eq!(topic(named(priority), &secrets(1)), None);
        }
    }
}
