//! Groups, who is in them at this moment, and who is on duty.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{Group, GroupId, GroupsPage, ParticipantId};
use crewline_core::{
    Contact, DutyRow, GROUP_PAGE_MEMBERS_MAX, GroupMember, OrganisationPart, OrganisationRow,
    ParticipantNo, ParticipantRow,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::error::Fault;
use crate::row;
use crate::row::participant_columns;

type Result<T> = std::result::Result<T, Fault>;

const MEMBERS: &str = concat!(
    "SELECT ",
    participant_columns!(),
    ", coalesce(d.on_duty, 0) FROM people_group_member m JOIN participant p ON p.no = m.participant",
    " LEFT JOIN duty d ON d.participant = p.no WHERE m.people_group = ?1 ORDER BY p.no"
);

const ON_DUTY: &str = concat!(
    "SELECT ",
    participant_columns!(),
    ", d.on_duty FROM duty d JOIN participant p ON p.no = d.participant WHERE d.on_duty = 1 ORDER BY p.no"
);

/// Who is in a group, with their rows; `None` where there is no such group.
pub(crate) fn members(
    sql: &Connection,
    id: &GroupId,
    mut found: impl FnMut(ParticipantRow),
) -> Result<Option<Arc<[GroupMember]>>> {
    let mut members = Vec::new();
    let mut take = |row: &Row<'_>| -> Result<()> {
        let participant = row::participant(row)?;
        members.push(GroupMember {
            no: participant.no,
            on_duty: row.get(5)?,
        });
        found(participant);
        Ok(())
    };
    if id.is_on_duty() {
        let mut statement = sql.prepare_cached(ON_DUTY)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        return Ok(Some(members.into()));
    }
    let mut statement = sql.prepare_cached("SELECT no FROM people_group WHERE id = ?1")?;
    let no: Option<i64> = statement
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    let Some(no) = no else { return Ok(None) };
    let mut statement = sql.prepare_cached(MEMBERS)?;
    let mut rows = statement.query([no])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(Some(members.into()))
}

/// A page of groups, by id.
pub(super) fn page(sql: &Connection, after: &str, limit: usize) -> Result<GroupsPage> {
    let mut statement =
        sql.prepare_cached("SELECT no, id, name FROM people_group WHERE id > ?1 ORDER BY id")?;
    let mut rows = statement.query([after])?;
    let (mut groups, mut members): (Vec<Group>, usize) = (Vec::new(), 0);
    let mut next = None;
    while let Some(row) = rows.next()? {
        if groups.len() >= limit || members >= GROUP_PAGE_MEMBERS_MAX {
            next = groups.last().map(|group| group.group_id.to_string());
            break;
        }
        let user_ids = ids(sql, row.get(0)?)?;
        members += user_ids.len();
        let id: String = row.get(1)?;
        let group_id = GroupId::new(&id)
            .map_err(|error| Fault::damaged(format!("the id {id:?} of a group {error}")))?;
        groups.push(Group {
            group_id,
            name: row.get(2)?,
            user_ids,
        });
    }
    Ok(GroupsPage { groups, next })
}

fn ids(sql: &Connection, no: i64) -> Result<Vec<ParticipantId>> {
    let mut statement = sql.prepare_cached(
        "SELECT p.id FROM people_group_member m JOIN participant p ON p.no = m.participant
         WHERE m.people_group = ?1 ORDER BY p.id",
    )?;
    let mut rows = statement.query([no])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(row::participant_id(row, 0)?);
    }
    Ok(ids)
}

/// What is known of somebody's duty.
pub(crate) fn duty_of(sql: &Connection, no: ParticipantNo) -> Result<Option<DutyRow>> {
    let mut statement =
        sql.prepare_cached("SELECT on_duty, since, by FROM duty WHERE participant = ?1")?;
    let mut rows = statement.query([no.0])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(DutyRow {
        on_duty: row.get(0)?,
        since: row::time(row, 1)?,
        by: row.get(2)?,
    }))
}

/// When a device of each of these users was last heard of, and which.
pub(super) fn last_contacts(
    sql: &Connection,
    who: &[ParticipantNo],
) -> Result<Vec<Option<Contact>>> {
    let mut statement = sql.prepare_cached(
        "SELECT last_seen_at, name FROM device WHERE participant = ?1 ORDER BY last_seen_at DESC, no DESC LIMIT 1",
    )?;
    let last = |no: &ParticipantNo| -> Result<Option<Contact>> {
        let mut rows = statement.query([no.0])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        Ok(Some(Contact {
            at: row::time(row, 0)?,
            device_name: row.get(1)?,
        }))
    };
    who.iter().map(last).collect()
}

/// What the organisation keeps.
pub(super) fn organisation(
    sql: &Connection,
) -> Result<BTreeMap<OrganisationPart, OrganisationRow>> {
    let mut statement =
        sql.prepare_cached("SELECT revision, value FROM organisation WHERE part = ?1")?;
    let mut parts = BTreeMap::new();
    for part in OrganisationPart::ALL {
        let mut rows = statement.query([part.as_str()])?;
        if let Some(row) = rows.next()? {
            let row = OrganisationRow {
                revision: row::count(row, 0)?,
                value: row.get(1)?,
            };
            parts.insert(part, row);
        }
    }
    Ok(parts)
}
