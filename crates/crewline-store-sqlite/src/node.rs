//! Nodes: leases, and who is present where. SQLite is served by one process, so all this is said once and hardly read.

use crewline_api::Timestamp;
use crewline_core::{Fence, LeaseAsk, LeaseRow, Nodes, ParticipantNo, PresentAt, StoreError};
use rusqlite::{Connection, OptionalExtension as _};

use crate::connection::WriteConnection;
use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

impl Nodes for WriteConnection {
    fn take_leases(
        &mut self,
        ask: &LeaseAsk<'_>,
    ) -> std::result::Result<Vec<Option<u64>>, StoreError> {
        self.note("taking leases", |sql| {
            ask.names.iter().map(|name| take(sql, name, ask)).collect()
        })
    }

    fn end_leases(&mut self, fences: &[Fence]) -> std::result::Result<(), StoreError> {
        self.note("giving leases up", |sql| {
            let mut end = sql.prepare_cached(
                "UPDATE lease SET owner = 0, until = 0 WHERE name = ?1 AND token = ?2",
            )?;
            for fence in fences {
                end.execute((fence.name, fence.token as i64))?;
            }
            Ok(())
        })
    }

    fn fence(&mut self, fence: Option<Fence>) {
        self.set_fence(fence);
    }

    fn note_present(&mut self, at: &PresentAt<'_>) -> std::result::Result<bool, StoreError> {
        self.note("noting who is present", |sql| note_present(sql, at))
    }
}

fn lease(row: &rusqlite::Row<'_>) -> Result<LeaseRow> {
    Ok(LeaseRow {
        name: row.get(0)?,
        owner: row.get::<_, i64>(1)? as u64,
        token: row::count(row, 2)?,
        until: Timestamp::from_millis(row.get(3)?),
    })
}

const LEASE: &str = "SELECT name, owner, token, until FROM lease";

fn take(sql: &Connection, name: &str, ask: &LeaseAsk<'_>) -> Result<Option<u64>> {
    let mut known = sql.prepare_cached(&format!("{LEASE} WHERE name = ?1"))?;
    let mut rows = known.query([name])?;
    let known = rows.next()?.map(lease).transpose()?;
    let Some(token) = ask.token(known.as_ref()) else {
        return Ok(None);
    };
    sql.prepare_cached(
        "INSERT OR REPLACE INTO lease (name, owner, token, until) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        name,
        ask.owner as i64,
        token as i64,
        ask.until().as_millis(),
    ))?;
    Ok(Some(token))
}

/// Every lease, by name.
pub(crate) fn leases(sql: &Connection) -> Result<Vec<LeaseRow>> {
    let mut statement = sql.prepare_cached(&format!("{LEASE} ORDER BY name"))?;
    let mut rows = statement.query([])?;
    let mut leases = Vec::new();
    while let Some(row) = rows.next()? {
        leases.push(lease(row)?);
    }
    Ok(leases)
}

/// Whether a lease still has this token.
pub(crate) fn stands(sql: &Connection, fence: Fence) -> Result<bool> {
    let mut statement = sql.prepare_cached("SELECT token FROM lease WHERE name = ?1")?;
    let token: Option<i64> = statement
        .query_row([fence.name], |row| row.get(0))
        .optional()?;
    Ok(token == Some(fence.token as i64))
}

fn note_present(sql: &Connection, at: &PresentAt<'_>) -> Result<bool> {
    let node = at.node as i64;
    let forget_before = at.forget_before().as_millis();
    sql.prepare_cached(
        "DELETE FROM node_present WHERE node IN (SELECT no FROM node WHERE until < ?1)",
    )?
    .execute([forget_before])?;
    sql.prepare_cached("DELETE FROM node WHERE until < ?1")?
        .execute([forget_before])?;
    if at.afresh || at.life.is_zero() {
        sql.prepare_cached("DELETE FROM node_present WHERE node = ?1")?
            .execute([node])?;
    }
    if at.life.is_zero() {
        sql.prepare_cached("DELETE FROM node WHERE no = ?1")?
            .execute([node])?;
        return Ok(true);
    }
    let until = at.until().as_millis();
    if at.afresh {
        sql.prepare_cached("INSERT OR REPLACE INTO node (no, until) VALUES (?1, ?2)")?
            .execute((node, until))?;
    } else {
        let mut known = sql.prepare_cached("UPDATE node SET until = ?2 WHERE no = ?1")?;
        if known.execute((node, until))? == 0 {
            return Ok(false);
        }
    }
    let mut come = sql
        .prepare_cached("INSERT OR IGNORE INTO node_present (node, participant) VALUES (?1, ?2)")?;
    for came in at.came {
        come.execute((node, came.0))?;
    }
    let mut go =
        sql.prepare_cached("DELETE FROM node_present WHERE node = ?1 AND participant = ?2")?;
    for gone in at.gone {
        go.execute((node, gone.0))?;
    }
    Ok(true)
}

/// Who is present at other nodes than this one.
pub(crate) fn present_elsewhere(
    sql: &Connection,
    node: u64,
    now: Timestamp,
) -> Result<Vec<ParticipantNo>> {
    let mut statement = sql.prepare_cached(
        "SELECT DISTINCT p.participant FROM node_present p JOIN node n ON n.no = p.node
         WHERE n.no <> ?1 AND n.until > ?2 ORDER BY p.participant",
    )?;
    let rows = statement.query_map((node as i64, now.as_millis()), |row| {
        row.get(0).map(ParticipantNo)
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
