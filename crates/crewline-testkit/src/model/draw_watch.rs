//! What is drawn of watching: who watches whom, and what watchers look at, and former ones, and those who never did.

use super::draw::Drawn;
use super::op::{By, EXTERNALS, Kinds, Op, Place, Tag, USERS};

impl Drawn {
    pub(super) fn watch(&mut self) -> Op {
        let by = match self.random.below(8) {
            0 => {
                let user = self.user();
                self.by_user(user)
            }
            2..=4 if !self.administrators.is_empty() => {
                let user = self.random.pick(&self.administrators);
                self.by_user(user)
            }
            1 if self.random.one_in(3) => By::Token("scada"),
            _ => By::Token("admin"),
        };
        let (user, whose) = match self.random.below(24) {
            0 => ("nobody", "scada"),
            1 => ("scada", "oms"),
            2 => ("bob", "nobody"),
            3 => ("alice", "alice"),
            _ => (self.user(), self.anybody()),
        };
        match self.random.below(7) {
            0 => Op::Watchers { by, whose },
            1..=3 => {
                let at = self.random.below(self.watching.len().max(1));
                if at < self.watching.len() {
                    let (user, whose) = self.watching.remove(at);
                    self.watched.push((user, whose));
                    self.read_as(user, whose);
                    return Op::Unwatch { by, user, whose };
                }
                Op::Unwatch { by, user, whose }
            }
            _ => {
                self.watching.push((user, whose));
                self.read_as(user, whose);
                Op::Watch { by, user, whose }
            }
        }
    }

    /// A user is to read the log of another, or more than a watcher may.
    fn read_as(&mut self, user: &'static str, whose: &'static str) {
        if !USERS.contains(&user) {
            return;
        }
        let (by, name) = (self.by_user(user), self.random.pick(&["a", "b"]));
        let place = self.random.pick(&[Place::Start, Place::Cursor(name)]);
        let op = match self.random.below(7) {
            0 => Op::GetCursor { by, whose, name },
            3 | 4 => Op::Connect {
                by,
                whose,
                place: Place::Start,
                cursor: None,
                kinds: Kinds::All,
            },
            1 | 2 => Op::Poll {
                by,
                whose,
                place: Place::End,
                kinds: Kinds::Read,
            },
            _ => Op::ReadEvents {
                by,
                whose,
                place,
                kinds: Kinds::All,
                limit: 3,
            },
        };
        self.probe(op);
    }

    /// A user is to say who watches whom.
    pub(super) fn administer_as(&mut self, user: &'static str) {
        let (by, whose) = (By::Token(user), self.anybody());
        let watcher = self.user();
        let op = if self.random.one_in(2) {
            Op::Watchers { by, whose }
        } else {
            Op::Watch {
                by,
                user: watcher,
                whose,
            }
        };
        self.probe(op);
    }

    /// Sometimes, somebody who watches or did, and whom.
    pub(super) fn watcher(&mut self, one_in: usize) -> Option<(By, &'static str)> {
        if !self.random.one_in(one_in) {
            return None;
        }
        let pairs = if self.random.one_in(3) {
            &self.watched
        } else {
            &self.watching
        };
        let (user, whose) = self.random.pick_some(pairs)?;
        USERS.contains(&user).then(|| (self.by_user(user), whose))
    }

    /// Who reads a log, and whose: mostly the own one.
    pub(super) fn reader(&mut self, watcher_one_in: usize) -> (By, &'static str) {
        if let Some(watcher) = self.watcher(watcher_one_in) {
            return watcher;
        }
        let whose = self.anybody();
        if self.random.one_in(40) {
            let user = self.user();
            return (self.by_user(user), whose);
        }
        (self.by(whose), whose)
    }

    /// Sometimes, a look with the eyes of another.
    pub(super) fn look_with(&mut self, message: Tag, members: &[&'static str]) -> Option<Op> {
        let (by, whose) = if let Some((by, whose)) = self.watcher(4) {
            let named = self.random.one_in(3).then_some(whose);
            (by, named)
        } else if self.random.one_in(12) && !members.is_empty() {
            let (who, whose) = (self.random.pick(members), self.random.pick(members));
            let several = EXTERNALS.contains(&who) && self.random.one_in(2);
            let by = if several {
                By::Token("many")
            } else {
                self.by(who)
            };
            (by, Some(whose))
        } else {
            return None;
        };
        Some(if self.random.one_in(2) {
            Op::GetMessage { by, message, whose }
        } else {
            Op::History {
                by,
                chat: message,
                whose,
                limit: self.random.pick(&[1, 2, 50]),
            }
        })
    }
}
