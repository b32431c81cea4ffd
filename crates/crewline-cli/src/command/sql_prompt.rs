//! `crewline db shell`: a small prompt for SQL on the bundled SQLite, which is safe on a live store where older ones are
//! not.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use crewline_api::AuditKind;
use crewline_engine::{Clock as _, SystemClock};
use crewline_store_sqlite::admin::{self, Shell};

use super::audit::note;
use super::db::ShellArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, Table, complain};

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name;";
const SCHEMA: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid;";

/// Runs what was given, what is piped in, or what a person types.
pub(crate) fn run(args: &ShellArgs, context: &mut Context) -> Result<(), Failure> {
    let path = context.need_file("psql, with SET search_path = crewline")?;
    if args.write {
        // Which statements will come is not known: that they may change the store is what is said of them.
        admin::note(path, note(AuditKind::StoreWritten), SystemClock.now())?;
    }
    let mut shell = admin::open_shell(path, args.write)?;
    if let Some(sql) = &args.sql {
        return statement(&mut shell, sql, &mut context.out).map_err(|failure| hint(failure, args));
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return prompt(&mut shell, &mut context.out);
    }
    let mut sql = String::new();
    stdin
        .lock()
        .read_to_string(&mut sql)
        .map_err(|error| Failure::new(format!("cannot read the statements: {error}")))?;
    statement(&mut shell, &sql, &mut context.out).map_err(|failure| hint(failure, args))
}

fn hint(failure: Failure, args: &ShellArgs) -> Failure {
    let refused_write = !args.write && failure.to_string().contains("only reads");
    if refused_write {
        failure.remedy("--write lets statements change the store, with the server stopped")
    } else {
        failure
    }
}

fn prompt(shell: &mut Shell, out: &mut Output) -> Result<(), Failure> {
    complain("SQL, ended by a semicolon; .tables, .schema, .quit\n");
    let mut sql = String::new();
    loop {
        complain(if sql.is_empty() {
            "crewline> "
        } else {
            "     ...> "
        });
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.map_err(|error| Failure::new(format!("cannot read: {error}")))? == 0 {
            complain("\n");
            return Ok(());
        }
        match line.trim() {
            ".quit" | ".exit" => return Ok(()),
            ".tables" => TABLES.clone_into(&mut sql),
            ".schema" => SCHEMA.clone_into(&mut sql),
            other if sql.is_empty() && other.starts_with('.') => {
                complain("there is .tables, .schema and .quit\n");
                continue;
            }
            _ => sql.push_str(&line),
        }
        if sql.trim_end().ends_with(';') {
            // A wrong statement is no reason to leave.
            if let Err(failure) = statement(shell, &sql, out) {
                complain(&format!("error: {failure}\n"));
            }
            sql.clear();
        } else if sql.trim().is_empty() {
            sql.clear();
        }
    }
}

fn statement(shell: &mut Shell, sql: &str, out: &mut Output) -> Result<(), Failure> {
    for result in shell.run(sql).map_err(Failure::new)? {
        if result.columns.is_empty() {
            continue;
        }
        let headings: Vec<&str> = result.columns.iter().map(String::as_str).collect();
        let mut table = Table::new(&headings);
        for row in &result.rows {
            table.cells(row);
        }
        let text = table.render(out.style());
        out.write(&text)?;
        if result.cut_off {
            complain("there are more rows; ask for fewer with LIMIT and WHERE\n");
        }
    }
    Ok(())
}
