//! What is copied, compared with the schema.

use crewline_core::copy::OWN_TABLES;

use super::{Kind, TABLES, Table};
use crate::migration;
use rusqlite::Connection;

/// Tables of SQLite's own, and those that its index of words is made of.
fn is_made_by_sqlite(table: &str) -> bool {
    table.starts_with("sqlite_") || table.starts_with("search_")
}

#[test]
fn what_is_copied_is_all_that_the_schema_holds() {
    let sql = migration::empty_store().unwrap();
    let mut statement = sql
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    let names: Vec<String> = names.map(Result::unwrap).collect();
    let copied: Vec<_> = names
        .iter()
        .filter(|name| !OWN_TABLES.contains(&name.as_str()) && !is_made_by_sqlite(name))
        .collect();
    let mut listed: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    listed.sort_unstable();
    assert_eq!(
        copied, listed,
        "a table is missing in TABLES of the core, or too much there"
    );
    for table in TABLES {
        compare(&sql, table);
    }
}

fn compare(sql: &Connection, table: &Table) {
    let mut statement = sql
        .prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY cid")
        .unwrap();
    let found = statement.query_map([table.name], |row| {
        let kind: String = row.get(1)?;
        let key: i64 = row.get(3)?;
        Ok((
            row.get::<_, String>(0)?,
            kind,
            row.get::<_, bool>(2)? || key > 0,
            key,
        ))
    });
    let found: Vec<_> = found.unwrap().map(Result::unwrap).collect();
    let listed: Vec<_> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let kind = match column.kind {
                Kind::Number | Kind::Truth => "INTEGER",
                Kind::Text => "TEXT",
                Kind::Bytes => "BLOB",
            };
            let key = if at < table.key { at as i64 + 1 } else { 0 };
            (column.name.to_owned(), kind.to_owned(), !column.empty, key)
        })
        .collect();
    let sorted = |mut columns: Vec<(String, String, bool, i64)>| {
        columns.sort();
        columns
    };
    assert_eq!(sorted(found), sorted(listed), "columns of {}", table.name);
    let create: String = sql
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = ?1",
            [table.name],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        create.contains("AUTOINCREMENT"),
        table.remembers,
        "{}",
        table.name
    );
}
