//! Steps drawn from a seed: what people and systems do all day, with the wrong and the odd among it.

use super::op::{By, DESKS, EXTERNALS, Fault, Much, NOTHING, Op, Said, Step, Tag, To, USERS};
use crate::Random;

const TEXTS: [&str; 4] = ["Breaker open", "On my way", "Done", "Call me"];
const NAMES: [&str; 2] = ["Feeder 7", "Line 2"];
const KEYS: [&str; 4] = ["k1", "k2", "k3", "k4"];

/// What was drawn before, so that what follows mostly has to do with it.
pub(super) struct Drawn {
    pub(super) random: Random,
    /// Sends and replies: the tag, and who is in the chat.
    messages: Vec<(Tag, Vec<&'static str>)>,
    /// Chats, by any step that made or used one.
    pub(super) chats: Vec<(Tag, Vec<&'static str>)>,
    pub(super) sign_ins: Vec<(Tag, &'static str)>,
    /// Sessions that may be open, and all that ever were.
    pub(super) sessions: Vec<Tag>,
    pub(super) connected: Vec<Tag>,
    pub(super) disabled: Vec<&'static str>,
    pub(super) revoked: Vec<&'static str>,
    /// Sends and replies with a key, to be done again.
    keyed: Vec<Op>,
    /// Who watches whom, and who did.
    pub(super) watching: Vec<(&'static str, &'static str)>,
    pub(super) watched: Vec<(&'static str, &'static str)>,
    pub(super) administrators: Vec<&'static str>,
    pub(super) has_backup: bool,
    /// Who was put into which group last, and who was last said to be on duty.
    pub(super) groups: Vec<(&'static str, Vec<&'static str>)>,
    pub(super) on_duty: Vec<&'static str>,
    /// What shows whether something that was given or taken away is so: it comes before long, the last first.
    probes: Vec<Op>,
    /// Long polls that may wait.
    pub(super) polls: Vec<Tag>,
}

/// Draws `count` steps.
pub fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut drawn = Drawn {
        random: Random::new(seed),
        messages: Vec::new(),
        chats: Vec::new(),
        sign_ins: Vec::new(),
        sessions: Vec::new(),
        connected: Vec::new(),
        disabled: Vec::new(),
        revoked: Vec::new(),
        keyed: Vec::new(),
        watching: Vec::new(),
        watched: Vec::new(),
        administrators: Vec::new(),
        polls: Vec::new(),
        has_backup: false,
        groups: Vec::new(),
        on_duty: Vec::new(),
        probes: Vec::new(),
    };
    (1..=count as Tag).map(|tag| drawn.step(tag)).collect()
}

impl Drawn {
    fn step(&mut self, tag: Tag) -> Step {
        let op = if self.random.one_in(2)
            && let Some(probe) = self.probes.pop()
        {
            match probe {
                Op::Poll { .. } => self.polls.push(tag),
                Op::Connect { .. } => self.connected_to_probe(tag),
                _ => {}
            }
            probe
        } else {
            self.op(tag)
        };
        let fault = if self.random.one_in(5) {
            self.random.pick(&[
                Fault::RequestLost,
                Fault::RequestLostAndRepeated,
                Fault::AnswerLost,
                Fault::AnswerLostAndRepeated,
                Fault::AnswerLostAndRepeated,
                Fault::CutAndRepeated,
                Fault::CutAndRepeated,
            ])
        } else {
            Fault::None
        };
        Step { tag, op, fault }
    }

    /// What may be said in a session that was opened to see.
    fn connected_to_probe(&mut self, session: Tag) {
        self.sessions.push(session);
        let said = vec![Said::Delivered(self.message().0)];
        let much = Much::All;
        self.probe(Op::SayIn { session, said });
        self.probe(Op::Ack { session, much });
        self.probe(Op::Listen { session });
    }

    /// To be tried before long.
    pub(super) fn probe(&mut self, op: Op) {
        self.probes.push(op);
        if self.probes.len() > 4 {
            self.probes.remove(0);
        }
    }

    fn op(&mut self, tag: Tag) -> Op {
        match self.random.below(133) {
            127..=132 => self.group(),
            0..=15 => self.send(tag),
            16..=27 => self.reply(tag),
            28..=43 => self.receipts(),
            44..=47 => self.create_chat(tag),
            48..=53 => self.cursor(),
            54..=58 => self.read_events(),
            110..=114 => self.poll(tag),
            59..=64 => self.look(),
            65..=69 => self.connect(tag),
            70..=84 => self.follow(),
            85..=88 => self.advance(),
            89..=91 | 108..=109 => self.sign(tag),
            92..=95 | 106..=107 => self.administer(),
            115 | 116 => self.keep(),
            117..=120 => self.backup(),
            121..=126 => self.remind(),
            96 => {
                self.sessions.clear();
                self.polls.clear();
                self.random.pick_clone(&[Op::Restart, Op::Crash])
            }
            97..=99 => self.again(),
            _ => self.watch(),
        }
    }

    pub(super) fn user(&mut self) -> &'static str {
        // Few people, so that they meet.
        let some = if self.random.one_in(4) {
            USERS.len()
        } else {
            3
        };
        self.random.pick(&USERS[..some])
    }

    pub(super) fn anybody(&mut self) -> &'static str {
        match self.random.below(12) {
            0..=7 => self.user(),
            8..=10 => self.random.pick(&EXTERNALS),
            _ => self.random.pick(&DESKS),
        }
    }

