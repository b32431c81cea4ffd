//! Groups and duty in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use crewline_api::limits::{GROUP_MEMBERS_MAX, GROUPS_MAX};
use crewline_api::{Group, GroupId, GroupsPage, ParticipantId, Timestamp};

use super::Data;
use crate::ParticipantNo;
use crate::directory::DirectoryError;
use crate::group::{DutyRow, GROUP_PAGE_MEMBERS_MAX, GroupRow};
use crate::state::GroupMember;

#[derive(Debug, Clone)]
pub(super) struct GroupData {
    name: String,
    members: BTreeSet<ParticipantNo>,
}

impl Data {
    pub(super) fn put_groups(&mut self, groups: &[GroupRow]) -> Result<usize, DirectoryError> {
        let mut put = self.groups.clone();
        let mut new = 0;
        for group in groups {
            if group.id.is_on_duty() {
                return Err(DirectoryError::ReservedGroup);
            }
            let (mut members, mut unknown) = (BTreeSet::new(), Vec::new());
            for id in &group.members {
                match self.user_no(id) {
                    Ok(no) => drop(members.insert(no)),
                    Err(_) => unknown.push(id.clone()),
                }
            }
            if !unknown.is_empty() {
                return Err(DirectoryError::UnknownMembers(unknown));
            }
            if members.len() > GROUP_MEMBERS_MAX {
                return Err(DirectoryError::TooManyMembers(group.id.clone()));
            }
            let name = group.name.clone();
            let before = put.insert(group.id.clone(), GroupData { name, members });
            new += usize::from(before.is_none());
        }
        if put.len() > GROUPS_MAX {
            return Err(DirectoryError::TooManyGroups);
        }
        self.groups = put;
        Ok(new)
    }

    pub(super) fn set_duty(
        &mut self,
        user: &ParticipantId,
        on_duty: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<DutyRow, DirectoryError> {
        let no = self.user_no(user)?;
        let kept = self.duty.get(&no).filter(|row| row.on_duty == on_duty);
        if let Some(kept) = kept {
            return Ok(kept.clone());
        }
        let row = DutyRow {
            on_duty,
            since: now,
            by: by.to_owned(),
        };
        self.duty.insert(no, row.clone());
        Ok(row)
    }

    pub(super) fn on_duty(&self, no: ParticipantNo) -> bool {
        self.duty.get(&no).is_some_and(|row| row.on_duty)
    }

    /// Who is in a group at this moment.
    pub(super) fn group_members(&self, id: &GroupId) -> Option<Arc<[GroupMember]>> {
        let member = |no: &ParticipantNo| GroupMember {
            no: *no,
            on_duty: self.on_duty(*no),
        };
        if id.is_on_duty() {
            let on_duty = self.duty.iter().filter(|(_, row)| row.on_duty);
            return Some(on_duty.map(|(no, _)| member(no)).collect());
        }
        let group = self.groups.get(id)?;
        Some(group.members.iter().map(member).collect())
    }

    pub(super) fn groups_page(&self, after: &str, limit: usize) -> GroupsPage {
        let mut rows = self
            .groups
            .iter()
            .filter(|(id, _)| id.as_str() > after)
            .peekable();
        let (mut groups, mut members) = (Vec::new(), 0);
        while groups.len() < limit
            && members < GROUP_PAGE_MEMBERS_MAX
            && let Some((id, group)) = rows.next()
        {
            let ids = group
                .members
                .iter()
                .filter_map(|no| self.participants.get(no));
            let mut user_ids: Vec<ParticipantId> = ids.map(|row| row.id.clone()).collect();
            user_ids.sort();
            members += user_ids.len();
            groups.push(Group {
                group_id: id.clone(),
                name: group.name.clone(),
                user_ids,
            });
        }
        let last = groups.last().filter(|_| rows.peek().is_some());
        let next = last.map(|group| group.group_id.to_string());
        GroupsPage { groups, next }
    }
}
