//! The rest of what is drawn: chats, cursors, reading, sessions, signing in, and the administrator's acts.

use super::draw::Drawn;
use crewline_api::{ReceiptState, Role};

use super::op::{By, EXTERNALS, Kinds, Much, Op, Place, Tag, USERS};

impl Drawn {
    pub(super) fn create_chat(&mut self, tag: Tag) -> Op {
        let who = self.anybody();
        let by = self.by(who);
        let to: Vec<_> = (0..=self.random.below(2)).map(|_| self.anybody()).collect();
        let mut members = vec![who];
        members.extend(&to);
        let groups = self.groups_named(6, &mut members);
        self.chats.push((tag, members));
        let from = (!USERS.contains(&who)).then_some(who);
        Op::CreateChat {
            by,
            from,
            to,
            groups,
        }
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

    pub(super) fn cursor(&mut self) -> Op {
        let whose = if self.random.one_in(3) {
            self.anybody()
        } else {
            self.random.pick(&EXTERNALS)
        };
        let (mut by, name) = (self.by(whose), self.random.pick(&["a", "b"]));
        let mut whose = whose;
        if let Some((watcher, watched)) = self.watcher(10) {
            (by, whose) = (watcher, watched);
        }
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

    pub(super) fn read_events(&mut self) -> Op {
        let (by, whose) = self.reader(4);
        if self.random.one_in(8) {
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

    pub(super) fn poll(&mut self, tag: Tag) -> Op {
        if self.random.one_in(2) && !self.polls.is_empty() {
            let at = self.random.below(self.polls.len());
            return Op::Collect {
                poll: self.polls.remove(at),
            };
        }
        let (by, whose) = self.reader(3);
        self.polls.push(tag);
        Op::Poll {
            by,
            whose,
            place: match self.random.below(6) {
                0 => Place::Start,
                1 => Place::After(self.seq()),
                _ => Place::End,
            },
            kinds: self.kinds(),
        }
    }

    pub(super) fn look(&mut self) -> Op {
        let (message, members) = self.message();
        if let Some(op) = self.look_with(message, &members) {
            return op;
        }
        let who = if self.random.one_in(8) || members.is_empty() {
            self.anybody()
        } else {
            self.random.pick(&members)
        };
        let (by, limit) = (self.by(who), self.random.pick(&[1, 2, 50]));
        match self.random.below(6) {
            0 | 1 => Op::GetMessage {
                by,
                message,
                whose: None,
            },
            2 => Op::History {
                by,
                chat: message,
                whose: None,
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

    /// Mostly by one who may: the sender stands first, where an external sent.
    pub(super) fn remind(&mut self) -> Op {
        let (message, members) = self.message();
        let by = if let Some((by, _)) = self.watcher(3) {
            by
        } else {
            let who = match members.first() {
                Some(first) if self.random.one_in(2) => *first,
                Some(_) => self.random.pick(&members),
                None => self.anybody(),
            };
            self.by(who)
        };
        let until = self.random.pick(&[
            None,
            None,
            Some(ReceiptState::Delivered),
            Some(ReceiptState::Read),
            Some(ReceiptState::Acknowledged),
        ]);
        Op::Remind { by, message, until }
    }

    pub(super) fn connect(&mut self, tag: Tag) -> Op {
        let whose = if self.random.one_in(3) {
            self.anybody()
        } else {
            self.random.pick(&["alice", "bob", "scada"])
        };
        let (by, whose) = self.watcher(4).unwrap_or_else(|| (self.by(whose), whose));
        let place = match self.random.below(7) {
            0 => Place::After(self.seq()),
            6 => Place::AsOf,
            1 | 2 => self
                .random
                .pick_some(&self.connected)
                .map_or(Place::Start, Place::AckedBy),
            _ => Place::Start,
        };
        // A device of a user keeps its own place; systems have cursors.
        let cursor = self.random.one_in(3).then(|| self.random.pick(&["a", "b"]));
        self.sessions.push(tag);
        self.connected.push(tag);
        Op::Connect {
            by,
            whose,
            place,
            cursor,
            kinds: self.kinds(),
        }
    }

    pub(super) fn follow(&mut self) -> Op {
        let last = self.sessions.len();
        if last == 0 {
            return Op::Advance { ms: 1 };
        }
        let first = last.saturating_sub(3);
        let at = first + self.random.below(last - first);
        let session = self.sessions[at];
        match self.random.below(13) {
            12 => match self.receipts() {
                Op::Receipts { said, .. } => Op::SayIn { session, said },
                other => other,
            },
            0..=5 => Op::Listen { session },
            6..=10 => {
                let much = [Much::All, Much::All, Much::Half, Much::Half, Much::Again];
                if self.random.one_in(25) {
                    self.sessions.remove(at);
                    return Op::Ack {
                        session,
                        much: Much::Beyond,
                    };
                }
                let much = self.random.pick(&much);
                Op::Ack { session, much }
            }
            _ => {
                self.sessions.remove(at);
                Op::Disconnect { session }
            }
        }
    }

    pub(super) fn sign(&mut self, tag: Tag) -> Op {
        if self.random.one_in(3)
            && let Some((session, _)) = self.random.pick_some(&self.sign_ins)
        {
            let everywhere = self.random.one_in(3);
            let by = if self.random.one_in(15) {
                By::Token(self.user())
            } else {
                By::Session(session)
            };
            // What was to end, and what was not.
            self.look_in_sessions();
            return Op::SignOut { by, everywhere };
        }
        let user = self.random.pick(&["alice", "bob"]);
        self.sign_ins.push((tag, user));
        let by = By::Session(tag);
        // What is open when it ends.
        self.probe(Op::Connect {
            by,
            whose: user,
            place: Place::Start,
            cursor: None,
            kinds: Kinds::All,
        });
        self.probe(Op::Me { by });
        Op::SignIn {
            user,
            right: !self.random.one_in(12),
            device: self
                .random
                .one_in(2)
                .then(|| 10 + self.random.below(2) as u8),
        }
    }

    /// Time passes: mostly a little, sometimes so much that sessions end by themselves.
    pub(super) fn advance(&mut self) -> Op {
        const DAY: i64 = 24 * 3_600_000;
        let ms = if self.random.one_in(6) {
            self.look_in_sessions();
            // Who is signed out by it signs in again, mostly.
            if !self.random.one_in(4) {
                self.sign_ins.clear();
            }
            self.random
                .pick(&[29 * DAY, 30 * DAY - 1, 30 * DAY, 30 * DAY])
        } else {
            self.random.pick(&[1, 1, 1_000, 3_600_000, -500])
        };
        Op::Advance { ms }
    }

    /// A backup, and its restore some time later.
    pub(super) fn backup(&mut self) -> Op {
        if !self.has_backup || self.random.one_in(2) {
            self.has_backup = true;
            return Op::Backup;
        }
        self.sessions.clear();
        self.polls.clear();
        for whose in ["alice", "scada"] {
            self.probe(Op::ReadOtherEpoch {
                by: By::Token(whose),
                whose,
            });
        }
        Op::Restore {
            by_hand: self.random.one_in(3),
        }
    }

    /// What is old is removed: mostly what is older than a moment, since a play is short.
    pub(super) fn keep(&mut self) -> Op {
        const HOUR: u64 = 3_600_000;
        self.sessions.clear();
        self.polls.clear();
        // What is gone may not be passed over in silence.
        for whose in ["alice", "bob", "scada"] {
            self.probe(Op::ReadEvents {
                by: By::Token(whose),
                whose,
                place: Place::After(1),
                kinds: Kinds::All,
                limit: 3,
            });
        }
        Op::Keep {
            ms: self.random.pick(&[2, 1_000, HOUR, 24 * HOUR]),
            cursors_ms: self.random.pick(&[HOUR, 24 * HOUR, 30 * 24 * HOUR]),
        }
    }

    fn role(&mut self) -> Op {
        let user = self.user();
        let role = self.random.pick(&[
            Role::Administrator,
            Role::Dispatcher,
            Role::Dispatcher,
            Role::Crew,
        ]);
        self.administrators.retain(|other| *other != user);
        if role == Role::Administrator {
            self.administrators.push(user);
        }
        self.administer_as(user);
        Op::SetRole { user, role }
    }

    /// The last sessions are to be tried: the one that goes and those beside it.
    fn look_in_sessions(&mut self) {
        let last: Vec<Tag> = self
            .sign_ins
            .iter()
            .rev()
            .take(3)
            .map(|one| one.0)
            .collect();
        for tag in last {
            self.probe(Op::Me {
                by: By::Session(tag),
            });
        }
    }

    fn sign_out_user(&mut self) -> Op {
        let user = self.random.pick(&["alice", "bob", "ann"]);
        let tokens = self.random.one_in(3);
        if tokens {
            self.revoked.push(user);
        }
        self.look_in_sessions();
        Op::SignOutUser { user, tokens }
    }

    /// What the administrator takes away is mostly given back before long.
    pub(super) fn administer(&mut self) -> Op {
        match self.random.below(19) {
            10..=16 => self.role(),
            17 | 18 => self.sign_out_user(),
            0..=4 => {
                if let Some(user) = self.disabled.pop() {
                    return Op::Enable { user };
                }
                let user = self.random.pick(&["bob", "bob", "a,b", "Ann"]);
                self.disabled.push(user);
                Op::Disable { user }
            }
            5..=7 => {
                if let Some(token) = self.revoked.pop() {
                    return Op::NewToken { token };
                }
                let token = self.random.pick(&["bob", "oms", "many", "alice"]);
                self.revoked.push(token);
                Op::Revoke { token }
            }
            8 => Op::NewPassword {
                user: self.random.pick(&["alice", "bob"]),
            },
            _ => Op::AddUser {
                user: self.random.pick(&["zoe", "desk:2", "bob", "nobody"]),
            },
        }
    }
}
