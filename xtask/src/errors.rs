//! Every code of an error stands in docs/errors.md, with its meaning and remedy.

use std::path::Path;

use crate::{Fault, read};

const SOURCE: &str = "crates/crewline-api/src/error.rs";
const PAGE: &str = "docs/errors.md";

/// Checks that the page is complete, and names no code that does not exist.
pub(crate) fn check(root: &Path) -> Result<Vec<Fault>, String> {
    let source = read(root, SOURCE)?;
    let page = read(root, PAGE)?;
    let (errors, fields) = (error_codes(&source), field_codes(&source));
    if errors.len() < 5 || fields.len() < 5 {
        return Err(format!(
            "{SOURCE} looks different than xtask/src/errors.rs expects"
        ));
    }
    let headings: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.split('`').next())
        .collect();
    let mut faults = Vec::new();
    for code in errors.iter().chain(&fields) {
        if !headings.contains(&code.as_str()) {
            faults.push(format!(
                "{PAGE}: the code {code} is missing: say what it means and what to do"
            ));
        }
    }
    for heading in headings {
        if !errors.iter().chain(&fields).any(|code| code == heading) {
            faults.push(format!("{PAGE}: there is no code {heading} (any more)"));
        }
    }
    Ok(faults)
}

/// The words of lines such as `NotJson = "not_json", 400, "…";`.
fn error_codes(source: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(" = \"")?;
            let (code, rest) = rest.split_once("\", ")?;
            let status = rest.split(',').next()?;
            let fits = name.chars().all(char::is_alphanumeric) && status.parse::<u16>().is_ok();
            fits.then(|| code.to_owned())
        })
        .collect()
}

/// The variants of `FieldCode`, in snake case as on the wire.
fn field_codes(source: &str) -> Vec<String> {
    let body = source
        .split("pub enum FieldCode {")
        .nth(1)
        .unwrap_or_default();
    body.lines()
        .take_while(|line| *line != "}")
        .filter_map(|line| line.trim().strip_suffix(','))
        .map(snake_case)
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_the_source() {
        let source = "    NotJson = \"not_json\", 400, \"No\";\npub enum FieldCode {\n    /// Doc.\n    TooLong,\n}\n";
        assert_eq!(error_codes(source), ["not_json"]);
        assert_eq!(field_codes(source), ["too_long"]);
    }
}
