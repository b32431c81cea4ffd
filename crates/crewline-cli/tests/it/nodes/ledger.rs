//! What the clients remember, and what must therefore be in the logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard};

use serde_json::Value;

use crate::support::PATIENCE;

/// A message that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) text: String,
    pub(crate) message: String,
    pub(crate) to: Vec<&'static str>,
}

/// What is remembered.
#[derive(Default)]
pub(crate) struct Memory {
    /// In the order of the answers.
    pub(crate) answered: Vec<Answered>,
    /// Messages and who has said that they are read, which was answered.
    pub(crate) read: BTreeSet<(String, &'static str)>,
    /// What each listener was told, in order: the first has the seq 1.
    pub(crate) told: BTreeMap<String, Vec<Value>>,
    /// Acts that got no answer, or none that says what became of them, and were done again elsewhere.
    pub(crate) again: usize,
    /// Of these, how many had been stored the first time.
    pub(crate) stored: usize,
    /// How often a listener went on at another node.
    pub(crate) resumed: usize,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Ledger {
    memory: Mutex<Memory>,
    grew: Condvar,
}

impl Ledger {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// Changes what is remembered, and tells whoever waits.
    pub(crate) fn note<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let done = change(&mut self.memory());
        self.grew.notify_all();
        done
    }

    /// An event that a listener was told: the one behind its last.
    pub(crate) fn hear(&self, listener: &str, event: Value) {
        self.note(|memory| {
            let told = memory.told.entry(listener.to_owned()).or_default();
            let seq = event["seq"].as_u64();
            let next = told.len() as u64 + 1;
            assert_eq!(seq, Some(next), "{listener} was told {event}");
            told.push(event);
        });
    }

    /// Waits until it is so.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, so: impl Fn(&Memory) -> bool) {
        let (memory, waited) = self
            .grew
            .wait_timeout_while(self.memory(), PATIENCE, |memory| !so(memory))
            .unwrap();
        let told = memory.told.iter().map(|(who, told)| (who, told.len()));
        let told: Vec<_> = told.collect();
        let answered = memory.answered.len();
        assert!(
            !waited.timed_out(),
            "it never came to this: {what}; {answered} answered, told {told:?}"
        );
    }

    /// Waits until so many more messages were answered.
    #[track_caller]
    pub(crate) fn grow(&self, by: usize) {
        let before = self.memory().answered.len();
        self.wait("messages are taken", |memory| {
            memory.answered.len() >= before + by
        });
    }
}

/// The logs as they were read so far.
#[derive(Default)]
pub(crate) struct Logs(BTreeMap<String, Vec<Value>>);

impl Logs {
    /// Where the next page of a log begins.
    pub(crate) fn end(&self, who: &str) -> usize {
        self.0.get(who).map_or(0, Vec::len)
    }

    /// Adds a page: it goes on where the last one ended.
    pub(crate) fn add(&mut self, who: &str, page: &Value) {
        let log = self.0.entry(who.to_owned()).or_default();
        for event in page["events"].as_array().unwrap() {
            let next = log.len() as u64 + 1;
            assert_eq!(event["seq"], next, "a gap in the log of {who}: {event}");
            log.push(event.clone());
        }
    }

    /// Everything that was answered is there, as it was said, and once.
    pub(crate) fn hold_against(&self, answered: &[Answered], read: &BTreeSet<(String, &str)>) {
        let mut received: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        let mut said = BTreeSet::new();
        for (who, log) in &self.0 {
            for event in log {
                let (data, kind) = (&event["data"], event["type"].as_str().unwrap());
                let message = data["messageId"].as_str().unwrap_or_default();
                let new = match kind {
                    "message.received" => {
                        let text = data["message"].as_str().unwrap();
                        received.insert((who, text), message).is_none()
                    }
                    "message.read" | "message.delivered" => {
                        said.insert((message, data["userId"].as_str().unwrap(), kind))
                    }
                    _ => true,
                };
                assert!(new, "twice in the log of {who}: {event}");
            }
        }
        for Answered {
            text, message, to, ..
        } in answered
        {
            for who in to {
                let found = received.get(&(*who, text.as_str()));
                assert_eq!(found, Some(&message.as_str()), "{text} for {who}");
            }
        }
        for (message, who) in read {
            let told = said.contains(&(message.as_str(), *who, "message.read"));
            assert!(
                told,
                "{who} has read {message}, and its sender was not told"
            );
        }
    }

    /// A log, as far as it was read.
    pub(crate) fn of(&self, who: &str) -> &[Value] {
        self.0.get(who).map_or(&[], Vec::as_slice)
    }

    /// A listener was told what is in the log.
    pub(crate) fn hold_to(&self, who: &str, told: &[Value]) {
        for (had, heard) in self.of(who).iter().zip(told) {
            assert_eq!(had, heard, "what {who} was told is not what is in the log");
        }
    }
}
