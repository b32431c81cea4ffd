//! What everybody wrote down: each sender what it was answered and told, each receiver what it got and said. Put together by
//! the id of the message. The server's word is believed nowhere.

mod judge;
mod letter;
mod waiting;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crewline_client::api::{MessageId, Priority, SentMessage};

pub(crate) use judge::{Faults, Judgement, Spread, spread};
pub(crate) use letter::{Copy, Letter, State};
use waiting::Waiting;

use crate::cast::{Cast, Who};

/// What a message is known by before the server has named it: who sends it, and the number that its text begins with.
pub(crate) type Reference = u32;

/// What was sent, before the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending {
    pub(crate) sender: Who,
    pub(crate) priority: Priority,
    /// When it was tried first: what waits in an outbox is measured from there.
    pub(crate) begun_ms: u64,
    is_tried: bool,
    /// With payloads: for groups, or for each recipient by name.
    pub(crate) payloads: Option<ForWhom>,
}

/// For whom payloads are given along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForWhom {
    Groups,
    Each,
}

/// The ledger of a day.
#[derive(Debug)]
pub(crate) struct Ledger {
    letters: HashMap<MessageId, Letter>,
    /// Under which id a reference was met: more than one is a message that was sent twice.
    references: HashMap<Reference, MessageId>,
    /// What was sent and was not met yet.
    begun: HashMap<Reference, Sending>,
    /// Ids whose reference was met under another one.
    doubles: HashSet<MessageId>,
    next_reference: Reference,
    waiting: Waiting,
    pub(crate) counts: Counts,
    /// Delivered and read, told to senders: when, and after how many milliseconds.
    pub(crate) recent: Vec<(u64, State, u64)>,
}

/// What is counted as it happens.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) accepted: u64,
    pub(crate) received: u64,
    pub(crate) delivered: u64,
    pub(crate) read: u64,
    pub(crate) acknowledged: u64,
    pub(crate) sos: u64,
    pub(crate) reminders: u64,
    /// Times that a device was switched on.
    pub(crate) sessions: u64,
    /// Messages of people who signed in beside those who play.
    pub(crate) of_others: u64,
    /// A log that went on at another number than the next one.
    pub(crate) gaps: u64,
    /// A text that came otherwise than it was sent.
    pub(crate) texts_wrong: u64,
    /// What the server refused for good.
    pub(crate) refused: u64,
    /// Sends whose device forgot them before there was an answer: nobody knows whether they arrived.
    pub(crate) forgotten: u64,
    /// Why something was refused: the first ones.
    pub(crate) refusals: Vec<String>,
}

const REFUSALS_KEPT: usize = 20;

impl Ledger {
    pub(crate) fn new(cast: &Cast) -> Self {
        Self {
            letters: HashMap::new(),
            references: HashMap::new(),
            begun: HashMap::new(),
            doubles: HashSet::new(),
            next_reference: 0,
            waiting: Waiting::new(cast.len()),
            counts: Counts::default(),
            recent: Vec::new(),
        }
    }

    /// A message is about to be sent. Its reference is one that no other message has.
    pub(crate) fn begin(
        &mut self,
        sender: Who,
        priority: Priority,
        payloads: Option<ForWhom>,
        now: u64,
    ) -> Reference {
        self.next_reference += 1;
        self.counts.sent += 1;
        let reference = self.next_reference;
        let sending = Sending {
            sender,
            priority,
            begun_ms: now,
            is_tried: false,
            payloads,
        };
        self.begun.insert(reference, sending);
        reference
    }

    /// A sender tries to send what has waited in its outbox.
    pub(crate) fn tried(&mut self, text: &str, now: u64) {
        let begun = reference_of(text).and_then(|reference| self.begun.get_mut(&reference));
        if let Some(sending) = begun.filter(|sending| !sending.is_tried) {
            (sending.begun_ms, sending.is_tried) = (now, true);
        }
    }

    /// A sender has its answer.
    pub(crate) fn answered(&mut self, cast: &Cast, text: &str, sent: &SentMessage, now: u64) {
        let Some(reference) = reference_of(text) else {
            return;
        };
        self.met(reference, sent.message_id);
        let letter = self.letters.entry(sent.message_id).or_default();
        if letter.answered_ms.is_none() {
            letter.answered_ms = Some(now);
            self.counts.accepted += 1;
        }
        check_text(letter, text, &mut self.counts);
        let to = sent
            .recipients
            .iter()
            .filter_map(|recipient| cast.who(&recipient.user_id));
        for who in to {
            let copy = letter.copy(who);
            copy.is_addressed = true;
            if copy.received_ms.is_none() {
                self.waiting.add(who, sent.message_id, now);
            }
        }
    }

