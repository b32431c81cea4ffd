//! Hints between nodes: what a node tells the others after a commit, and the port behind which buses stand.
//!
//! A hint says where to look, and never what is there: whoever gets one reads the store. So hints may be lost, come twice or
//! in any order, and a wrong one costs a reading. What was lost is repaired by a look at the store now and then
//! ([`crate::Reader::heads`]).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crewline_api::{BoxFuture, BoxStream, Seq};

use crate::ParticipantNo;

/// Most logs that wait to be told of. Where there are more, the others are told to look at all that they follow.
pub const HINTS_MAX: usize = 16_384;

/// The form of the text. A node skips what it does not know.
const FORM: &str = "crewline1";

/// What a node says to the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing by itself that a node may say"
)]
pub struct Hints {
    /// The last event of each log that grew.
    pub heads: BTreeMap<ParticipantNo, Seq>,
    /// The directory has changed.
    pub directory: bool,
    /// What the list of people shows has changed: somebody came or went, a group, a duty.
    pub people: bool,
    /// A push subscription was put or removed.
    pub pushes: bool,
    /// More happened than is said here: look at everything that you follow.
    pub look: bool,
}

impl Hints {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty() && !self.directory && !self.people && !self.pushes && !self.look
    }

    /// Adds that a log grew.
    pub fn grew(&mut self, participant: ParticipantNo, head: Seq) {
        let known = self.heads.entry(participant).or_default();
        *known = head.max(*known);
        if self.heads.len() > HINTS_MAX {
            self.heads.clear();
            self.look = true;
        }
    }

    /// As texts of at most `bytes_max` bytes each (but no shorter than one hint needs).
    pub fn encode(&self, from: &Origin, bytes_max: usize) -> Vec<String> {
        let Origin { epoch, node } = from;
        let head = format!("{FORM} {epoch} {node:x} ");
        let flags = [
            (self.directory, 'd'),
            (self.people, 'p'),
            (self.pushes, 's'),
            (self.look, 'l'),
        ];
        let flags: String = flags
            .iter()
            .filter_map(|(is, flag)| is.then_some(*flag))
            .collect();
        let mut texts = vec![format!("{head}-{flags}")];
        for (no, seq) in &self.heads {
            let mut hint = String::new();
            // Writing into a String cannot fail.
            let _ = write!(hint, " {:x}:{seq:x}", no.0);
            match texts.last_mut() {
                Some(text) if text.len() + hint.len() <= bytes_max => text.push_str(&hint),
                _ => texts.push(format!("{head}-{hint}")),
            }
        }
        texts
    }

    /// Reads a text: who said it, and what. `None` where it is of another form, or none at all.
    pub fn decode(text: &str) -> Option<(Origin, Self)> {
        let mut words = text.split(' ');
        if words.next()? != FORM {
            return None;
        }
        let origin = Origin {
            epoch: words.next()?.to_owned(),
            node: u64::from_str_radix(words.next()?, 16).ok()?,
        };
        let flags = words.next()?.strip_prefix('-')?;
        let mut hints = Self {
            heads: BTreeMap::new(),
            directory: flags.contains('d'),
            people: flags.contains('p'),
            pushes: flags.contains('s'),
            look: flags.contains('l'),
        };
        for word in words {
            let (no, seq) = word.split_once(':')?;
            // Numbers begin at 1: one with a sign could not be said again.
            let no = i64::from_str_radix(no, 16).ok().filter(|no| *no >= 0)?;
            let no = ParticipantNo(no);
            hints.grew(no, Seq::from_str_radix(seq, 16).ok()?);
        }
        Some((origin, hints))
    }
}

/// Who says something: a node of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The epoch of its logs: hints of another store, on the same bus, are nobody's business.
    pub epoch: String,
    /// Drawn when the node starts.
    pub node: u64,
}

/// What a bus brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text that some node published; the own ones may be among them.
    Text(String),
    /// Something may have been missed: the connection was away, or the node was too slow.
    Missed,
}

/// Carries short texts from each node to all others. It may lose them, double them and change their order; it must bound what
/// waits in it.
pub trait Bus: Send + Sync {
    /// Most bytes of one text.
    fn bytes_max(&self) -> usize;

    /// Hands a text over; returns when the next one may come. What cannot be sent is dropped.
    fn publish(&self, text: String) -> BoxFuture<'_, ()>;

    /// What is published from now on. It ends only when the bus does.
    fn subscribe(&self) -> BoxStream<'static, Heard>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            epoch: "e1".to_owned(),
            node: 0xabc,
        }
    }

    fn decoded(texts: &[String]) -> Hints {
        let mut all = Hints::default();
        for text in texts {
            let (from, hints) = Hints::decode(text).unwrap();
            assert_eq!(from, origin());
            all.directory |= hints.directory;
            all.people |= hints.people;
            all.pushes |= hints.pushes;
            all.look |= hints.look;
            for (no, seq) in hints.heads {
                all.grew(no, seq);
            }
        }
        all
    }

    #[test]
    fn what_is_said_is_heard_in_as_many_texts_as_it_takes() {
        let mut hints = Hints {
            directory: true,
            pushes: true,
            ..Hints::default()
        };
        for no in 0..500 {
            hints.grew(ParticipantNo(no), (no * 7) as u64);
            hints.grew(ParticipantNo(no), 3);
        }
        let texts = hints.encode(&origin(), 200);
        assert!(texts.len() > 10 && texts.iter().all(|text| text.len() <= 200));
        assert_eq!(decoded(&texts), hints);
        assert_eq!(hints.heads[&ParticipantNo(0)], 3);
        let nothing = Hints::default();
        assert!(nothing.is_empty());
        assert_eq!(decoded(&nothing.encode(&origin(), 200)), nothing);
    }

    #[test]
    fn more_logs_than_may_wait_become_one_call_to_look() {
        let mut hints = Hints::default();
        for no in 0..=HINTS_MAX as i64 {
            hints.grew(ParticipantNo(no), 1);
        }
        assert!(hints.look && hints.heads.is_empty());
    }

    #[test]
    fn nonsense_is_nothing() {
        let good = "crewline1 e abc -dpsl 1:2 3:4";
        assert!(Hints::decode(good).is_some());
        for text in [
            "",
            " ",
            "crewline2 e abc -",
            "crewline1 e xyz -",
            "crewline1 e abc",
            "crewline1 e abc d",
            "crewline1 e abc - 1",
            "crewline1 e abc - 1:g",
            "crewline1 e abc - :",
            "crewline1 e abc - -fff:0",
        ] {
            assert_eq!(Hints::decode(text), None, "{text}");
        }
        for end in 0..good.len() {
            // Cut anywhere: it is nothing, or the beginning of the same.
            let _ = Hints::decode(&good[..end]);
        }
    }
}
