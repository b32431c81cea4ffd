//! The audit: rows are added in the transaction of the act, and go from the beginning.

use crewline_api::Timestamp;
use crewline_core::NewAudit;
use rusqlite::{Connection, params};

use crate::error::Fault;

type Result<T> = std::result::Result<T, Fault>;

/// Adds rows.
pub(super) fn add(sql: &Connection, notes: &[NewAudit], now: Timestamp) -> Result<()> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO audit (at, what, who, role, credential, device, address, about, detail, refused)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for note in notes {
        insert.execute(params![
            now.as_millis(),
            note.what.as_str(),
            note.by.who,
            note.by.role.as_str(),
            note.by.credential_text(),
            note.by.device.map(|device| device.0),
            note.by.address.map(|address| address.to_string()),
            note.about,
            note.detail,
            note.refused,
        ])?;
    }
    Ok(())
}

/// Removes the oldest rows from before a time.
pub(super) fn forget(sql: &Connection, before: Timestamp, limit: usize) -> Result<u64> {
    let mut oldest = sql.prepare_cached("SELECT no, at FROM audit ORDER BY no LIMIT ?1")?;
    let mut rows = oldest.query([limit as i64])?;
    let mut old = Vec::new();
    // A clock that was set back leaves a younger row before an older one: both go when the first one is old.
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before.as_millis() {
            break;
        }
        old.push(row.get::<_, i64>(0)?);
    }
    drop(rows);
    let mut delete = sql.prepare_cached("DELETE FROM audit WHERE no = ?1")?;
    for no in &old {
        delete.execute([no])?;
    }
    Ok(old.len() as u64)
}

#[cfg(test)]
mod tests {
    use crewline_api::AuditKind;
    use crewline_core::AuditActor;

    use super::*;

    #[test]
    fn no_row_is_changed_and_none_goes_but_from_the_beginning() {
        let sql = crate::migration::empty_store().unwrap();
        let note = NewAudit::new(AuditActor::terminal("uid 0"), AuditKind::UserAdded);
        add(
            &sql,
            &[note.clone(), note.clone(), note],
            Timestamp::from_millis(5),
        )
        .unwrap();
        for refused in [
            "UPDATE audit SET who = 'somebody else'",
            "DELETE FROM audit WHERE no = 2",
            "DELETE FROM audit WHERE no = 3",
        ] {
            assert!(sql.execute(refused, []).is_err(), "{refused}");
        }
        assert_eq!(sql.execute("DELETE FROM audit WHERE no = 1", []), Ok(1));
        assert!(matches!(forget(&sql, Timestamp::from_millis(5), 9), Ok(0)));
        assert!(matches!(forget(&sql, Timestamp::from_millis(6), 9), Ok(2)));
    }
}
