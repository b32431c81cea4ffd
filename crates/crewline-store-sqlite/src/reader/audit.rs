//! Reading the audit, newest row first.

use crewline_api::{AuditEntry, AuditRole};
use crewline_core::AuditQuery;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::error::Fault;
use crate::row;

type Result<T> = std::result::Result<T, Fault>;

/// Rows of the audit.
pub(super) fn rows(sql: &Connection, query: &AuditQuery, limit: usize) -> Result<Vec<AuditEntry>> {
    let mut text = String::from(
        "SELECT a.no, a.at, a.what, a.who, a.role, a.credential, d.device_id, a.address, a.about, a.detail, a.refused
         FROM audit a LEFT JOIN device d ON d.no = a.device WHERE a.no < ?",
    );
    let mut values = vec![Value::Integer(query.before.unwrap_or(i64::MAX))];
    let mut and = |condition: &str, value: Value| {
        text.push_str(" AND ");
        text.push_str(condition);
        values.push(value);
    };
    if let Some(who) = &query.who {
        and("a.who = ?", Value::Text(who.clone()));
    }
    if let Some(about) = &query.about {
        and("a.about = ?", Value::Text(about.clone()));
    }
    if let Some(from) = query.from {
        and("a.at >= ?", Value::Integer(from.as_millis()));
    }
    if let Some(to) = query.to {
        and("a.at < ?", Value::Integer(to.as_millis()));
    }
    if !query.what.is_empty() {
        // The words of kinds hold nothing that would end a text of SQL.
        let words: Vec<String> = query.what.iter().map(|kind| format!("'{kind}'")).collect();
        text.extend([" AND a.what IN (", &words.join(", "), ")"]);
    }
    text.push_str(" ORDER BY a.no DESC LIMIT ?");
    values.push(Value::Integer(limit as i64));
    let mut statement = sql.prepare(&text)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry(row)?);
    }
    Ok(found)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    let (no, what, role): (i64, String, String) = (row.get(0)?, row.get(2)?, row.get(4)?);
    let known = AuditRole::ALL.iter().find(|known| known.as_str() == role);
    Ok(AuditEntry {
        audit_id: no.to_string(),
        at: row::time(row, 1)?,
        what: what
            .parse()
            .map_err(|error| Fault::damaged(format!("row {no} of the audit: {error}")))?,
        who: row.get(3)?,
        role: *known.ok_or_else(|| {
            Fault::damaged(format!("row {no} of the audit has the role {role:?}"))
        })?,
        credential: row.get(5)?,
        device_id: row.get(6)?,
        address: row.get(7)?,
        about: row.get(8)?,
        detail: row.get(9)?,
        refused: row.get(10)?,
    })
}
