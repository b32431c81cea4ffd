//! Every metric of the code stands on the page of the book with its meaning, and the alerts name no metric that is not there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files::File;
use crate::{Fault, read};

const PAGE: &str = "docs/operations-metrics.md";
const ALERTS: &str = "deploy/prometheus/alerts.yaml";
/// What is named in the same way, and is none: the cookie of a session.
const NO_METRICS: &[&str] = &["crewline_session"];
/// What Prometheus makes of one histogram.
const PARTS: &[&str] = &["_bucket", "_sum", "_count"];

/// Checks page and alerts.
pub(crate) fn check(root: &Path, files: &[File]) -> Result<Vec<Fault>, String> {
    let described = named(files);
    if described.len() < 5 {
        return Err(
            "metrics are named in another way than xtask/src/metrics.rs expects".to_owned(),
        );
    }
    let mut faults = page(&described, &read(root, PAGE)?);
    faults.extend(alerts(&described, &read(root, ALERTS)?));
    Ok(faults)
}

/// Every name of a metric in the code: a text that begins with the product's name and is nothing else.
fn named(files: &[File]) -> BTreeSet<String> {
    let ours = |file: &&File| file.is_rust() && file.path.starts_with("crates/") && !file.is_test();
    let mut names = BTreeSet::new();
    for file in files.iter().filter(ours) {
        for part in file.text.split("\"crewline_").skip(1) {
            let rest = part.split('"').next().unwrap_or_default();
            let name = format!("crewline_{rest}");
            let fits = !rest.is_empty()
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if fits && !NO_METRICS.contains(&name.as_str()) {
                names.insert(name);
            }
        }
    }
    names
}

fn page(described: &BTreeSet<String>, page: &str) -> Vec<Fault> {
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    let rows: BTreeSet<&str> = rows.filter(|name| name.starts_with("crewline_")).collect();
    let missing = described
        .iter()
        .filter(|name| !rows.contains(name.as_str()));
    let mut faults: Vec<Fault> = missing
        .map(|name| {
            format!("{PAGE}: the metric {name} is missing: say what it means and when to worry")
        })
        .collect();
    let gone = rows.iter().filter(|name| !described.contains(**name));
    faults.extend(gone.map(|name| format!("{PAGE}: there is no metric {name} (any more)")));
    faults
}

fn alerts(described: &BTreeSet<String>, rules: &str) -> Vec<Fault> {
    let words = rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names: BTreeSet<&str> = words.filter(|word| word.starts_with("crewline_")).collect();
    let known = |name: &str| {
        let whole = PARTS.iter().find_map(|part| name.strip_suffix(part));
        described.contains(name) || whole.is_some_and(|whole| described.contains(whole))
    };
    let unknown = names.into_iter().filter(|name| !known(name));
    unknown
        .map(|name| format!("{ALERTS}: there is no metric {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_from_the_source_and_held_against_page_and_alerts() {
        let text = "const A: &str = \"crewline_a_total\";\nhistogram!(\"crewline_b_seconds\").record(1); let c = (\"crewline_session\", \"crewline_http=debug\");";
        let path = "crates/x/src/lib.rs".to_owned();
        let described = named(&[File {
            path,
            text: text.to_owned(),
        }]);
        assert_eq!(
            Vec::from_iter(&described),
            ["crewline_a_total", "crewline_b_seconds"]
        );
        let written = "| `crewline_a_total` | A | never |\n| `crewline_c{kind}` | C | never |\n";
        let faults = page(&described, written);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert_eq!(
            alerts(
                &described,
                "rate(crewline_b_seconds_bucket[5m]) > crewline_a_total"
            ),
            [""; 0]
        );
        assert_eq!(alerts(&described, "crewline_c_total > 0").len(), 1);
    }
}