    /// The credential of a user: the token, or a session.
    pub(super) fn by_user(&mut self, user: &'static str) -> By {
        let own: Vec<Tag> = self
            .sign_ins
            .iter()
            .filter(|(_, who)| *who == user)
            .map(|(tag, _)| *tag)
            .collect();
        match own.last() {
            Some(tag) if self.random.one_in(2) => By::Session(*tag),
            _ => By::Token(user),
        }
    }

    /// The credential of anybody, mostly the right one.
    pub(super) fn by(&mut self, who: &'static str) -> By {
        if self.random.one_in(30) {
            let wrong = [
                By::Nobody,
                By::Token("admin"),
                By::Token("many"),
                By::Token("oms"),
                By::Token("bob"),
            ];
            return self.random.pick(&wrong);
        }
        if DESKS.contains(&who) || (["scada", "Ann"].contains(&who) && self.random.one_in(4)) {
            By::Token("many")
        } else if EXTERNALS.contains(&who) {
            By::Token(who)
        } else {
            self.by_user(who)
        }
    }

    fn key(&mut self, one_in: usize) -> Option<&'static str> {
        self.random.one_in(one_in).then(|| self.random.pick(&KEYS))
    }

    fn text(&mut self) -> &'static str {
        if self.random.one_in(40) {
            self.random.pick(&["", " "])
        } else {
            self.random.pick(&TEXTS)
        }
    }

    fn send(&mut self, tag: Tag) -> Op {
        let from = match self.random.below(6) {
            0..=3 => "scada",
            4 => self.random.pick(&EXTERNALS),
            _ => self.random.pick(&DESKS),
        };
        let mut members = vec![from];
        let mut to = Vec::new();
        for _ in 0..=self.random.below(3) {
            let id = match self.random.below(30) {
                0 => "nobody",
                1 => from,
                _ => self.anybody(),
            };
            members.push(id);
            let delivered = self.random.one_in(2).then_some("delivered");
            let read = self.random.one_in(2).then_some("read");
            to.push(To {
                id,
                delivered,
                read,
            });
        }
        let groups = self.groups_named(5, &mut members);
        if self.random.one_in(40) || (!groups.is_empty() && self.random.one_in(2)) {
            to.clear();
        }
        self.messages.push((tag, members.clone()));
        self.chats.push((tag, members));
        let op = Op::Send {
            by: self.by(from),
            from,
            name: self.random.pick(&NAMES),
            to,
            groups,
            text: self.text(),
            priority: self.random.pick(&[1, 2, 2, 3]),
            key: self.key(3),
        };
        self.remember(&op);
        op
    }

    fn remember(&mut self, op: &Op) {
        if let Op::Send { key: Some(_), .. } | Op::Reply { key: Some(_), .. } = op {
            self.keyed.push(op.clone());
        }
    }

    /// A key once more: with the same meaning, said otherwise or not, or with another.
    fn again(&mut self) -> Op {
        let Some(mut op) = self.random.pick_some(&self.keyed) else {
            return Op::Advance { ms: 1 };
        };
        let change = self.random.below(12);
        match &mut op {
            Op::Send {
                to,
                groups,
                text,
                name,
                priority,
                ..
            } => match change {
                0 => *text = "Something else",
                1 => *name = "Line 9",
                2 => *priority = 4 - *priority,
                3 => to.iter_mut().for_each(|to| to.read = Some("another")),
                4 => to.truncate(1),
                5 => to.reverse(),
                6 => to.extend_from_within(..),
                7 => groups.reverse(),
                8 => groups.iter_mut().for_each(|to| to.on_duty_only = true),
                9 => groups.extend_from_within(..),
                _ => {}
            },
            Op::Reply {
                text,
                priority,
                reply_to,
                read_up_to,
                ..
            } => match change {
                0 => *text = "Something else",
                1 => *priority = 4 - *priority,
                2 => *reply_to = None,
                3 => *read_up_to = None,
                _ => {}
            },
            _ => {}
        }
        op
    }

    /// A message, mostly one of the newest; and who is in its chat.
    pub(super) fn message(&mut self) -> (Tag, Vec<&'static str>) {
        if self.messages.is_empty() || self.random.one_in(25) {
            return (NOTHING, USERS.to_vec());
        }
        let last = self.messages.len();
        let first = if self.random.one_in(4) {
            0
        } else {
            last.saturating_sub(6)
        };
        self.messages[first + self.random.below(last - first)].clone()
    }

    /// One of them who is a user, mostly.
    fn user_of(&mut self, members: &[&'static str]) -> &'static str {
        let users: Vec<_> = members
            .iter()
            .copied()
            .filter(|who| USERS.contains(who))
            .collect();
        if users.is_empty() || self.random.one_in(20) {
            self.user()
        } else {
            self.random.pick(&users)
        }
    }

    /// A message of the same chat, mostly.
    fn sibling(&mut self, chat: Tag) -> Tag {
        let members = self.chats.iter().find(|(tag, _)| *tag == chat);
        let Some(members) = members.map(|(_, members)| members.clone()) else {
            return NOTHING;
        };
        let siblings: Vec<Tag> = self
            .messages
            .iter()
            .filter(|(_, others)| *others == members)
            .map(|(tag, _)| *tag)
            .collect();
        if siblings.is_empty() || self.random.one_in(10) {
            self.message().0
        } else {
            self.random.pick(&siblings)
        }
    }

    fn reply(&mut self, tag: Tag) -> Op {
        let (chat, members) = self
            .random
            .pick_some(&self.chats)
            .unwrap_or((NOTHING, Vec::new()));
        let user = self.user_of(&members);
        let by = if self.random.one_in(25) {
            By::Token("scada")
        } else {
            self.by(user)
        };
        let reply_to = self.random.one_in(3).then(|| self.sibling(chat));
        let read_up_to = self.random.one_in(3).then(|| self.sibling(chat));
        self.messages.push((tag, members));
        let op = Op::Reply {
            by,
            chat,
            text: self.text(),
            priority: self.random.pick(&[1, 2, 2, 3]),
            reply_to,
            read_up_to,
            key: self.key(3),
        };
        self.remember(&op);
        op
    }

    pub(super) fn receipts(&mut self) -> Op {
        let (first, members) = self.message();
        let who = if self.random.one_in(5) && !members.is_empty() {
            self.random.pick(&members)
        } else {
            self.user_of(&members)
        };
        let mut said = Vec::new();
        for at in 0..=self.random.below(3) {
            let message = if at == 0 { first } else { self.message().0 };
            said.push(match self.random.below(8) {
                0..=2 => Said::Delivered(message),
                3 | 4 => {
                    let at = self.random.one_in(3).then_some(1_700_000_000_000);
                    Said::Read(message, at)
                }
                5 => Said::Acknowledged(message),
                6 => Said::UpTo(message, message),
                _ => Said::UpTo(message, self.message().0),
            });
        }
        let by = self.by(who);
        let participant = (by == By::Token("many") || self.random.one_in(20)).then_some(who);
        Op::Receipts {
            by,
            participant,
            said,
        }
    }
}
