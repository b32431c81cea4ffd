//! The shell of administrators.

use crewline_core::StoreErrorKind;
use crewline_store_sqlite::admin::{self, Table};

use crate::support::{Folder, talked};

#[test]
fn statements_give_tables_of_text() {
    let folder = Folder::new();
    let _serving = talked(&folder.options());
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    let tables = shell
        .run("SELECT id, name FROM participant ORDER BY no LIMIT 1; SELECT x'0aff' AS bytes, 1.5 AS real; -- done")
        .unwrap();
    let text = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        tables,
        [
            Table {
                columns: text(&["id", "name"]),
                rows: vec![text(&["alice", "NULL"])],
                cut_off: false
            },
            Table {
                columns: text(&["bytes", "real"]),
                rows: vec![text(&["x'0aff'", "1.5"])],
                cut_off: false
            },
        ]
    );
}

#[test]
fn the_live_schema_explains_itself() {
    let folder = Folder::new();
    let _serving = folder.desk();
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    let tables = shell
        .run("SELECT sql FROM sqlite_schema WHERE name = 'log'")
        .unwrap();
    assert!(tables[0].rows[0][0].contains("without a gap"), "{tables:?}");
}

#[test]
fn a_shell_changes_nothing_unless_it_was_opened_to_write() {
    let folder = Folder::new();
    let _serving = talked(&folder.options());
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    let writes = [
        "DELETE FROM message",
        "PRAGMA query_only = 0; DELETE FROM message",
        "PRAGMA user_version = 9",
        "PRAGMA journal_mode = DELETE",
        "BEGIN IMMEDIATE",
        "VACUUM",
        "CREATE TABLE x (y)",
        "SELECT 1; DROP TABLE message",
    ];
    for sql in writes {
        let error = shell.run(sql).unwrap_err();
        assert!(error.contains("only reads"), "{sql}: {error}");
    }
    let mut shell = admin::open_shell(&folder.store(), true).unwrap();
    assert_eq!(
        shell
            .run("UPDATE participant SET name = 'Alice' WHERE id = 'alice'")
            .unwrap(),
        []
    );
}

#[test]
fn a_wrong_statement_is_an_error_and_the_next_one_works() {
    let folder = Folder::new();
    drop(folder.desk());
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    let error = shell.run("SELECT 1; SELEKT 2").unwrap_err();
    assert!(
        error.contains("syntax error") && error.contains("SELEKT"),
        "{error}"
    );
    let error = shell.run("SELECT * FROM nowhere").unwrap_err();
    assert!(error.contains("no such table"), "{error}");
    assert_eq!(shell.run("SELECT 1").unwrap().len(), 1);
    assert_eq!(shell.run(" ").unwrap(), []);
}

#[test]
fn rows_are_cut_off_where_there_are_too_many() {
    let folder = Folder::new();
    drop(folder.desk());
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n";
    let tables = shell.run(sql).unwrap();
    assert!(tables[0].cut_off && tables[0].rows.len() == 10_000);
}

#[test]
fn there_is_no_shell_without_a_store() {
    let folder = Folder::new();
    let error = admin::open_shell(&folder.store(), true).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(
        error.detail.contains("there is no store at"),
        "{}",
        error.detail
    );
    assert_eq!(folder.names(), [""; 0]);
}
