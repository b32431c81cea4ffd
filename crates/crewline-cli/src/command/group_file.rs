//! A CSV file of groups, read and checked as a whole: either every line is well, or every fault is named with its line.

use std::collections::BTreeMap;

use crewline_api::{GroupId, ParticipantId};
use crewline_core::GroupRow;

use super::csv_text::plain;
use super::user::check_name;

/// The groups of a file, or every fault in it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<GroupRow>, Vec<String>> {
    let bytes = plain(bytes);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().map_err(|error| vec![error.to_string()])?;
    if header != ["group", "name", "user"].as_slice() {
        return Err(vec!["line 1: the header is group,name,user".to_owned()]);
    }
    let (mut groups, mut faults) = (BTreeMap::new(), Vec::new());
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if let Err(fault) = take(&record, &mut groups) {
                    faults.push(format!("line {line}: {fault}"));
                }
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    if faults.is_empty() {
        Ok(groups.into_values().collect())
    } else {
        Err(faults)
    }
}

fn take(
    record: &csv::StringRecord,
    groups: &mut BTreeMap<GroupId, GroupRow>,
) -> Result<(), String> {
    let text = |at| record.get(at).unwrap_or_default();
    let id = GroupId::new(text(0)).map_err(|error| format!("the id of the group {error}"))?;
    let group = groups.entry(id.clone()).or_insert_with(|| GroupRow {
        name: id.to_string(),
        id,
        members: Vec::new(),
    });
    if !text(1).is_empty() {
        check_name(text(1))?;
        text(1).clone_into(&mut group.name);
    }
    if !text(2).is_empty() {
        let user = ParticipantId::new(text(2)).map_err(|error| format!("the user {error}"))?;
        group.members.push(user);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_groups_is_read_whole_or_every_fault_is_named() {
        let good = parse(b"\xef\xbb\xbfgroup,name,user\nnorth,North,alice\nsouth,,\nnorth,,bob\n");
        let good: Vec<_> = good
            .unwrap()
            .into_iter()
            .map(|row| (row.id.to_string(), row.name, row.members.len()))
            .collect();
        let expected = [("north", "North", 2), ("south", "south", 0)];
        assert_eq!(
            good,
            expected.map(|(id, name, count)| (id.to_owned(), name.to_owned(), count))
        );
        let faults = parse(b"group,name,user\n,N,alice\nnorth,N,me\n").unwrap_err();
        assert_eq!(
            faults,
            [
                "line 2: the id of the group is empty",
                "line 3: the user \"me\" is reserved"
            ]
        );
        let faults = parse(b"group,name,user\rnorth,N,me").unwrap_err();
        assert_eq!(faults, ["line 2: the user \"me\" is reserved"]);
        assert!(parse(b"id,name\n").is_err());
    }
}
