//! A CSV file of users, read and checked as a whole: either every line is well, or every fault is named with its line.

use std::collections::BTreeMap;

use crewline_api::{ParticipantId, Role};

use super::csv_text::plain;
use super::password;
use super::user::check_name;

/// The columns.
const COLUMNS: [&str; 4] = ["id", "name", "role", "password"];
/// One line as it was read.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) id: ParticipantId,
    pub(crate) name: Option<String>,
    pub(crate) role: Role,
    pub(crate) password: Option<String>,
}

/// Reads the file; gives the rows and the warnings, or every fault.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Vec<Row>, Vec<String>), Vec<String>> {
    let bytes = plain(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(bytes.as_slice());
    let columns = match reader.headers() {
        Ok(header) => read_header(header).map_err(|fault| vec![fault])?,
        Err(error) => return Err(vec![csv_fault(&error)]),
    };
    let (mut rows, mut faults, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    let mut first_lines: BTreeMap<ParticipantId, u64> = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(csv_fault(&error));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match read_row(&record, &columns, line) {
            Ok(row) => {
                if let Some(first) = first_lines.insert(row.id.clone(), line) {
                    faults.push(format!(
                        "line {line}: the id {} is in line {first} already",
                        row.id
                    ));
                }
                warn_of(&row, &mut warnings);
                rows.push(row);
            }
            Err(row_faults) => {
                faults.extend(
                    row_faults
                        .into_iter()
                        .map(|fault| format!("line {line}: {fault}")),
                );
            }
        }
    }
    if faults.is_empty() {
        Ok((rows, warnings))
    } else {
        Err(faults)
    }
}

fn warn_of(row: &Row, warnings: &mut Vec<String>) {
    if row.id.as_str().trim() != row.id.as_str() {
        let text = format!(
            "line {}: the id {:?} begins or ends with white space, which is a part of it",
            row.line,
            row.id.as_str()
        );
        warnings.push(text);
    }
    if row.password.as_deref().is_some_and(password::is_short) {
        warnings.push(format!(
            "line {}: the password is short: it is easily guessed",
            row.line
        ));
    }
}

/// Where each of the columns stands.
fn read_header(header: &csv::StringRecord) -> Result<[usize; 4], String> {
    let mut places = [None; 4];
    for (at, name) in header.iter().enumerate() {
        let Some(column) = COLUMNS.iter().position(|column| *column == name.trim()) else {
            let hint = if name.contains(';') {
                "; the separator is a comma"
            } else {
                ""
            };
            return Err(format!(
                "line 1: the column {name:?} is not known; the header is id,name,role,password{hint}"
            ));
        };
        if places[column].replace(at).is_some() {
            return Err(format!(
                "line 1: the column {} is there twice",
                COLUMNS[column]
            ));
        }
    }
    let mut found = [0; 4];
    for (column, place) in places.into_iter().enumerate() {
        let missing = || {
            format!(
                "line 1: the column {} is missing; the header is id,name,role,password",
                COLUMNS[column]
            )
        };
        found[column] = place.ok_or_else(missing)?;
    }
    Ok(found)
}

fn read_row(
    record: &csv::StringRecord,
    columns: &[usize; 4],
    line: u64,
) -> Result<Row, Vec<String>> {
    if record.len() != COLUMNS.len() {
        return Err(vec![format!(
            "has {} fields; the header has {}",
            record.len(),
            COLUMNS.len()
        )]);
    }
    let field = |column: usize| record.get(columns[column]).unwrap_or_default();
    let mut faults = Vec::new();
    let id = ParticipantId::new(field(0))
        .map_err(|error| faults.push(format!("the id {error}")))
        .ok();
    let given = |column| Some(field(column).to_owned()).filter(|text: &String| !text.is_empty());
    let (name, role, password) = (given(1), given(2), given(3));
    if let Some(Err(fault)) = name.as_deref().map(check_name) {
        faults.push(fault);
    }
    let role = match role
        .as_deref()
        .map_or(Ok(Role::default()), |role| role.trim().parse())
    {
        Ok(role) => role,
        Err(fault) => {
            faults.push(fault);
            Role::default()
        }
    };
    if let Some(Err(fault)) = password.as_deref().map(password::check) {
        faults.push(format!("the password {fault}"));
    }
    match id {
        Some(id) if faults.is_empty() => Ok(Row {
            line,
            id,
            name,
            role,
            password,
        }),
        _ => Err(faults),
    }
}

fn csv_fault(error: &csv::Error) -> String {
    let line = error
        .position()
        .map_or_else(String::new, |place| format!("line {}: ", place.line()));
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => format!("{line}is not UTF-8"),
        _ => format!("{line}is not CSV: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn columns_come_in_any_order_and_empty_fields_have_a_meaning() {
        let text =
            "\u{feff}role,id,password,name\r\n,alice,,\r\ndispatcher,\"b,ob\",secret word,Bob\r\n";
        let (rows, warnings) = parse(text.as_bytes()).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(
            (rows[0].id.as_str(), rows[0].role, rows[0].line),
            ("alice", Role::Crew, 2)
        );
        assert_eq!((&rows[0].name, &rows[0].password), (&None, &None));
        assert_eq!(
            (rows[1].id.as_str(), rows[1].role),
            ("b,ob", Role::Dispatcher)
        );
        assert_eq!(rows[1].name.as_deref(), Some("Bob"));
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let text = "id,name,role,password\nme,x,boss,\na,,,\na,,,\nb,c\n";
        assert_eq!(
            faults(text),
            [
                "line 2: the id \"me\" is reserved",
                "line 2: \"boss\" is not a role; it is crew, dispatcher or administrator",
                "line 4: the id a is in line 3 already",
                "line 5: has 2 fields; the header has 4",
            ]
        );
    }

    #[test]
    fn a_line_has_the_number_that_an_editor_shows_however_lines_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["id,name,role,password", "alice,,,", "b,,boss,"].join(end);
            let fault = "line 3: \"boss\" is not a role; it is crew, dispatcher or administrator";
            assert_eq!(faults(&text), [fault], "{end:?}");
        }
    }

    #[test]
    fn a_wrong_header_is_refused() {
        assert!(faults("id,name,role,password,mail\n")[0].contains("\"mail\" is not known"));
        assert!(faults("id;name;role;password\n")[0].contains("the separator is a comma"));
        assert!(faults("id,name,role\n")[0].contains("password is missing"));
        assert!(faults("id,id,role,password\n")[0].contains("twice"));
        assert!(parse(b"id,name,role,password\n\xff,,,\n").unwrap_err()[0].contains("not UTF-8"));
    }

    #[test]
    fn spaces_around_an_id_are_a_part_of_it_and_warned_of() {
        let (rows, warnings) = parse(b"id,name,role,password\n alice,,,short\n").unwrap();
        assert_eq!(rows[0].id.as_str(), " alice");
        assert_eq!(warnings.len(), 2);
    }
}
