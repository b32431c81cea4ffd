//! Groups and duty once more, as plainly as they can be said.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{
    ApiError, ErrorCode, FieldCode, FieldError, Group, GroupId, GroupsPage, ParticipantId, Payload,
};
use crewline_core::{DirectoryError, DutyRow, GroupRecipient, GroupRow, Recipient};
use serde_json::{Value, json};

use super::plain::Plain;

impl Plain {
    pub(super) fn put_group(&mut self, group: &GroupRow) -> Result<Value, DirectoryError> {
        if group.id.as_str() == "on-duty" {
            return Err(DirectoryError::ReservedGroup);
        }
        let members = group.members.iter();
        let unknown: Vec<ParticipantId> = members
            .filter(|id| !self.book.is_user(id))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return Err(DirectoryError::UnknownMembers(unknown));
        }
        let members: BTreeSet<ParticipantId> = group.members.iter().cloned().collect();
        let before = self.book.groups.insert(group.id.clone(), members);
        Ok(json!(usize::from(before.is_none())))
    }

    pub(super) fn remove_group(&mut self, id: &GroupId) -> Value {
        json!(self.book.groups.remove(id).is_some())
    }

    pub(super) fn set_duty(
        &mut self,
        user: &ParticipantId,
        on_duty: bool,
        by: &str,
    ) -> Result<Value, DirectoryError> {
        if !self.book.is_user(user) {
            return Err(DirectoryError::NoUser(user.clone()));
        }
        // Lists of people are read from the store in memory, which has to know it too.
        self.writer
            .directory()
            .set_duty(user, on_duty, by, self.now)?;
        let is_so = |row: &&DutyRow| row.on_duty == on_duty;
        let row = match self.book.duty.get(user).filter(is_so) {
            Some(kept) => kept.clone(),
            None => DutyRow {
                on_duty,
                since: self.now,
                by: by.to_owned(),
            },
        };
        self.book.duty.insert(user.clone(), row.clone());
        Ok(json!({"onDuty": row.on_duty, "since": row.since, "by": row.by}))
    }

    pub(super) fn groups_page(&self, after: Option<&str>, limit: usize) -> GroupsPage {
        let all = self.book.groups.iter();
        let behind: Vec<_> = all
            .filter(|(id, _)| after.is_none_or(|after| id.as_str() > after))
            .collect();
        let page = behind.iter().take(limit).map(|(id, members)| Group {
            group_id: (*id).clone(),
            name: format!("Group {id}"),
            user_ids: members.iter().cloned().collect(),
        });
        let groups: Vec<Group> = page.collect();
        let last = groups.last().map(|group| group.group_id.to_string());
        GroupsPage {
            next: last.filter(|_| behind.len() > limit),
            groups,
        }
    }

    fn is_on_duty(&self, user: &ParticipantId) -> bool {
        self.book.duty.get(user).is_some_and(|row| row.on_duty)
    }

    /// Who is in a group now and can be sent to; nothing where there is no such group.
    fn members(&self, group: &GroupRecipient) -> Option<Vec<ParticipantId>> {
        let everybody: Vec<ParticipantId> = if group.id.as_str() == "on-duty" {
            self.book
                .duty
                .keys()
                .filter(|id| self.is_on_duty(id))
                .cloned()
                .collect()
        } else {
            self.book.groups.get(&group.id)?.iter().cloned().collect()
        };
        let wanted = everybody
            .into_iter()
            .filter(|id| self.book.stands(id) && (!group.on_duty_only || self.is_on_duty(id)));
        Some(wanted.collect())
    }

    /// Everyone whom somebody names, by name or by group.
    pub(super) fn everyone(
        &self,
        actor: &ParticipantId,
        named: &[Recipient],
        groups: &[GroupRecipient],
    ) -> Result<Vec<Recipient>, ApiError> {
        if groups.is_empty() {
            return Ok(named.to_vec());
        }
        let unknown = groups.iter().filter(|group| self.members(group).is_none());
        let unknown = unknown.map(|group| format!("{}.groupId", group.field));
        refuse(
            ErrorCode::UnknownGroup,
            FieldCode::UnknownGroup,
            unknown.collect(),
        )?;
        let mut all: BTreeMap<ParticipantId, Recipient> = named
            .iter()
            .map(|recipient| (recipient.id.clone(), recipient.clone()))
            .collect();
        let mut contradicted = BTreeSet::new();
        for group in groups {
            for id in self.members(group).into_iter().flatten() {
                if id == *actor {
                    continue;
                }
                let new = Recipient {
                    id: id.clone(),
                    field: group.field.clone(),
                    payloads: crewline_core::Payloads::default(),
                };
                let own = &mut all.entry(id).or_insert(new).payloads;
                if contradicts(&mut own.on_delivered, group.payloads.on_delivered.as_ref()) {
                    contradicted.insert(format!("{}.onDeliveredPayload", group.field));
                }
                if contradicts(&mut own.on_read, group.payloads.on_read.as_ref()) {
                    contradicted.insert(format!("{}.onReadPayload", group.field));
                }
            }
        }
        refuse(ErrorCode::Invalid, FieldCode::Conflict, contradicted)?;
        if all.is_empty() {
            return Err(ApiError::field("toGroups", FieldCode::Empty, ""));
        }
        Ok(all.into_values().collect())
    }
}

/// Takes a payload over where there is none yet; whether there is another one.
fn contradicts(own: &mut Option<Payload>, given: Option<&Payload>) -> bool {
    let Some(given) = given else { return false };
    own.get_or_insert_with(|| given.clone()) != given
}

/// Each field once, in the order in which a caller wrote them.
fn refuse(code: ErrorCode, field: FieldCode, fields: BTreeSet<String>) -> Result<(), ApiError> {
    let mut fields: Vec<String> = fields.into_iter().collect();
    fields.sort_by_key(|name| (name.len(), name.clone()));
    let errors: Vec<FieldError> = fields
        .into_iter()
        .map(|name| FieldError::new(name, field, ""))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::fields(code, errors))
    }
}