    /// A message came to somebody's device; `again` where the same device has stored it before.
    pub(crate) fn received(&mut self, who: Who, id: MessageId, text: &str, again: bool, now: u64) {
        let Some(reference) = reference_of(text) else {
            self.counts.of_others += 1;
            return;
        };
        self.met(reference, id);
        let letter = self.letters.entry(id).or_default();
        check_text(letter, text, &mut self.counts);
        let copy = letter.copy(who);
        copy.again += u32::from(again);
        if copy.received_ms.is_none() {
            copy.received_ms = Some(now);
            self.counts.received += 1;
            self.waiting.remove(who, id);
        }
    }

    /// A recipient says that it has read or acknowledged a message.
    pub(crate) fn said(&mut self, who: Who, id: MessageId, state: State, now: u64) {
        if let Some(letter) = self.letters.get_mut(&id) {
            letter.copy(who).stage(state).said_ms.get_or_insert(now);
        }
    }

    /// The server has answered that.
    pub(crate) fn confirmed(&mut self, who: Who, id: MessageId, state: State) {
        if let Some(letter) = self.letters.get_mut(&id) {
            letter.copy(who).stage(state).is_confirmed = true;
        }
    }

    /// A sender is told of a recipient. `up_since` is since when the recipient was connected without trouble; `payload` says
    /// whether what came back is what was given along.
    pub(crate) fn told(&mut self, who: Who, id: MessageId, state: State, told: Told, now: u64) {
        // What a visitor has sent is not in the ledger. Whoever of the day got it has said so before its sender is told.
        let Some(letter) = self.letters.get_mut(&id) else {
            return;
        };
        let begun = letter.sending.map(|sending| sending.begun_ms);
        let copy = letter.copy(who);
        let first = copy.tell(state, &told, now);
        if !first {
            return;
        }
        match state {
            State::Delivered => self.counts.delivered += 1,
            State::Read => self.counts.read += 1,
            State::Acknowledged => self.counts.acknowledged += 1,
        }
        let is_clean = begun.is_some_and(|begun| told.up_since.is_some_and(|since| since <= begun));
        copy.stage(state).is_clean = is_clean;
        let from = match state {
            State::Delivered => begun.filter(|_| is_clean),
            State::Read | State::Acknowledged => copy.stage(state).said_ms,
        };
        // A sender without contact is told late, whoever the recipient is.
        let is_good = letter
            .sending
            .is_some_and(|sending| has_good_line(sending.sender));
        if let Some(from) = from.filter(|_| is_good) {
            self.recent.push((now, state, now.saturating_sub(from)));
        }
    }

    /// Something was refused for good.
    pub(crate) fn refused(&mut self, what: String) {
        self.counts.refused += 1;
        if self.counts.refusals.len() < REFUSALS_KEPT {
            self.counts.refusals.push(what);
        }
    }

    fn met(&mut self, reference: Reference, id: MessageId) {
        if let Some(sending) = self.begun.remove(&reference) {
            let letter = self.letters.entry(id).or_default();
            (letter.sending, letter.reference) = (Some(sending), reference);
        }
        let known = *self.references.entry(reference).or_insert(id);
        if known != id {
            self.doubles.insert(id);
        }
    }

    /// How many messages somebody has not got.
    pub(crate) fn waiting_of(&self, who: Who) -> usize {
        self.waiting.of(who)
    }

    /// Who has not got what, the oldest first.
    pub(crate) fn oldest_waiting(&self, most: usize) -> Vec<(u64, MessageId, Who)> {
        self.waiting.oldest(most)
    }

    pub(crate) fn letter(&self, id: MessageId) -> Option<&Letter> {
        self.letters.get(&id)
    }
}

/// What a sender was told of a recipient.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// Whether the payload is the one that was given along, or rightly none.
    pub(crate) payload_is_right: bool,
    /// Since when the recipient's line has had no trouble.
    pub(crate) up_since: Option<u64>,
}

/// Whether somebody's line is good: the control system's and the desks'.
fn has_good_line(who: Who) -> bool {
    !Cast::is_crew(who)
}

fn check_text(letter: &mut Letter, text: &str, counts: &mut Counts) {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let hash = hasher.finish();
    if *letter.text.get_or_insert(hash) != hash {
        counts.texts_wrong += 1;
    }
}

/// The text of a message, with its reference in front.
pub(crate) fn text_of(reference: Reference, text: &str) -> String {
    format!("#{reference:05} {text}")
}

/// The reference in front of a text.
pub(crate) fn reference_of(text: &str) -> Option<Reference> {
    text.strip_prefix('#')?.split_once(' ')?.0.parse().ok()
}
