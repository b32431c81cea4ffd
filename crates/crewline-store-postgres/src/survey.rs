//! Looks at a database from outside, for the administrator: which host is which, how the database is set, and who serves from it.
//! It changes nothing.

use std::time::{Duration, Instant};

use crewline_api::Timestamp;
use crewline_core::{LeaseRow, StoreError};
use futures_util::future::join_all;
use tokio_postgres::config::TargetSessionAttrs;

use crate::connect::{Connector, Purpose};
use crate::error::Fault;
use crate::lineage::synchronous;
use crate::options::Options;
use crate::sql::{Sql, get};
use crate::turn::SERVE;
use crate::{migration, node};

/// What a host of the address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostState {
    /// It takes writes.
    Writable,
    /// It answers, and takes no writes: a standby.
    ReadOnly,
    /// It cannot be used, and why.
    Away(String),
}

/// A host of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostReport {
    /// Name and port.
    pub host: String,
    /// What it is.
    pub state: HostState,
    /// Whether what goes there leaves this machine and can be read on the way.
    pub readable: bool,
}

/// How the database is set, and who is at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseReport {
    /// Its version, as it says it.
    pub version: String,
    /// The same as a number: 150004 is 15.4.
    pub version_number: i64,
    /// Its encoding.
    pub encoding: String,
    /// The schema of the store; 0 where there is none.
    pub schema: i32,
    /// Its timeline.
    pub timeline: u32,
    /// Whether a commit is confirmed by a standby before it is answered.
    pub is_synchronous: bool,
    /// As it is set.
    pub synchronous_commit: String,
    /// Settings that are off, and without which a cut of its power costs what was answered.
    pub off: Vec<String>,
    /// As it is set.
    pub synchronous_standby_names: String,
    /// How many standbys follow.
    pub standbys: i64,
    /// Connections that roles without privileges may have.
    pub connections_max: i64,
    /// How many of them there are.
    pub connections: i64,
    /// Milliseconds after which a forgotten transaction ends, where nothing else is said; 0: never.
    pub idle_in_transaction_ms: i64,
    /// By how many milliseconds this machine's clock is ahead of the database's.
    pub clock_ahead_ms: i64,
    /// How long a question and its answer took.
    pub trip: Duration,
    /// How many servers serve the store.
    pub serving: i64,
    /// How many nodes are believed to be there.
    pub nodes: i64,
    /// Leases that are held.
    pub leases: Vec<LeaseRow>,
}

/// What a survey found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Each host of the address, in its order.
    pub hosts: Vec<HostReport>,
    /// What there is at the one that takes writes, or why nothing is known of it.
    pub database: Result<DatabaseReport, StoreError>,
}

/// Looks. It takes no longer than a few times `options.connect`. `now` is this machine's clock.
///
/// # Errors
/// Where the address or a certificate cannot be understood.
pub fn survey(options: &Options, now: impl Fn() -> Timestamp) -> Result<Survey, StoreError> {
    let connector = Connector::quietly(options)?;
    let doing = "looking at the database";
    let this = connector.clone();
    let hosts = connector.run(async move { hosts(&this).await });
    let hosts = hosts.map_err(|what| connector.away(doing, &what))?;
    if !hosts.iter().any(|host| host.state == HostState::Writable) {
        let database = Err(connector.away(doing, &"no host of it takes writes"));
        return Ok(Survey { hosts, database });
    }
    let database = connector
        .connect(Purpose::Read)
        .and_then(|sql| look(&sql, &now).map_err(|fault| connector.place().error(doing, fault)));
    Ok(Survey { hosts, database })
}

async fn hosts(connector: &Connector) -> Vec<HostReport> {
    let asked = connector.hosts().iter().map(|(config, host)| async move {
        let mut config = config.clone();
        config.target_session_attrs(TargetSessionAttrs::Any);
        let asking = async {
            let client = connector.open(&config).await?;
            client
                .query_one(
                    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool",
                    &[],
                )
                .await
        };
        let state = match tokio::time::timeout(connector.patience(), asking).await {
            Err(_) => HostState::Away("it does not answer".to_owned()),
            Ok(Err(error)) => HostState::Away(Fault::from(error).to_string()),
            Ok(Ok(row)) if row.get::<_, bool>(0) => HostState::ReadOnly,
            Ok(Ok(_)) => HostState::Writable,
        };
        HostReport {
            host: host.clone(),
            state,
            readable: connector.is_readable(&config),
        }
    });
    join_all(asked).await
}

const SETTINGS: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int8,
     current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
     (SELECT count(*) FROM pg_stat_replication),
     current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8,
     (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
     (SELECT reset_val::int8 FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'),
     (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.classid::int8 << 32 | l.objid::int8 = $1)";

/// Without the first nothing is durable; without the second a page that was half written cannot be mended.
pub(crate) const OFF: &str = "SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings
     WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'";

fn look(sql: &Sql, now: &dyn Fn() -> Timestamp) -> Result<DatabaseReport, Fault> {
    let (here, asked) = (now(), Instant::now());
    let database =
        sql.simple("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8")?;
    let trip = asked.elapsed();
    // The database read its own half-way, as far as is known.
    let here = here.as_millis() + (trip / 2).as_millis() as i64;
    let database: i64 = database.and_then(|text| text.parse().ok()).unwrap_or(0);
    let is_synchronous = sql.simple(concat!("SELECT ", synchronous!()))?.as_deref() == Some("t");
    let schema = migration::version(sql)?;
    let off = sql.simple(OFF)?.unwrap_or_default();
    let row = sql.first(SETTINGS, &[&SERVE])?;
    let row = row.ok_or_else(|| Fault::damaged("the database says nothing of itself"))?;
    let (nodes, leases) = if schema >= 11 {
        who(sql)?
    } else {
        (0, Vec::new())
    };
    Ok(DatabaseReport {
        version: get(&row, 0)?,
        version_number: get(&row, 1)?,
        encoding: get(&row, 2)?,
        schema,
        timeline: sql.identity().timeline,
        is_synchronous,
        synchronous_commit: get(&row, 3)?,
        off: off.split_whitespace().map(str::to_owned).collect(),
        synchronous_standby_names: get(&row, 4)?,
        standbys: get(&row, 5)?,
        connections_max: get(&row, 6)?,
        connections: get(&row, 7)?,
        idle_in_transaction_ms: get(&row, 8)?,
        clock_ahead_ms: here - database,
        trip,
        serving: get(&row, 9)?,
        nodes,
        leases,
    })
}

/// How many nodes are heard of, and who holds what.
fn who(sql: &Sql) -> Result<(i64, Vec<LeaseRow>), Fault> {
    let now = "floor(extract(epoch FROM clock_timestamp()) * 1000)::int8";
    let count = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
    let nodes = count(sql.simple(&format!("SELECT count(*) FROM node WHERE until > {now}"))?);
    let now: i64 = count(sql.simple(&format!("SELECT {now}"))?);
    let leases = node::leases(sql)?;
    let held = leases
        .into_iter()
        .filter(|lease| lease.owner != 0 && lease.until.as_millis() > now);
    Ok((nodes, held.collect()))
}
