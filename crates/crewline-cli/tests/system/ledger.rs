//! What the clients remember, and what must therefore be in the logs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crewline_testkit::Random;
use serde_json::Value;

use crate::act::{Act, Answer, EXTERNALS, USERS, base64, payload};

/// A message that was answered.
#[derive(Debug, Clone)]
struct Sent {
    act: Act,
    key: String,
    from: &'static str,
    to: BTreeSet<String>,
    chat: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    messages: BTreeMap<String, Sent>,
    order: Vec<String>,
    /// Message, recipient and state that were answered as said.
    said: BTreeSet<(String, String, &'static str)>,
    drawn: u64,
}

const STATES: [&str; 3] = ["delivered", "read", "acknowledged"];

pub(crate) struct Totals {
    messages: usize,
    receipts: usize,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages and {} receipts answered",
            self.messages, self.receipts
        )
    }
}

impl Ledger {
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            messages: self.messages.len(),
            receipts: self.said.len(),
        }
    }

    /// Draws an act.
    pub(crate) fn draw(&mut self, random: &mut Random) -> Act {
        self.drawn += 1;
        let key = format!("key {}", self.drawn);
        let recent = self.order.len().saturating_sub(400);
        let choice = random.below(10);
        if self.order.is_empty() || choice < 4 {
            let mut to = vec![random.pick(&USERS)];
            if random.one_in(3) {
                to.push(random.pick(&USERS));
            }
            to.dedup();
            return Act::Send {
                from: random.pick(&EXTERNALS),
                to,
                key,
            };
        }
        let message = &self.order[recent + random.below(self.order.len() - recent)];
        let sent = &self.messages[message];
        let users: Vec<&'static str> = USERS
            .into_iter()
            .filter(|user| sent.to.contains(*user))
            .collect();
        let Some(from) = (!users.is_empty()).then(|| random.pick(&users)) else {
            return Act::Send {
                from: random.pick(&EXTERNALS),
                to: vec![random.pick(&USERS)],
                key,
            };
        };
        if choice == 4 {
            return Act::Reply {
                from,
                chat: sent.chat.clone(),
                key,
            };
        }
        let own = self.order[recent..]
            .iter()
            .filter(|message| self.messages[*message].to.contains(from));
        let own: Vec<&String> = own.collect();
        let receipts =
            (0..=random.below(3)).map(|_| (random.pick(&own).clone(), random.pick(&STATES)));
        Act::Receipts {
            from,
            receipts: receipts.collect(),
        }
    }

    /// Takes note of an answer.
    pub(crate) fn learn(&mut self, act: &Act, answer: &Answer) {
        match act {
            Act::Send { from, key, .. } | Act::Reply { from, key, .. } => {
                let id = answer.message_id().expect("a message has an id");
                let to = answer.body["recipients"].as_array().unwrap().iter();
                let to = to
                    .map(|recipient| recipient["userId"].as_str().unwrap().to_owned())
                    .collect();
                let chat = answer.body["chatId"].as_str().unwrap().to_owned();
                let sent = Sent {
                    act: act.clone(),
                    key: key.clone(),
                    from,
                    to,
                    chat,
                };
                assert!(
                    self.messages.insert(id.clone(), sent).is_none(),
                    "{id} was given out twice"
                );
                self.order.push(id);
            }
            Act::Receipts { from, receipts } => {
                let results = answer.body["results"].as_array().unwrap();
                for ((message, state), result) in receipts.iter().zip(results) {
                    assert!(
                        matches!(result["outcome"].as_str(), Some("new" | "known")),
                        "{act:?}: {result}"
                    );
                    self.said
                        .insert((message.clone(), (*from).to_owned(), state));
                }
            }
        }
    }

    /// The newest messages that were answered, and how they were sent.
    pub(crate) fn answered_sends(&self, count: usize) -> Vec<(Act, String)> {
        let newest = self.order.iter().rev().take(count);
        newest
            .map(|id| (self.messages[id].act.clone(), id.clone()))
            .collect()
    }

    /// Holds the logs against what is remembered; returns how many events they have.
    pub(crate) fn hold_against(&self, logs: &[(String, Vec<Value>)]) -> usize {
        let mut told: BTreeMap<(String, String, String), Value> = BTreeMap::new();
        let mut read = 0;
        for (who, events) in logs {
            for (at, event) in events.iter().enumerate() {
                assert_eq!(
                    event["seq"].as_u64(),
                    Some(at as u64 + 1),
                    "a gap in the log of {who}"
                );
                self.take(who, event, &mut told);
                read += 1;
            }
        }
        for (id, sent) in &self.messages {
            for to in &sent.to {
                let event = told.get(&(id.clone(), to.clone(), "received".to_owned()));
                assert!(
                    event.is_some(),
                    "{id}, answered to {}, is not in the log of {to}",
                    sent.from
                );
            }
        }
        for (message, who, state) in &self.said {
            let event = told.get(&(message.clone(), who.clone(), (*state).to_owned()));
            assert!(
                event.is_some(),
                "{who} was told that {message} is {state}; its sender was not"
            );
        }
        read
    }

    /// Takes an event: each is there once, and is right.
    fn take(&self, who: &str, event: &Value, told: &mut BTreeMap<(String, String, String), Value>) {
        let data = &event["data"];
        let kind = event["type"].as_str().unwrap();
        let Some(id) = data["messageId"].as_str() else {
            return;
        };
        let sent = self
            .messages
            .get(id)
            .unwrap_or_else(|| panic!("{who} was told of {id}, which nobody sent: {event}"));
        let (of, state) = match kind {
            "message.received" | "message.sent" => {
                assert_eq!(data["message"].as_str(), Some(sent.key.as_str()));
                assert_eq!(data["fromUserId"].as_str(), Some(sent.from));
                (who, kind.strip_prefix("message.").unwrap())
            }
            _ => {
                let (of, state) = (
                    data["userId"].as_str().unwrap(),
                    kind.strip_prefix("message.").unwrap(),
                );
                assert_eq!(who, sent.from, "a receipt is told to the sender");
                let external = EXTERNALS.contains(&sent.from);
                let expected = (external && state != "acknowledged" && !EXTERNALS.contains(&of))
                    .then(|| base64(&payload(state, &sent.key, of)));
                assert_eq!(
                    data["payload"].as_str(),
                    expected.as_deref(),
                    "the payload of {state} of {id} for {of}"
                );
                let below = STATES.iter().take_while(|below| **below != state);
                for below in below {
                    let before =
                        told.contains_key(&(id.to_owned(), of.to_owned(), (*below).to_owned()));
                    assert!(before, "{state} of {id} for {of} came before {below}");
                }
                (of, state)
            }
        };
        let before = told.insert(
            (id.to_owned(), of.to_owned(), state.to_owned()),
            event.clone(),
        );
        assert!(
            before.is_none(),
            "{state} of {id} for {of} is there twice: {before:?} and {event}"
        );
    }
}
