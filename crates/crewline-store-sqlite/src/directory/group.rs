//! Groups, and who is on duty.

use std::collections::BTreeSet;

use crewline_api::limits::{GROUP_MEMBERS_MAX, GROUPS_MAX};
use crewline_api::{GroupId, ParticipantId, Timestamp};
use crewline_core::{DirectoryError, DutyRow, GroupRow, OrganisationPart, ParticipantNo, Standing};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{find, find_user};
use crate::connection::Refusal;
use crate::error::Fault;
use crate::reader::group::duty_of;

/// Puts groups, all or none; returns how many are new.
pub(super) fn put(sql: &Connection, groups: &[GroupRow], now: Timestamp) -> Result<usize, Refusal> {
    let mut new = 0;
    for group in groups {
        if group.id.is_on_duty() {
            return Err(Refusal::Directory(DirectoryError::ReservedGroup));
        }
        new += usize::from(put_one(sql, group, now)?);
    }
    let count: i64 = sql
        .prepare_cached("SELECT count(*) FROM people_group")?
        .query_row([], |row| row.get(0))?;
    if count > GROUPS_MAX as i64 {
        return Err(Refusal::Directory(DirectoryError::TooManyGroups));
    }
    Ok(new)
}

fn put_one(sql: &Connection, group: &GroupRow, now: Timestamp) -> Result<bool, Refusal> {
    let members = members(sql, group)?;
    let known = number(sql, &group.id)?;
    let no: i64 = sql
        .prepare_cached(
            "INSERT INTO people_group (id, name, changed_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, changed_at = excluded.changed_at RETURNING no",
        )?
        .query_row(
            params![group.id.as_str(), group.name, now.as_millis()],
            |row| row.get(0),
        )?;
    empty(sql, no)?;
    let mut insert = sql.prepare_cached(
        "INSERT INTO people_group_member (people_group, participant) VALUES (?1, ?2)",
    )?;
    for member in members {
        insert.execute((no, member.0))?;
    }
    Ok(known.is_none())
}

fn members(sql: &Connection, group: &GroupRow) -> Result<BTreeSet<ParticipantNo>, Refusal> {
    let (mut members, mut unknown) = (BTreeSet::new(), Vec::new());
    for id in &group.members {
        match find(sql, id)? {
            Some((no, Standing::User)) => drop(members.insert(no)),
            _ => unknown.push(id.clone()),
        }
    }
    if !unknown.is_empty() {
        return Err(Refusal::Directory(DirectoryError::UnknownMembers(unknown)));
    }
    if members.len() > GROUP_MEMBERS_MAX {
        let error = DirectoryError::TooManyMembers(group.id.clone());
        return Err(Refusal::Directory(error));
    }
    Ok(members)
}

fn number(sql: &Connection, id: &GroupId) -> Result<Option<i64>, Fault> {
    let mut statement = sql.prepare_cached("SELECT no FROM people_group WHERE id = ?1")?;
    Ok(statement
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

fn empty(sql: &Connection, no: i64) -> Result<(), Fault> {
    sql.prepare_cached("DELETE FROM people_group_member WHERE people_group = ?1")?
        .execute([no])?;
    Ok(())
}

/// Removes a group; returns whether there was one.
pub(super) fn remove(sql: &Connection, id: &GroupId) -> Result<bool, Refusal> {
    let Some(no) = number(sql, id)? else {
        return Ok(false);
    };
    empty(sql, no)?;
    sql.prepare_cached("DELETE FROM people_group WHERE no = ?1")?
        .execute([no])?;
    Ok(true)
}

/// Says whether a user is on duty; what is so already stays as it was said first.
pub(super) fn set_duty(
    sql: &Connection,
    user: &ParticipantId,
    on_duty: bool,
    by: &str,
    now: Timestamp,
) -> Result<DutyRow, Refusal> {
    let no = find_user(sql, user)?;
    if let Some(kept) = duty_of(sql, no)?.filter(|row| row.on_duty == on_duty) {
        return Ok(kept);
    }
    sql.prepare_cached(
        "INSERT OR REPLACE INTO duty (participant, on_duty, since, by) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![no.0, on_duty, now.as_millis(), by])?;
    Ok(DutyRow {
        on_duty,
        since: now,
        by: by.to_owned(),
    })
}

/// Sets a part of what the organisation keeps; returns the new revision.
pub(super) fn put_organisation(
    sql: &Connection,
    part: OrganisationPart,
    revision: u64,
    value: &str,
) -> Result<u64, Refusal> {
    let is: Option<i64> = sql
        .prepare_cached("SELECT revision FROM organisation WHERE part = ?1")?
        .query_row([part.as_str()], |row| row.get(0))
        .optional()?;
    let is = is.unwrap_or_default() as u64;
    if is != revision {
        return Err(Refusal::Directory(DirectoryError::Revision { is }));
    }
    sql.prepare_cached(
        "INSERT OR REPLACE INTO organisation (part, revision, value) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![part.as_str(), revision as i64 + 1, value])?;
    Ok(revision + 1)
}
