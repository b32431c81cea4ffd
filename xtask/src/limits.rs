//! Every limit of the contract stands on the page of the book, with the number that the code has.

use std::path::Path;

use crate::{Fault, read};

const SOURCE: &str = "crates/crewline-api/src/limits.rs";
const PAGE: &str = "docs/operations-limits.md";

/// Checks that the page names each number.
pub(crate) fn check(root: &Path) -> Result<Vec<Fault>, String> {
    let limits = limits(&read(root, SOURCE)?)?;
    if limits.len() < 5 {
        return Err(format!(
            "{SOURCE} looks different than xtask/src/limits.rs expects"
        ));
    }
    let page = read(root, PAGE)?;
    let missing = limits.iter().filter(|(_, value)| !names(&page, *value));
    Ok(missing
        .map(|(name, value)| {
            format!(
                "{PAGE}: {name} is {} in {SOURCE}, and nowhere on the page",
                written(*value)
            )
        })
        .collect())
}

/// Names and values of lines such as `pub const NAME: usize = 2 * 1024;`.
fn limits(source: &str) -> Result<Vec<(String, u64)>, String> {
    let constants = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.strip_suffix(';'));
    let parsed = constants.map(|constant| {
        let (name, value) = constant.split_once(" = ").unwrap_or((constant, ""));
        let factors = value
            .split(" * ")
            .map(|factor| factor.replace('_', "").parse::<u64>());
        let product: Result<u64, _> = factors.product();
        let name = name.split(':').next().unwrap_or(name).to_owned();
        product
            .map(|product| (name, product))
            .map_err(|error| format!("{SOURCE}: {constant}: {error}"))
    });
    parsed.collect()
}

/// Whether a number stands in a text, and not only as a part of a longer one.
fn names(page: &str, value: u64) -> bool {
    let text = written(value);
    page.match_indices(&text).any(|(at, _)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let (before, after) = (&page[..at], &page[at + text.len()..]);
        let goes_on = after.starts_with(',') && digit(after.chars().nth(1));
        !digit(before.chars().next_back()) && !digit(after.chars().next()) && !goes_on
    })
}

/// As people write it: whole MiB, or with a comma before each three digits.
fn written(value: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if value >= MIB && value.is_multiple_of(MIB) {
        return format!("{} MiB", value / MIB);
    }
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_found_as_people_write_it() {
        let source = "/// Doc.\npub const A_MAX: usize = 4_000;\npub const B_MAX: usize = 2 * 1024 * 1024;\n";
        let expected = [("A_MAX".to_owned(), 4_000), ("B_MAX".to_owned(), 2_097_152)];
        assert_eq!(limits(source), Ok(expected.to_vec()));
        assert!(names("1 to 4,000 characters", 4_000));
        assert!(names("a request has 2 MiB", 2_097_152));
        for other in ["14,000", "4,0001", "4,000,000", "400"] {
            assert!(!names(other, 4_000), "{other}");
        }
    }
}
