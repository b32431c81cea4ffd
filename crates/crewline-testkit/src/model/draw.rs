//! Steps drawn from a seed: what people and systems do all day, with the wrong and the odd among it.

use super::op::{
    By, DESKS, EXTERNALS, Fault, Kinds, Much, NOTHING, Op, Place, Said, Step, Tag, To, USERS,
};
use crate::Random;

const TEXTS: [&str; 4] = ["Breaker open", "On my way", "Done", "Call me"];
const NAMES: [&str; 2] = ["Feeder 7", "Line 2"];
const KEYS: [&str; 4] = ["k1", "k2", "k3", "k4"];

/// What was drawn before, so that what follows mostly has to do with it.
struct Drawn {
    random: Random,
    /// Sends and replies: the tag, and who is in the chat.
    messages: Vec<(Tag, Vec<&'static str>)>,
    /// Chats, by any step that made or used one.
    chats: Vec<(Tag, Vec<&'static str>)>,
    sign_ins: Vec<(Tag, &'static str)>,
    sessions: Vec<Tag>,
    /// Sends and replies with a key, to be done again.
    keyed: Vec<Op>,
}

/// Draws `count` steps.
pub fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut drawn = Drawn {
        random: Random::new(seed),
        messages: Vec::new(),
        chats: Vec::new(),
        sign_ins: Vec::new(),
        sessions: Vec::new(),
        keyed: Vec::new(),
    };
    (1..=count as Tag).map(|tag| drawn.step(tag)).collect()
}

impl Drawn {
    fn step(&mut self, tag: Tag) -> Step {
        let op = match self.random.below(100) {
            0..=15 => self.send(tag),
            16..=27 => self.reply(tag),
            28..=43 => self.receipts(),
            44..=47 => self.create_chat(tag),
            48..=53 => self.cursor(),
            54..=58 => self.read_events(),
            59..=64 => self.look(),
            65..=69 => self.connect(tag),
            70..=84 => self.follow(),
            85..=88 => Op::Advance {
                ms: self.random.pick(&[1, 1, 1_000, 3_600_000, -500]),
            },
            89..=91 => self.sign(tag),
            92..=95 => self.administer(),
            96 => self.random.pick_clone(&[Op::Restart, Op::Crash]),
            _ => self.again(),
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

    fn user(&mut self) -> &'static str {
        // Few people, so that they meet.
        let some = if self.random.one_in(4) {
            USERS.len()
        } else {
            3
        };
        self.random.pick(&USERS[..some])
    }

    fn anybody(&mut self) -> &'static str {
        match self.random.below(8) {
            0..=4 => self.user(),
            5 | 6 => self.random.pick(&EXTERNALS),
            _ => self.random.pick(&DESKS),
        }
    }

    /// The credential of a user: the token, or a session.
    fn by_user(&mut self, user: &'static str) -> By {
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
    fn by(&mut self, who: &'static str) -> By {
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
        if DESKS.contains(&who) || (who == "scada" && self.random.one_in(4)) {
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
        if self.random.one_in(40) {
            to.clear();
        }
        self.messages.push((tag, members.clone()));
        self.chats.push((tag, members));
        let op = Op::Send {
            by: self.by(from),
            from,
            name: self.random.pick(&NAMES),
            to,
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

    /// A key once more, mostly with the same meaning.
    fn again(&mut self) -> Op {
        let Some(mut op) = self.random.pick_some(&self.keyed) else {
            return Op::Advance { ms: 1 };
        };
        if self.random.one_in(3)
            && let Op::Send { text, .. } | Op::Reply { text, .. } = &mut op
        {
            *text = "Something else";
        }
        op
    }

    /// A message, mostly one of the newest; and who is in its chat.
    fn message(&mut self) -> (Tag, Vec<&'static str>) {
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

    fn receipts(&mut self) -> Op {
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

    fn create_chat(&mut self, tag: Tag) -> Op {
        let who = self.anybody();
        let by = self.by(who);
        let to: Vec<_> = (0..=self.random.below(2)).map(|_| self.anybody()).collect();
        let mut members = vec![who];
        members.extend(&to);
        self.chats.push((tag, members));
        let from = (!USERS.contains(&who)).then_some(who);
        Op::CreateChat { by, from, to }
    }

    fn kinds(&mut self) -> Kinds {
        self.random.pick(&[
            Kinds::All,
            Kinds::All,
            Kinds::Received,
            Kinds::Read,
            Kinds::ReceivedAndSelf,
        ])
    }

    fn seq(&mut self) -> u64 {
        let end = self.random.pick(&[3, 10, 30, 80]);
        self.random.below(end) as u64
    }

    fn cursor(&mut self) -> Op {
        let whose = if self.random.one_in(3) {
            self.anybody()
        } else {
            self.random.pick(&EXTERNALS)
        };
        let (by, name) = (self.by(whose), self.random.pick(&["a", "b"]));
        if self.random.one_in(4) {
            return Op::GetCursor { by, whose, name };
        }
        Op::PutCursor {
            by,
            whose,
            name,
            seq: self.seq(),
            kinds: self.kinds(),
            rewind: self.random.one_in(5),
        }
    }

    fn read_events(&mut self) -> Op {
        let whose = self.anybody();
        let by = self.by(whose);
        if self.random.one_in(15) {
            return Op::ReadOtherEpoch { by, whose };
        }
        let place = match self.random.below(4) {
            0 => Place::Start,
            1 => Place::Cursor(self.random.pick(&["a", "b"])),
            _ => Place::After(self.seq()),
        };
        Op::ReadEvents {
            by,
            whose,
            place,
            kinds: self.kinds(),
            limit: self.random.pick(&[1, 3, 100]),
        }
    }

    fn look(&mut self) -> Op {
        let (message, members) = self.message();
        let who = if self.random.one_in(8) || members.is_empty() {
            self.anybody()
        } else {
            self.random.pick(&members)
        };
        let (by, limit) = (self.by(who), self.random.pick(&[1, 2, 50]));
        match self.random.below(6) {
            0 | 1 => Op::GetMessage { by, message },
            2 => Op::History {
                by,
                chat: message,
                limit,
            },
            3 => Op::Chats { by, limit },
            4 => Op::Me { by },
            _ => {
                let q = self.random.pick(&["", "a", "AN", "desk", "🚑"]);
                Op::People { by, q, limit }
            }
        }
    }

    fn connect(&mut self, tag: Tag) -> Op {
        let whose = if self.random.one_in(3) {
            self.anybody()
        } else {
            self.random.pick(&["alice", "bob", "scada"])
        };
        let by = self.by(whose);
        let place = match self.random.below(6) {
            0 => Place::After(self.seq()),
            1 | 2 => self
                .random
                .pick_some(&self.sessions)
                .map_or(Place::Start, Place::AckedBy),
            _ => Place::Start,
        };
        // A device of a user keeps its own place; systems have cursors.
        let cursor = self.random.one_in(3).then(|| self.random.pick(&["a", "b"]));
        self.sessions.push(tag);
        Op::Connect {
            by,
            whose,
            place,
            cursor,
            kinds: self.kinds(),
        }
    }

    fn follow(&mut self) -> Op {
        let last = self.sessions.len();
        if last == 0 {
            return Op::Advance { ms: 1 };
        }
        let first = last.saturating_sub(4);
        let session = self.sessions[first + self.random.below(last - first)];
        match self.random.below(10) {
            0..=4 => Op::Listen { session },
            5..=8 => {
                let much = [Much::All, Much::All, Much::Half, Much::Again];
                let beyond = self.random.one_in(25);
                let much = if beyond {
                    Much::Beyond
                } else {
                    self.random.pick(&much)
                };
                Op::Ack { session, much }
            }
            _ => Op::Disconnect { session },
        }
    }

    fn sign(&mut self, tag: Tag) -> Op {
        if self.random.one_in(3)
            && let Some((session, _)) = self.random.pick_some(&self.sign_ins)
        {
            return Op::SignOut {
                by: By::Session(session),
            };
        }
        let user = self.random.pick(&["alice", "bob"]);
        self.sign_ins.push((tag, user));
        Op::SignIn {
            user,
            right: !self.random.one_in(12),
            device: self
                .random
                .one_in(2)
                .then(|| 10 + self.random.below(2) as u8),
        }
    }

    fn administer(&mut self) -> Op {
        let user = self.random.pick(&["bob", "a,b", "Ann"]);
        let token = self.random.pick(&["bob", "oms", "many", "alice"]);
        match self.random.below(10) {
            0 | 1 => Op::Disable { user },
            2..=4 => Op::Enable { user },
            5 => Op::Revoke { token },
            6 | 7 => Op::NewToken { token },
            8 => Op::NewPassword { user },
            _ => Op::AddUser {
                user: self.random.pick(&["zoe", "desk:2", "bob", "nobody"]),
            },
        }
    }
}
