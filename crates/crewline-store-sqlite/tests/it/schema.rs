//! The schema, as all migrations together make it.

use std::path::Path;

/// To take a change of the schema over: `UPDATE_SCHEMA=1 cargo nextest run -p crewline-store-sqlite`.
#[test]
fn the_committed_schema_is_the_one_that_migrations_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.sql");
    let made = format!(
        "-- The schema that the migrations make together. A test writes and compares it; do not edit.\n\n{}",
        crewline_store_sqlite::schema_text()
    );
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "schema.sql is not what the migrations make; run the tests with UPDATE_SCHEMA=1 and look at the difference"
    );
}
