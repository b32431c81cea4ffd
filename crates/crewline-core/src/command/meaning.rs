//! What a send or a reply means, as one value: a retry with the same idempotency key must mean the same.
//!
//! Fingerprints are kept with the keys: what goes into one, and how it is written, never changes.

use crewline_api::Payload;
use sha2::{Digest, Sha256};

use super::{ReplyCommand, SendCommand};
use crate::state::{Fingerprint, Payloads};

/// What was asked counts, not whom it came to: a group may have changed when a retry comes.
pub(super) fn of_send(send: &SendCommand) -> Fingerprint {
    let kind = ["send", "send to groups"][usize::from(!send.groups.is_empty())];
    let mut meaning = Meaning::new(kind);
    meaning
        .text(&send.from_name)
        .text(&send.text)
        .number(u64::from(send.priority.number()));
    for recipient in &send.recipients {
        meaning
            .text(recipient.id.as_str())
            .payloads(&recipient.payloads);
    }
    for group in &send.groups {
        meaning
            .number(u64::MAX)
            .text(group.id.as_str())
            .number(u64::from(group.on_duty_only))
            .payloads(&group.payloads);
    }
    meaning.fingerprint()
}

pub(super) fn of_reply(reply: &ReplyCommand) -> Fingerprint {
    let mut meaning = Meaning::new("reply");
    meaning
        .text(&reply.chat.to_string())
        .text(&reply.text)
        .number(u64::from(reply.priority.number()));
    for id in [reply.reply_to, reply.read_up_to] {
        meaning.optional(id.map(|id| id.to_string()).as_deref().map(str::as_bytes));
    }
    meaning.fingerprint()
}

/// Collects what a command means. Each part is written with its length, so that no two meanings look the same.
struct Meaning(Sha256);

impl Meaning {
    fn new(kind: &str) -> Self {
        let mut meaning = Self(Sha256::new());
        meaning.text(kind);
        meaning
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            None => self.number(u64::MAX),
            Some(bytes) => self.bytes(bytes),
        }
    }

    fn payloads(&mut self, payloads: &Payloads) -> &mut Self {
        for payload in [&payloads.on_delivered, &payloads.on_read] {
            self.optional(payload.as_ref().map(Payload::as_bytes));
        }
        self
    }

    fn fingerprint(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use crewline_api::{NewMessage, NewMessageBuilder, NewMessageGroup, NewMessageUser, Priority};

    use super::*;
    use crate::DeviceNo;

    /// The first eight bytes.
    fn meaning_of(message: NewMessageBuilder) -> u64 {
        let message = message.idempotency_key("trip-1").build().unwrap();
        let (_, Fingerprint(bytes)) = SendCommand::new(message, DeviceNo(0)).unwrap().key.unwrap();
        u64::from_be_bytes(bytes[..8].try_into().unwrap())
    }

    #[test]
    fn a_retry_after_an_upgrade_means_what_the_first_try_meant() {
        let send = NewMessage::builder("scada", "SCADA", "Trip")
            .to(NewMessageUser::new("bob")
                .on_delivered_payload("d")
                .on_read_payload("r"))
            .to("alice");
        assert_eq!(meaning_of(send), 0x25d8_3d84_c248_9e88);
        let mut group = NewMessageGroup::new("north").on_duty_only();
        group.on_read_payload = Some("r".into());
        let send = NewMessage::builder("scada", "SCADA", "Trip")
            .to("alice")
            .to_group(group)
            .priority(Priority::Emergency);
        assert_eq!(meaning_of(send), 0xbd68_1d93_12f1_09fe);
    }
}
