//! Numbered migrations: from any older schema to the newest. The numbers are those of the SQLite store.
//!
//! Each is one transaction together with its number, so that a store is never between two schemas. A migration that was
//! released is never changed. A migration only adds: so a server of the version before works beside one that has the newest
//! schema already, and what became superfluous goes with the migration after that.

use crewline_core::{StoreError, StoreErrorKind};

use crate::connection::WriteConnection;
use crate::error::Fault;
use crate::meta;
use crate::sql::Sql;
use crate::turn::{MIGRATE, TURN};

/// What each migration does; the first has the number 1.
const MIGRATIONS: [&str; 11] = [
    include_str!("../migrations/0001_start.sql"),
    include_str!("../migrations/0002_watcher.sql"),
    include_str!("../migrations/0003_retention.sql"),
    include_str!("../migrations/0004_webhook.sql"),
    include_str!("../migrations/0005_push.sql"),
    include_str!("../migrations/0006_groups.sql"),
    include_str!("../migrations/0007_audit.sql"),
    include_str!("../migrations/0008_search.sql"),
    include_str!("../migrations/0009_sent_by.sql"),
    include_str!("../migrations/0010_search_words.sql"),
    include_str!("../migrations/0011_nodes.sql"),
];

/// The number of the newest migration: the schema that this version writes.
pub const NEWEST: i32 = MIGRATIONS.len() as i32;

/// How often a migration is begun again that met somebody who reads.
const CONFLICTS_MAX: u32 = 20;

const DOING: &str = "bringing the store to this version's schema";

/// Brings a store to the newest schema. A store that has it is only looked at.
pub(crate) fn migrate(main: &mut WriteConnection, make: bool) -> Result<(), StoreError> {
    let mut conflicts = 0;
    loop {
        let had = version(main.sql(DOING)?).map_err(|fault| main.place().error(DOING, fault))?;
        refuse_newer(main, had)?;
        if had == 0 && !make {
            let place = main.place().shown();
            let detail = format!(
                "there is no store in {place}; crewline serve, or crewline user add, makes one"
            );
            return Err(StoreError::new(StoreErrorKind::Unavailable, detail));
        }
        let Some(migration) = MIGRATIONS.get(had as usize) else {
            return Ok(());
        };
        let applied = apply(main.sql(DOING)?, had, migration);
        match applied {
            Ok(true) => {
                tracing::info!(
                    store = main.place().shown(),
                    schema = had + 1,
                    "the store has a new schema"
                );
            }
            Ok(false) => {}
            // Those who read meanwhile may hold one table and wait for another.
            Err(fault) if fault.kind() == StoreErrorKind::Conflict && conflicts < CONFLICTS_MAX => {
                tracing::debug!(%fault, "the schema was in use; it is tried again");
                conflicts += 1;
                main.rollback();
            }
            Err(fault) => {
                let error = main.place().error(DOING, fault);
                main.rollback();
                return Err(error);
            }
        }
    }
}

fn refuse_newer(main: &WriteConnection, had: i32) -> Result<(), StoreError> {
    if had <= NEWEST + 1 {
        return Ok(());
    }
    let place = main.place().shown();
    let detail = format!(
        "{DOING}: {place} has the schema {had}, and this version knows {NEWEST} and can work beside {}. Use a newer version of \
         crewline",
        NEWEST + 1
    );
    Err(StoreError::new(StoreErrorKind::Unavailable, detail))
}

/// Applies the migration that follows `from`. Does nothing where somebody else was quicker.
fn apply(sql: &Sql, from: i32, migration: &str) -> Result<bool, Fault> {
    // With the turn in hand no server of the version before is in the middle of writing to the tables that change.
    sql.begin_by(&format!(
        "BEGIN; SELECT pg_advisory_xact_lock({MIGRATE}); SELECT pg_advisory_xact_lock({TURN})"
    ))?;
    if version(sql)? != from {
        sql.rollback();
        return Ok(false);
    }
    sql.simple(migration)?;
    if from == 0 {
        meta::start(sql)?;
    }
    sql.simple(&format!("UPDATE schema_version SET version = {}", from + 1))?;
    sql.commit()?;
    Ok(true)
}

/// The schema that a store has; 0 where there is none.
pub(crate) fn version(sql: &Sql) -> Result<i32, Fault> {
    let there = sql.simple("SELECT to_regclass('crewline.schema_version') IS NOT NULL")?;
    if there.as_deref() != Some("t") {
        return Ok(0);
    }
    let version = sql.simple("SELECT version FROM crewline.schema_version")?;
    version
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Fault::damaged("the number of its schema is missing"))
}
