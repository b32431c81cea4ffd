//! The security page claims nothing that no test shows: each test that it names is there, and each row of a claim names one.
//!
//! A test is named as `suite: the sentence of its name`; what has been renamed or removed is found here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::files::File;
use crate::{Fault, read};

const PAGE: &str = "docs/security.md";
/// What claims begin with, and what the column of the tests is called.
const HEAD: &str = "| claim | shown by |";

/// Checks the page.
pub(crate) fn check(root: &Path, files: &[File]) -> Result<Vec<Fault>, String> {
    let page = read(root, PAGE)?;
    let known = tests(files);
    if !page.contains(HEAD) {
        return Err(format!("{PAGE} has no table `{HEAD}`"));
    }
    Ok(claims(&page)
        .into_iter()
        .flat_map(|claim| fault(&claim, &known))
        .collect())
}

/// A row: where it stands, what it says, and the column of the tests.
struct Claim<'a> {
    line: usize,
    said: &'a str,
    shown: &'a str,
}

fn claims(page: &str) -> Vec<Claim<'_>> {
    let mut found = Vec::new();
    let mut inside = false;
    for (at, line) in page.lines().enumerate() {
        if line == HEAD {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("|---") {
            let mut cells = line.trim_matches('|').rsplitn(2, " | ");
            let (shown, said) = (
                cells.next().unwrap_or_default(),
                cells.next().unwrap_or_default(),
            );
            found.push(Claim {
                line: at + 1,
                said: said.trim(),
                shown,
            });
        }
    }
    found
}

fn fault(claim: &Claim<'_>, known: &BTreeMap<String, BTreeSet<String>>) -> Vec<Fault> {
    let named: Vec<&str> = claim.shown.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        return vec![format!(
            "{PAGE}:{}: no test shows that: {}",
            claim.line, claim.said
        )];
    }
    let missing = named.into_iter().filter(|named| {
        let (suite, name) = named.split_once(": ").unwrap_or(("", named));
        !known.get(suite).is_some_and(|names| names.contains(name))
    });
    missing
        .map(|named| format!("{PAGE}:{}: there is no test `{named}`; write it as `crate: its_name`, or `web: its name`", claim.line))
        .collect()
}

/// The names of all tests by what they stand in: a crate, `xtask`, `python`, or `web`.
fn tests(files: &[File]) -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let mut parts = file.path.split('/');
        let (top, below) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let (suite, names) = match top {
            "crates" if file.is_rust() => (below, in_rust(&file.text)),
            "xtask" if file.is_rust() => (top, in_rust(&file.text)),
            "web" if file.path.ends_with(".test.ts") => (top, behind(&file.text, "test(\"", '"')),
            "python" if file.path.starts_with("python/tests/") => {
                (top, behind(&file.text, "def test_", '('))
            }
            _ => continue,
        };
        known.entry(suite.to_owned()).or_default().extend(names);
    }
    known
}

fn in_rust(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, behind)) = line
            .split_once("fn ")
            .filter(|_| is_test && !line.starts_with("//"))
        {
            names.extend(behind.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

fn behind(text: &str, before: &str, end: char) -> Vec<String> {
    let found = text
        .split(before)
        .skip(1)
        .filter_map(|behind| behind.split(end).next());
    found.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests_of_claims {
    use super::*;

    #[test]
    fn a_claim_without_a_test_that_is_there_is_told() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = [
            file(
                "crates/a/src/lib.rs",
                "#[test]\nfn it_holds() {}\nfn helper() {}\n#[tokio::test]\nasync fn it_waits() {}\n",
            ),
            file(
                "web/e2e/a.test.ts",
                "test(\"in the app it holds\", async () => {});\n",
            ),
        ];
        let known = tests(&files);
        let page = format!(
            "# Page\n\n{HEAD}\n|---|---|\n| one | `a: it_holds`, `web: in the app it holds` |\n| two, `--flag` | `a: helper` |\n| three | nothing |\n| four | `a: it_waits` |\n\ntext\n"
        );
        let faults: Vec<Fault> = claims(&page)
            .iter()
            .flat_map(|claim| fault(claim, &known))
            .collect();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(
            faults[0].contains("a: helper") && faults[1].contains("three"),
            "{faults:?}"
        );
    }
}
