//! Retention, said plainly: what is old goes from the beginning of each log, unless a cursor has not passed it; then the
//! texts that are old, unless a log or an alert still needs them.

use std::collections::BTreeMap;

use crewline_api::{Event, EventData, ParticipantId, Priority, ReceiptState, Seq, Timestamp};
use crewline_core::{Retention, Standing};

use super::plain::Plain;

/// A cursor is reported for a day before it is released.
const DAY_MS: i64 = 24 * 3_600_000;

fn ago(now: Timestamp, age: std::time::Duration) -> Timestamp {
    now.plus_millis(-i64::try_from(age.as_millis()).expect("the ages of the model are short"))
}

impl Plain {
    pub(super) fn remove_what_is_old(&mut self, retention: &Retention) {
        let old = ago(self.now, retention.messages);
        let release = ago(self.now, retention.cursors).plus_millis(-DAY_MS);
        let everybody: Vec<ParticipantId> = self.logs.keys().cloned().collect();
        // By participant, the first message that the log holds back for a cursor.
        let mut held: BTreeMap<ParticipantId, u64> = BTreeMap::new();
        for who in everybody {
            self.release_cursors(&who, old, release);
            let passed = self.passed(&who);
            let log = self.logs.entry(who.clone()).or_default();
            while let [first, _, ..] = log.as_slice()
                && first.seq <= passed
                && first.timestamp < old
            {
                log.remove(0);
            }
            let waits = |event: &Event| event.seq > passed && event.timestamp < old;
            if log.first().is_some_and(waits)
                && let Some(first) = log.iter().find_map(message_of)
            {
                held.insert(who, first);
            }
        }
        self.remove_texts(old, &held);
    }

    /// Cursors that keep something old and have not been moved for too long hold nothing any more.
    fn release_cursors(&mut self, who: &ParticipantId, old: Timestamp, release: Timestamp) {
        let log = self.log(who).to_vec();
        for ((whose, _), cursor) in &mut self.cursors {
            let next = log.iter().find(|event| event.seq > cursor.seq);
            if whose == who
                && let Some(next) = next
                && next.timestamp < old
                && next.timestamp < release
                && cursor.put_at < release
            {
                cursor.released = true;
            }
        }
    }

    /// Up to where all the cursors of a participant have come.
    fn passed(&self, who: &ParticipantId) -> Seq {
        let own = self.cursors.iter().filter(|((whose, _), _)| whose == who);
        let holding = own.filter(|(_, cursor)| !cursor.released);
        holding
            .map(|(_, cursor)| cursor.seq)
            .min()
            .unwrap_or(Seq::MAX)
    }

    fn remove_texts(&mut self, old: Timestamp, held: &BTreeMap<ParticipantId, u64>) {
        for at in 0..self.messages.len() {
            let message = &self.messages[at];
            // In the order in which they were sent, up to the first that is not old.
            if message.sent_at >= old {
                return;
            }
            let members = &self.chats[message.chat].members;
            let no = message.id.no();
            let is_held = members
                .iter()
                .any(|who| held.get(who).is_some_and(|from| *from <= no));
            let awaited = message.priority == Priority::Emergency
                && members
                    .iter()
                    .any(|who| *who != message.from && self.must_acknowledge(at, who));
            if !is_held && !awaited {
                self.messages[at].text.clear();
            }
        }
    }

    /// Whether an emergency still rings for this one: it rings for people who are let in, and those who are expected.
    fn must_acknowledge(&self, message: usize, who: &ParticipantId) -> bool {
        self.state(message, who) < ReceiptState::Acknowledged
            && self
                .row(who)
                .is_some_and(|row| row.standing != Standing::External && !row.disabled)
    }
}

/// The number of the message that an event brings.
fn message_of(event: &Event) -> Option<u64> {
    match &event.data {
        EventData::MessageReceived(data) | EventData::MessageSent(data) => {
            Some(data.message_id.no())
        }
        _ => None,
    }
}
