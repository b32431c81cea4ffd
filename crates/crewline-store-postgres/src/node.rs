//! Nodes: leases, and who is present where. Times are those of the database, which all nodes share.

use crewline_api::Timestamp;
use crewline_core::{Fence, LeaseAsk, LeaseRow, Nodes, ParticipantNo, PresentAt, StoreError};
use tokio_postgres::Row;

use crate::connection::WriteConnection;
use crate::error::Fault;
use crate::options::NodeClock;
use crate::row;
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

impl Nodes for WriteConnection {
    fn take_leases(
        &mut self,
        ask: &LeaseAsk<'_>,
    ) -> std::result::Result<Vec<Option<u64>>, StoreError> {
        let clock = self.node_clock();
        self.note("taking leases", |sql| {
            let now = time(sql, clock, ask.now)?;
            let ask = LeaseAsk { now, ..*ask };
            ask.names.iter().map(|name| take(sql, name, &ask)).collect()
        })
    }

    fn end_leases(&mut self, fences: &[Fence]) -> std::result::Result<(), StoreError> {
        let names: Vec<&str> = fences.iter().map(|fence| fence.name).collect();
        let tokens: Vec<i64> = fences.iter().map(|fence| fence.token as i64).collect();
        self.note("giving leases up", |sql| {
            sql.execute(
                "UPDATE lease l SET owner = 0, until = 0 FROM unnest($1::text[], $2::int8[]) AS held (name, token)
                 WHERE l.name = held.name AND l.token = held.token",
                &[&names, &tokens],
            )?;
            Ok(())
        })
    }

    fn fence(&mut self, fence: Option<Fence>) {
        self.set_fence(fence);
    }

    fn note_present(&mut self, at: &PresentAt<'_>) -> std::result::Result<bool, StoreError> {
        let clock = self.node_clock();
        self.note("noting who is present", |sql| {
            let now = time(sql, clock, at.now)?;
            note_present(sql, &PresentAt { now, ..*at })
        })
    }
}

/// The time by which nodes go.
pub(crate) fn time(sql: &Sql, clock: NodeClock, said: Timestamp) -> Result<Timestamp> {
    if clock == NodeClock::Caller {
        return Ok(said);
    }
    let now = sql.value(
        "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8",
        &[],
    )?;
    now.map(Timestamp::from_millis)
        .ok_or_else(|| Fault::damaged("the database has no time"))
}

fn lease(row: &Row) -> Result<LeaseRow> {
    Ok(LeaseRow {
        name: get(row, 0)?,
        owner: get::<i64>(row, 1)? as u64,
        token: row::count(row, 2)?,
        until: Timestamp::from_millis(get(row, 3)?),
    })
}

fn take(sql: &Sql, name: &str, ask: &LeaseAsk<'_>) -> Result<Option<u64>> {
    let known = sql.first(
        "SELECT name, owner, token, until FROM lease WHERE name = $1",
        &[&name],
    )?;
    let known = known.as_ref().map(lease).transpose()?;
    let Some(token) = ask.token(known.as_ref()) else {
        return Ok(None);
    };
    sql.execute(
        "INSERT INTO lease (name, owner, token, until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = excluded.token, until = excluded.until",
        &[&name, &(ask.owner as i64), &(token as i64), &ask.until().as_millis()],
    )?;
    Ok(Some(token))
}

/// Every lease, by name.
pub(crate) fn leases(sql: &Sql) -> Result<Vec<LeaseRow>> {
    let rows = sql.query(
        "SELECT name, owner, token, until FROM lease ORDER BY name",
        &[],
    )?;
    rows.iter().map(lease).collect()
}

/// Whether a lease still has this token. With the turn in hand nobody can take it before the end of the transaction.
pub(crate) fn stands(sql: &Sql, fence: Fence) -> Result<bool> {
    let token: Option<i64> =
        sql.value("SELECT token FROM lease WHERE name = $1", &[&fence.name])?;
    Ok(token == Some(fence.token as i64))
}

fn note_present(sql: &Sql, at: &PresentAt<'_>) -> Result<bool> {
    let node = at.node as i64;
    forget(sql, at)?;
    if at.afresh || at.life.is_zero() {
        sql.execute("DELETE FROM node_present WHERE node = $1", &[&node])?;
    }
    if at.life.is_zero() {
        sql.execute("DELETE FROM node WHERE no = $1", &[&node])?;
        return Ok(true);
    }
    let until = at.until().as_millis();
    let known = if at.afresh {
        sql.execute(
            "INSERT INTO node (no, until) VALUES ($1, $2) ON CONFLICT (no) DO UPDATE SET until = excluded.until",
            &[&node, &until],
        )?
    } else {
        sql.execute("UPDATE node SET until = $2 WHERE no = $1", &[&node, &until])?
    };
    if known == 0 {
        return Ok(false);
    }
    let came: Vec<i64> = at.came.iter().map(|no| no.0).collect();
    let gone: Vec<i64> = at.gone.iter().map(|no| no.0).collect();
    sql.execute(
        "INSERT INTO node_present (node, participant) SELECT $1, unnest($2::int8[]) ON CONFLICT DO NOTHING",
        &[&node, &came],
    )?;
    sql.execute(
        "DELETE FROM node_present WHERE node = $1 AND participant = ANY($2)",
        &[&node, &gone],
    )?;
    Ok(true)
}

/// Forgets nodes that have not been heard of for long.
fn forget(sql: &Sql, at: &PresentAt<'_>) -> Result<()> {
    let before = at.forget_before().as_millis();
    sql.execute(
        "DELETE FROM node_present WHERE node IN (SELECT no FROM node WHERE until < $1)",
        &[&before],
    )?;
    sql.execute("DELETE FROM node WHERE until < $1", &[&before])?;
    Ok(())
}

/// Who is present at other nodes than this one.
pub(crate) fn present_elsewhere(
    sql: &Sql,
    node: u64,
    now: Timestamp,
) -> Result<Vec<ParticipantNo>> {
    let rows = sql.query(
        "SELECT DISTINCT p.participant FROM node_present p JOIN node n ON n.no = p.node
         WHERE n.no <> $1 AND n.until > $2 ORDER BY p.participant",
        &[&(node as i64), &now.as_millis()],
    )?;
    rows.iter()
        .map(|row| get(row, 0).map(ParticipantNo))
        .collect()
}
