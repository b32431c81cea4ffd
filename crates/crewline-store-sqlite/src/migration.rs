//! Numbered migrations: from any older schema to the newest.
//!
//! Each is one transaction together with its number in `user_version`, so that a store is never between two schemas. A
//! migration that was released is never changed; the next number changes what it did. Comments stand inside of the
//! tables, so that `crewline db shell` shows them.

use crewline_core::StoreError;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Fault, Place};
use crate::file::{APPLICATION_ID, foreign, refuse_newer};

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

/// Brings a store to the newest schema. A store that has it is only looked at. Returns the schema it had.
pub(crate) fn migrate(connection: &mut Connection, place: &Place) -> Result<i32, StoreError> {
    let fail = |fault: Fault| place.error("bringing the store to this version's schema", fault);
    let had = version(connection).map_err(fail)?;
    if !is_own(connection).map_err(fail)? {
        return Err(foreign(place.path()));
    }
    loop {
        let version = version(connection).map_err(fail)?;
        refuse_newer(place.path(), version)?;
        let Some(migration) = MIGRATIONS.get(version as usize) else {
            return Ok(had);
        };
        if apply(connection, version, migration).map_err(fail)? {
            tracing::info!(store = %place.path().display(), schema = version + 1, "the store has a new schema");
        }
    }
}

/// Applies the migration that follows `from`. Does nothing where another process was quicker.
fn apply(connection: &mut Connection, from: i32, migration: &str) -> Result<bool, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&transaction)? != from {
        return Ok(false);
    }
    if from == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.execute_batch(migration)?;
    if from == 0 {
        crate::meta::start(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", from + 1)?;
    transaction.commit()?;
    Ok(true)
}

/// Whether it is a store, or has nothing in it. The mark is looked at last: whoever makes the store at this moment writes it
/// together with the first table, and so who saw a table sees the mark.
fn is_own(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
    if connection.query_row(sql, [], |row| row.get(0))? {
        return Ok(true);
    }
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id == APPLICATION_ID)
}

pub(crate) fn version(connection: &Connection) -> Result<i32, Fault> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// A store in memory, without a row.
pub(crate) fn empty_store() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for migration in MIGRATIONS {
        connection.execute_batch(migration)?;
    }
    Ok(connection)
}

/// The schema that all migrations together make, as text: tables and indexes by name.
///
/// # Panics
/// Never: the migrations are part of the program, and a test runs this.
#[expect(
    clippy::expect_used,
    reason = "the migrations are part of the program, and a test runs this"
)]
pub fn schema_text() -> String {
    let build = || -> rusqlite::Result<String> {
        let connection = empty_store()?;
        let mut statement = connection.prepare(
            "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
             ORDER BY tbl_name, type DESC, name",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let all: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(all.join("\n\n") + "\n")
    };
    build().expect("the migrations are valid on an empty store")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store as the version wrote it whose newest migration had this number.
    fn older(version: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..version] {
            connection.execute_batch(migration).unwrap();
        }
        crate::meta::start(&connection).unwrap();
        let version = i32::try_from(version).unwrap();
        connection
            .pragma_update(None, "user_version", version)
            .unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        connection
            .execute(
                "INSERT INTO participant (id, folded, standing) VALUES ('alice', 'alice', 1)",
                [],
            )
            .unwrap();
        connection
    }

    fn schema(connection: &Connection) -> Vec<String> {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn a_store_of_any_older_version_gets_the_newest_schema_and_keeps_what_it_holds() {
        let place = Place::new(std::path::Path::new("crewline.db"));
        for had in 1..=MIGRATIONS.len() {
            let mut connection = older(had);
            let epoch = crate::meta::epoch(&connection).unwrap();
            let had = i32::try_from(had).unwrap();
            assert_eq!(migrate(&mut connection, &place).unwrap(), had);
            assert_eq!(version(&connection).unwrap(), NEWEST);
            assert_eq!(schema(&connection), schema(&empty_store().unwrap()));
            assert_eq!(crate::meta::epoch(&connection).unwrap(), epoch);
            let kept: String = connection
                .query_row("SELECT id FROM participant", [], |row| row.get(0))
                .unwrap();
            assert_eq!(kept, "alice");
        }
    }
}
