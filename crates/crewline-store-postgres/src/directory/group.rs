//! Groups, and who is on duty.

use std::collections::BTreeSet;

use crewline_api::limits::{GROUP_MEMBERS_MAX, GROUPS_MAX};
use crewline_api::{GroupId, ParticipantId, Timestamp};
use crewline_core::{DirectoryError, DutyRow, GroupRow, OrganisationPart, ParticipantNo, Standing};

use super::{find_user, number_of};
use crate::error::{Fault, Refusal};
use crate::reader::group::duty_of;
use crate::row;
use crate::sql::{Sql, get};

/// Puts groups, all or none; returns how many are new.
pub(super) fn put(sql: &Sql, groups: &[GroupRow], now: Timestamp) -> Result<usize, Refusal> {
    let mut new = 0;
    for group in groups {
        if group.id.is_on_duty() {
            return Err(Refusal::Directory(DirectoryError::ReservedGroup));
        }
        new += usize::from(put_one(sql, group, now)?);
    }
    let count: Option<i64> = sql.value("SELECT count(*) FROM people_group", &[])?;
    if count.unwrap_or(0) > GROUPS_MAX as i64 {
        return Err(Refusal::Directory(DirectoryError::TooManyGroups));
    }
    Ok(new)
}

fn put_one(sql: &Sql, group: &GroupRow, now: Timestamp) -> Result<bool, Refusal> {
    let members = members(sql, group)?;
    let known = number(sql, &group.id)?;
    let no = sql.value(
        "INSERT INTO people_group (id, name, changed_at) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, changed_at = excluded.changed_at RETURNING no",
        &[&group.id.as_str(), &group.name, &now.as_millis()],
    )?;
    let no = number_of(no)?;
    empty(sql, no)?;
    let members: Vec<i64> = members.into_iter().map(|no| no.0).collect();
    sql.execute(
        "INSERT INTO people_group_member (people_group, participant) SELECT $1, * FROM unnest($2::int8[])",
        &[&no, &members],
    )?;
    Ok(known.is_none())
}

fn members(sql: &Sql, group: &GroupRow) -> Result<BTreeSet<ParticipantNo>, Refusal> {
    let ids: Vec<&str> = group.members.iter().map(ParticipantId::as_str).collect();
    let rows = sql.query(
        "SELECT no, id, standing FROM participant WHERE id = ANY($1)",
        &[&ids],
    )?;
    let (mut members, mut known) = (BTreeSet::new(), BTreeSet::new());
    for found in &rows {
        if row::standing(found, 2)? == Standing::User {
            members.insert(ParticipantNo(get(found, 0)?));
            known.insert(row::participant_id(found, 1)?);
        }
    }
    let unknown: Vec<_> = group
        .members
        .iter()
        .filter(|id| !known.contains(*id))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        return Err(Refusal::Directory(DirectoryError::UnknownMembers(unknown)));
    }
    if members.len() > GROUP_MEMBERS_MAX {
        let error = DirectoryError::TooManyMembers(group.id.clone());
        return Err(Refusal::Directory(error));
    }
    Ok(members)
}

fn number(sql: &Sql, id: &GroupId) -> Result<Option<i64>, Fault> {
    sql.value("SELECT no FROM people_group WHERE id = $1", &[&id.as_str()])
}

fn empty(sql: &Sql, no: i64) -> Result<(), Fault> {
    sql.execute(
        "DELETE FROM people_group_member WHERE people_group = $1",
        &[&no],
    )?;
    Ok(())
}

/// Removes a group; returns whether there was one.
pub(super) fn remove(sql: &Sql, id: &GroupId) -> Result<bool, Refusal> {
    let Some(no) = number(sql, id)? else {
        return Ok(false);
    };
    empty(sql, no)?;
    sql.execute("DELETE FROM people_group WHERE no = $1", &[&no])?;
    Ok(true)
}

/// Says whether a user is on duty; what is so already stays as it was said first.
pub(super) fn set_duty(
    sql: &Sql,
    user: &ParticipantId,
    on_duty: bool,
    by: &str,
    now: Timestamp,
) -> Result<DutyRow, Refusal> {
    let no = find_user(sql, user)?;
    if let Some(kept) = duty_of(sql, no)?.filter(|row| row.on_duty == on_duty) {
        return Ok(kept);
    }
    sql.execute(
        "INSERT INTO duty (participant, on_duty, since, by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (participant) DO UPDATE SET on_duty = excluded.on_duty, since = excluded.since, by = excluded.by",
        &[&no.0, &on_duty, &now.as_millis(), &by],
    )?;
    Ok(DutyRow {
        on_duty,
        since: now,
        by: by.to_owned(),
    })
}

/// Sets a part of what the organisation keeps; returns the new revision.
pub(super) fn put_organisation(
    sql: &Sql,
    part: OrganisationPart,
    revision: u64,
    value: &str,
) -> Result<u64, Refusal> {
    let is: Option<i64> = sql.value(
        "SELECT revision FROM organisation WHERE part = $1",
        &[&part.as_str()],
    )?;
    let is = is.unwrap_or_default() as u64;
    if is != revision {
        return Err(Refusal::Directory(DirectoryError::Revision { is }));
    }
    sql.execute(
        "INSERT INTO organisation (part, revision, value) VALUES ($1, $2, $3)
         ON CONFLICT (part) DO UPDATE SET revision = excluded.revision, value = excluded.value",
        &[&part.as_str(), &(revision as i64 + 1), &value],
    )?;
    Ok(revision + 1)
}
