//! Groups, who is in them at this moment, and who is on duty.

use std::collections::BTreeMap;
use std::sync::Arc;

use crewline_api::{Group, GroupId, GroupsPage, ParticipantId};
use crewline_core::{
    Contact, DutyRow, GROUP_PAGE_MEMBERS_MAX, GroupMember, OrganisationPart, OrganisationRow,
    ParticipantNo, ParticipantRow,
};

use crate::error::Fault;
use crate::row::{self, PARTICIPANT_WIDTH, as_integer, participant_columns};
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

const MEMBERS: &str = concat!(
    "SELECT ",
    participant_columns!(),
    ", coalesce(d.on_duty, false) FROM people_group_member m JOIN participant p ON p.no = m.participant",
    " LEFT JOIN duty d ON d.participant = p.no WHERE m.people_group = $1 ORDER BY p.no"
);

const ON_DUTY: &str = concat!(
    "SELECT ",
    participant_columns!(),
    ", d.on_duty FROM duty d JOIN participant p ON p.no = d.participant WHERE d.on_duty ORDER BY p.no"
);

/// Who is in a group, with their rows; `None` where there is no such group.
pub(crate) fn members(
    sql: &Sql,
    id: &GroupId,
    mut found: impl FnMut(ParticipantRow),
) -> Result<Option<Arc<[GroupMember]>>> {
    let rows = if id.is_on_duty() {
        sql.query(ON_DUTY, &[])?
    } else {
        let no = sql.value::<i64>("SELECT no FROM people_group WHERE id = $1", &[&id.as_str()])?;
        let Some(no) = no else { return Ok(None) };
        sql.query(MEMBERS, &[&no])?
    };
    let mut members = Vec::with_capacity(rows.len());
    for row in &rows {
        let participant = row::participant(row, 0)?;
        members.push(GroupMember {
            no: participant.no,
            on_duty: get(row, PARTICIPANT_WIDTH)?,
        });
        found(participant);
    }
    Ok(Some(members.into()))
}

/// A page of groups, by id.
pub(super) fn page(sql: &Sql, after: &str, limit: usize) -> Result<GroupsPage> {
    let rows = sql.query(
        "SELECT no, id, name FROM people_group WHERE id > $1 ORDER BY id LIMIT $2",
        &[&after, &as_integer(limit as u64 + 1)],
    )?;
    let nos: Vec<i64> = rows.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    let mut ids = ids(sql, &nos)?;
    let (mut groups, mut members): (Vec<Group>, usize) = (Vec::new(), 0);
    let mut next = None;
    for (row, no) in rows.iter().zip(nos) {
        if groups.len() >= limit || members >= GROUP_PAGE_MEMBERS_MAX {
            next = groups.last().map(|group| group.group_id.to_string());
            break;
        }
        let user_ids = ids.remove(&no).unwrap_or_default();
        members += user_ids.len();
        let id: &str = get(row, 1)?;
        let group_id = GroupId::new(id)
            .map_err(|error| Fault::damaged(format!("the id {id:?} of a group {error}")))?;
        groups.push(Group {
            group_id,
            name: get(row, 2)?,
            user_ids,
        });
    }
    Ok(GroupsPage { groups, next })
}

fn ids(sql: &Sql, nos: &[i64]) -> Result<BTreeMap<i64, Vec<ParticipantId>>> {
    let rows = sql.query(
        "SELECT m.people_group, p.id FROM people_group_member m JOIN participant p ON p.no = m.participant
         WHERE m.people_group = ANY($1) ORDER BY p.id",
        &[&nos],
    )?;
    let mut ids: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in &rows {
        let id = row::participant_id(row, 1)?;
        ids.entry(get(row, 0)?).or_default().push(id);
    }
    Ok(ids)
}

/// What is known of somebody's duty.
pub(crate) fn duty_of(sql: &Sql, no: ParticipantNo) -> Result<Option<DutyRow>> {
    let row = sql.first(
        "SELECT on_duty, since, by FROM duty WHERE participant = $1",
        &[&no.0],
    )?;
    let duty = |row: tokio_postgres::Row| {
        Ok(DutyRow {
            on_duty: get(&row, 0)?,
            since: row::time(&row, 1)?,
            by: get(&row, 2)?,
        })
    };
    row.map(duty).transpose()
}

/// When a device of each of these users was last heard of, and which.
pub(super) fn last_contacts(sql: &Sql, who: &[ParticipantNo]) -> Result<Vec<Option<Contact>>> {
    let nos: Vec<i64> = who.iter().map(|no| no.0).collect();
    let rows = sql.query(
        "SELECT d.last_seen_at, d.name FROM unnest($1::int8[]) WITH ORDINALITY k (no, place)
         LEFT JOIN LATERAL (SELECT last_seen_at, name FROM device WHERE participant = k.no
                            ORDER BY last_seen_at DESC, no DESC LIMIT 1) d ON true
         ORDER BY k.place",
        &[&nos],
    )?;
    let contact = |row: &tokio_postgres::Row| {
        let at = row::time_or_none(row, 0)?;
        let device_name = get(row, 1)?;
        Ok(at.map(|at| Contact { at, device_name }))
    };
    rows.iter().map(contact).collect()
}

/// What the organisation keeps.
pub(super) fn organisation(sql: &Sql) -> Result<BTreeMap<OrganisationPart, OrganisationRow>> {
    let mut parts = BTreeMap::new();
    for row in &sql.query("SELECT part, revision, value FROM organisation", &[])? {
        let name: &str = get(row, 0)?;
        // A part that a newer version keeps is not ours to show.
        let known = OrganisationPart::ALL
            .into_iter()
            .find(|part| part.as_str() == name);
        let kept = OrganisationRow {
            revision: row::count(row, 1)?,
            value: get(row, 2)?,
        };
        parts.extend(known.map(|part| (part, kept)));
    }
    Ok(parts)
}
