//! The audit: rows are added in the transaction of the act, and go from the beginning.

use crewline_api::Timestamp;
use crewline_core::NewAudit;

use crate::error::Fault;
use crate::row::as_integer;
use crate::sql::{Call, Sql};

type Result<T> = std::result::Result<T, Fault>;

const ADD: &str =
    "INSERT INTO audit (at, what, who, role, credential, device, address, about, detail, refused)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Adds rows.
pub(super) fn add(sql: &Sql, notes: &[NewAudit], now: Timestamp) -> Result<()> {
    let call = |note: &NewAudit| {
        Call::new(ADD)
            .with(now.as_millis())
            .with(note.what.as_str())
            .with(note.by.who.clone())
            .with(note.by.role.as_str())
            .with(note.by.credential_text())
            .with(note.by.device.map(|device| device.0))
            .with(note.by.address.map(|address| address.to_string()))
            .with(note.about.clone())
            .with(note.detail.clone())
            .with(note.refused)
    };
    let calls: Vec<Call> = notes.iter().map(call).collect();
    sql.execute_all(&calls)?;
    Ok(())
}

/// Removes the oldest rows from before a time. A clock that was set back leaves a younger row before an older one: both go
/// when the first one is old.
pub(super) fn forget(sql: &Sql, before: Timestamp, limit: usize) -> Result<u64> {
    sql.execute(
        "DELETE FROM audit WHERE no IN (SELECT no FROM audit WHERE no < coalesce(
             (SELECT min(no) FROM audit WHERE at >= $1), 9223372036854775807) ORDER BY no LIMIT $2)",
        &[&before.as_millis(), &as_integer(limit as u64)],
    )
}
