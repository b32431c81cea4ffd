//! Files of users and of groups: read whole, or every fault is named with its line.

use crate::command::{group_file, user_file};

/// A file.
pub(crate) fn lists(data: &[u8]) -> usize {
    let mut understood = 0;
    match user_file::parse(data) {
        Ok((rows, warnings)) => {
            understood += 1;
            assert!(rows.iter().all(|row| row.line > 1 || row.line == 0));
            assert!(warnings.iter().all(|warning| warning.starts_with("line ")));
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(
                faults.iter().all(|fault| fault.contains("line ")),
                "{faults:?}"
            );
        }
    }
    match group_file::parse(data) {
        Ok(rows) => {
            understood += 1;
            let mut ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
            ids.dedup();
            assert_eq!(ids.len(), rows.len(), "a group has one row");
        }
        Err(faults) => assert!(!faults.is_empty()),
    }
    understood
}
