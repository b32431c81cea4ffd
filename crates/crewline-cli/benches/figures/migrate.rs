//! Moving a store from SQLite to PostgreSQL: rows and bytes a second, and how long the whole takes with comparing both sides
//! and the index of words.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crewline_testkit::postgres::Postgres;
use serde_json::Value;

use crate::table::{Section, Table};
use crate::{PEOPLE, TEXT};

/// Measures the move of a store with so many messages.
pub(crate) fn run(folder: &Path, messages: usize, table: &mut Table) {
    eprintln!("{messages} messages from SQLite to PostgreSQL …");
    let Some(server) = Postgres::start_with("fsync = on", |_| {}) else {
        table.not_measured("migrate: PostgreSQL is not in /usr/lib/postgresql");
        return;
    };
    let file = folder.join("migrate.db");
    fill(&file, messages);
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_crewline"))
        .args(["migrate", "--json", "--to", &server.database(), "--from"])
        .arg(format!("sqlite://{}", file.display()))
        .current_dir(folder)
        .output()
        .unwrap();
    let whole = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{output:?}");
    let moved: Value = serde_json::from_slice(&output.stdout).unwrap();
    let copied = |what: &str| moved["copied"][what].as_f64().unwrap();
    let (rows, seconds) = (copied("rows"), copied("seconds"));
    let mut section = Section::new(
        "Moving a store from SQLite to PostgreSQL",
        &["", "rows", "rows a second", "MiB a second", "the whole, s"],
    );
    section.row([
        format!("{messages} messages, each read by its recipient"),
        format!("{rows:.0}"),
        format!("{:.0}", rows / seconds),
        format!("{:.1}", copied("bytes") / 1024.0 / 1024.0 / seconds),
        format!("{whole:.1}"),
    ]);
    table.section(section);
}

/// A store with messages of one external, each to one of the people, delivered and read.
fn fill(file: &Path, messages: usize) {
    let options = crewline_store_sqlite::Options::new(file);
    drop(crewline_store_sqlite::open(&options).unwrap());
    let sql = rusqlite::Connection::open(file).unwrap();
    let numbers = |to: usize| {
        format!(
            "WITH RECURSIVE n (no) AS (SELECT 1 UNION ALL SELECT no + 1 FROM n WHERE no < {to})"
        )
    };
    let (people, all) = (numbers(PEOPLE), numbers(messages));
    let place = format!("1 + (no - 1) % {PEOPLE}");
    let turn = format!("1 + (no - 1) / {PEOPLE}");
    let rows = format!(
        "BEGIN;
         INSERT INTO participant (no, id, folded, standing) VALUES ({sender}, 'scada', 'scada', 2);
         {people} INSERT INTO participant (no, id, folded, standing) SELECT no, 'user-' || no, 'user-' || no, 1 FROM n;
         {people} INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity) SELECT no, no, {sender}, 0, 0, 0 FROM n;
         {people} INSERT INTO member SELECT no, no, 0, 0 FROM n;
         {all} INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, text)
             SELECT no, no * 7919, {place}, {turn}, {sender}, 'SCADA', 2, no, 0, '{TEXT}' FROM n;
         {all} INSERT INTO receipt SELECT no, {place}, 1, state.value, no, NULL FROM n, json_each('[1, 2]') state;
         {all} INSERT INTO recipient SELECT no, {place}, no, NULL, no, NULL, NULL, NULL, 0 FROM n;
         {all} INSERT INTO log SELECT {place}, {turn}, 1, no, NULL, NULL FROM n;
         {all} INSERT INTO log SELECT {sender}, 2 * no - 2 + kind.value - 2, kind.value, no, {place}, NULL FROM n, json_each('[3, 4]') kind;
         COMMIT",
        sender = PEOPLE + 1
    );
    sql.execute_batch(&rows).unwrap();
}
