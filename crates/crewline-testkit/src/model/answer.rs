//! Answers in the one form in which they are compared: the JSON of the wire, with everything that may differ between two
//! stores taken out of it. An id is its number, without the salt; a secret is left out.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{ApiError, ChatId, FieldError, MessageId};
use serde_json::{Map, Value, json};

use super::op::{By, Made, Tag, USERS};

/// Status of an answer that was good, where the target does not tell which good it was.
pub const GOOD: u16 = 2;
/// Status of a step that did nothing, since what it names is not there.
pub const NOT_DONE: u16 = 0;

/// What a step was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP, or the code by which a session was closed.
    pub status: u16,
    /// The body. `null` in a good answer: the target does not tell.
    pub body: Value,
}

impl Answer {
    /// A good answer.
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body }
    }

    /// Nothing was done.
    pub fn not_done() -> Self {
        Self::new(NOT_DONE, Value::Null)
    }

    /// A refusal: its code, and the fields at fault.
    pub fn refused(status: u16, code: &str, fields: &[FieldError]) -> Self {
        let fields: Vec<Value> = fields
            .iter()
            .map(|fault| json!([fault.field, fault.code]))
            .collect();
        Self::new(status, json!({"code": code, "errors": fields}))
    }

    /// Whether it is a success of any kind.
    pub fn is_good(&self) -> bool {
        self.status == GOOD || (200..300).contains(&self.status)
    }

    /// Whether `got` says what this answer of the specification says. `after_cut` allows what a call that was perhaps
    /// done before may answer: that it was known, or stored before.
    pub fn allows(&self, got: &Self, after_cut: bool) -> bool {
        if !self.is_good() || !got.is_good() {
            return self == got;
        }
        let same_status = after_cut || got.status == GOOD || got.status == self.status;
        let same_body = if after_cut {
            without_outcomes(&self.body) == without_outcomes(&got.body)
        } else {
            self.body == got.body
        };
        same_status && (got.body.is_null() || same_body)
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::refused(error.code.status(), error.code.as_str(), &error.fields)
    }
}

/// The same, where `new` and `known` look the same.
fn without_outcomes(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let new = name == "outcome" && value == "new";
                let value = if new {
                    json!("known")
                } else {
                    without_outcomes(value)
                };
                (name.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(without_outcomes).collect(),
        other => other.clone(),
    }
}

/// What one target calls things: real ids by number, secrets of sessions by the step that signed in.
#[derive(Debug, Default)]
pub struct Names {
    /// Names the log of this target.
    pub epoch: String,
    /// Names the log before the last restore.
    pub epoch_before: Option<String>,
    /// Secrets of sessions.
    pub secrets: BTreeMap<Tag, String>,
    /// Whose sessions they are.
    pub signed_in: BTreeMap<Tag, &'static str>,
    /// Tokens that were revoked.
    pub revoked: BTreeSet<&'static str>,
    /// Those of them that are revoked in the backup.
    revoked_in_backup: Option<BTreeSet<&'static str>>,
    messages: BTreeMap<u64, MessageId>,
    chats: BTreeMap<u64, ChatId>,
}

impl Names {
    /// Of a store with this epoch.
    pub fn of(epoch: String) -> Self {
        Self {
            epoch,
            ..Self::default()
        }
    }

    /// A backup was made.
    pub fn note_backup(&mut self) {
        self.revoked_in_backup = Some(self.revoked.clone());
    }

    /// The server has started on what is now a log of this epoch: what was revoked since the backup is good again, and
    /// what was made since is not known.
    pub fn note_restore(&mut self, epoch: String) {
        if let Some(revoked) = &self.revoked_in_backup {
            self.revoked.clone_from(revoked);
            self.epoch_before = Some(std::mem::replace(&mut self.epoch, epoch));
        }
    }

    /// An epoch that is not that of the log.
    pub fn other_epoch(&self) -> String {
        let before = self.epoch_before.clone();
        before.unwrap_or_else(|| "another".to_owned())
    }

    /// The user who calls by a credential, if it is one.
    pub fn user_of(&self, by: By) -> Option<&'static str> {
        match by {
            By::Token(token) => USERS.contains(&token).then_some(token),
            By::Session(tag) => self.signed_in.get(&tag).copied(),
            By::Nobody => None,
        }
    }

    /// The id of the message that a step made; one that does not exist, where it made none.
    pub fn message(&self, made: &Made, tag: Tag) -> MessageId {
        made.messages
            .get(&tag)
            .and_then(|no| self.messages.get(no))
            .copied()
            .unwrap_or_else(|| MessageId::from_parts(1_000_000 + u64::from(tag), 7))
    }

    /// The id of the chat that a step made or sent into; one that does not exist, where it did not.
    pub fn chat(&self, made: &Made, tag: Tag) -> ChatId {
        made.chats
            .get(&tag)
            .and_then(|no| self.chats.get(no))
            .copied()
            .unwrap_or_else(|| ChatId::from_parts(1_000_000 + u64::from(tag), 7))
    }

    /// Takes what differs between stores out of a body, and takes note of the ids in it.
    pub fn normal(&mut self, value: Value) -> Value {
        match value {
            Value::Object(fields) => self.normal_fields(fields),
            Value::Array(items) => items.into_iter().map(|item| self.normal(item)).collect(),
            other => other,
        }
    }

    fn normal_fields(&mut self, fields: Map<String, Value>) -> Value {
        // A receipt's result says the id again that was given, also one that does not exist.
        let echo = fields.contains_key("outcome");
        let fields = fields.into_iter().filter_map(|(name, value)| {
            let value = match (name.as_str(), value) {
                // When somebody was last seen is noted from time to time, and told to the minute.
                ("lastSeenAt" | "token" | "requestId" | "detail", _) => return None,
                ("messageId" | "replyTo", Value::String(id)) => self.message_label(&id, echo),
                ("messageIds", Value::Array(ids)) => ids
                    .iter()
                    .map(|id| self.message_label(id.as_str().unwrap_or_default(), echo))
                    .collect(),
                ("chatId", Value::String(id)) => self.chat_label(&id, echo),
                ("epoch", Value::String(epoch)) if epoch == self.epoch => json!("this epoch"),
                (_, value) => self.normal(value),
            };
            Some((name, value))
        });
        Value::Object(fields.collect::<Vec<_>>().into_iter().collect())
    }

    fn message_label(&mut self, text: &str, echo: bool) -> Value {
        let Ok(id) = text.parse::<MessageId>() else {
            return json!(text);
        };
        if !echo {
            self.messages.insert(id.no(), id);
        }
        json!(format!("m{}", id.no()))
    }

    fn chat_label(&mut self, text: &str, echo: bool) -> Value {
        let Ok(id) = text.parse::<ChatId>() else {
            return json!(text);
        };
        if !echo {
            self.chats.insert(id.no(), id);
        }
        json!(format!("c{}", id.no()))
    }
}

impl Made {
    /// Takes note of what a step made, as the specification answered it.
    pub fn learn(&mut self, tag: Tag, answer: &Answer) {
        let number = |name: &str| -> Option<u64> { answer.body[name].as_str()?[1..].parse().ok() };
        if !answer.is_good() {
            return;
        }
        if let Some(no) = number("messageId") {
            self.messages.insert(tag, no);
        }
        if let Some(no) = number("chatId") {
            self.chats.insert(tag, no);
        }
    }
}
