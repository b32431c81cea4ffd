//! What is drawn of groups and duty: who keeps them, and who sends to them.

use super::draw::Drawn;
use super::op::{By, GROUPS, Op, ToGroup, USERS};

impl Drawn {
    /// Groups among recipients, in one of so many sends; who is in them is added to the members.
    pub(super) fn groups_named(
        &mut self,
        one_in: usize,
        members: &mut Vec<&'static str>,
    ) -> Vec<ToGroup> {
        let mut groups = Vec::new();
        if !self.random.one_in(one_in) {
            return groups;
        }
        for _ in 0..=self.random.below(2) {
            let id = match self.random.below(12) {
                0 => "no group",
                1..=3 => "on-duty",
                _ => self.random.pick(&GROUPS),
            };
            if id == "on-duty" {
                members.extend(&self.on_duty);
            }
            let of_it = self.groups.iter().filter(|(group, _)| *group == id);
            members.extend(of_it.flat_map(|(_, users)| users));
            let payloads = [None, None, Some("delivered"), Some("another")];
            let delivered = self.random.pick(&payloads);
            let read = self
                .random
                .pick(&[None, None, Some("read"), Some("another")]);
            groups.push(ToGroup {
                id,
                on_duty_only: self.random.one_in(4),
                delivered,
                read,
            });
        }
        groups
    }

    /// Who keeps groups: mostly somebody who may.
    fn keeper(&mut self) -> By {
        match self.random.below(8) {
            0 => {
                let user = self.user();
                self.by_user(user)
            }
            1 if self.random.one_in(3) => By::Token("scada"),
            2..=4 if !self.administrators.is_empty() => {
                let user = self.random.pick(&self.administrators);
                self.by_user(user)
            }
            _ => By::Token("admin"),
        }
    }

    pub(super) fn group(&mut self) -> Op {
        let by = self.keeper();
        match self.random.below(12) {
            0 => Op::Groups {
                by,
                limit: self.random.pick(&[1, 50]),
            },
            1 => {
                let group = self.a_group();
                self.groups.retain(|(other, _)| *other != group);
                Op::RemoveGroup { by, group }
            }
            2..=6 => self.put_group(by),
            _ => self.duty(by),
        }
    }

    fn a_group(&mut self) -> &'static str {
        if self.random.one_in(15) {
            "on-duty"
        } else {
            self.random.pick(&GROUPS)
        }
    }

    fn put_group(&mut self, by: By) -> Op {
        let group = self.a_group();
        let count = self.random.below(4);
        let mut users: Vec<&'static str> = (0..count).map(|_| self.user()).collect();
        if self.random.one_in(15) {
            let nobody = self.random.pick(&["nobody", "scada", "zoe"]);
            users.push(nobody);
        }
        self.groups.retain(|(other, _)| *other != group);
        self.groups.push((group, users.clone()));
        Op::PutGroup { by, group, users }
    }

    fn duty(&mut self, by: By) -> Op {
        let user = if self.random.one_in(15) {
            self.random.pick(&["nobody", "scada", "zoe"])
        } else {
            self.user()
        };
        let by = if USERS.contains(&user) && self.random.one_in(3) {
            self.by_user(user)
        } else {
            by
        };
        let on_duty = !self.random.one_in(3);
        self.on_duty.retain(|other| *other != user);
        if on_duty {
            self.on_duty.push(user);
        }
        Op::Duty { by, user, on_duty }
    }
}
