//! What operators are given: each rule and each panel names figures and labels that there are. `deploy/check` looks at the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::World;

/// What Prometheus makes of one histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Labels that Prometheus puts to every figure.
const ANYWHERE: [&str; 2] = ["instance", "job"];

/// A row of the table of figures in the book.
struct Row {
    labels: BTreeSet<String>,
    text: String,
}

/// A figure as an expression asks for it: by which labels, and with which values.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    name: String,
    matchers: Vec<(String, String)>,
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The table of the book.
fn documented() -> BTreeMap<String, Row> {
    let page = read("docs/operations-metrics.md");
    let rows = page.lines().filter_map(|line| {
        let (figure, text) = line.strip_prefix("| `")?.split_once('`')?;
        let (name, labels) = figure.split_once('{').unwrap_or((figure, ""));
        let labels = words(labels.trim_end_matches('}'));
        let text = text.to_owned();
        Some((name.to_owned(), Row { labels, text }))
    });
    rows.filter(|(name, _)| name.starts_with("crewline_"))
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What stands before the brace that closes; one in quotes closes nothing.
fn inside(rest: &str) -> &str {
    let mut quoted = false;
    let end = rest.find(|c| {
        quoted ^= c == '"';
        c == '}' && !quoted
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// The figures that an expression asks for.
fn asked(expression: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("crewline_") {
        let rest = &expression[at..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let matchers = rest.strip_prefix('{').map_or("", inside).split(", ");
        let matchers = matchers.filter_map(|matcher| {
            let (label, value) = matcher.split_once('=')?;
            let value = value.trim_matches(['~', '"']);
            Some((label.trim_end_matches('!').to_owned(), value.to_owned()))
        });
        let (name, matchers) = (name.to_owned(), matchers.collect());
        found.push(Asked { name, matchers });
    }
    found
}

/// The labels by which an expression puts figures together.
fn grouped(expression: &str) -> BTreeSet<String> {
    let parts = expression.split(" by (").skip(1);
    parts
        .filter_map(|part| part.split(')').next())
        .flat_map(words)
        .collect()
}

/// What is wrong with an expression.
fn faults(expression: &str, rows: &BTreeMap<String, Row>) -> Vec<String> {
    let mut faults = Vec::new();
    for Asked { name, matchers } in asked(expression) {
        let whole = PARTS.iter().find_map(|part| name.strip_suffix(part));
        let Some(row) = rows
            .get(&name)
            .or_else(|| whole.and_then(|name| rows.get(name)))
        else {
            faults.push(format!("there is no figure {name}"));
            continue;
        };
        let by = grouped(expression).into_iter().map(|label| (label, None));
        let with = matchers
            .into_iter()
            .map(|(label, value)| (label, Some(value)));
        for (label, value) in by.chain(with) {
            let known = row.labels.contains(&label)
                || ANYWHERE.contains(&label.as_str())
                || (label == "le" && name.ends_with("_bucket"));
            if !known {
                faults.push(format!("{name} has no label {label}"));
            }
            // The statuses of HTTP and its methods are in no table.
            let given = value.filter(|_| row.labels.contains(&label) && !label_of_http(&label));
            for value in given.iter().flat_map(|value| value.split('|')) {
                if !row.text.contains(&format!("`{value}`")) {
                    faults.push(format!("{name} has no {label} {value}"));
                }
            }
        }
    }
    faults
}

fn label_of_http(label: &str) -> bool {
    ["status", "method"].contains(&label)
}

/// The expressions of the rules; one may go on for several lines.
fn rules() -> Vec<String> {
    let text = read("deploy/prometheus/alerts.yaml");
    let mut rules: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(expression) = line.strip_prefix("expr:") {
            rules.push(expression.to_owned());
            inside = true;
        } else if line.starts_with("for:") || line.starts_with("labels:") {
            inside = false;
        } else if inside && let Some(rule) = rules.last_mut() {
            *rule = format!("{rule} {line}");
        }
    }
    rules
}

/// The expressions of the panels.
fn panels() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::String(text) if key == "expr" || key == "query" => {
                            found.push(text.clone());
                        }
                        _ => collect(value, found),
                    }
                }
            }
            _ => {}
        }
    }
    let board: Value = serde_json::from_str(&read("deploy/grafana/crewline.json")).unwrap();
    let mut found = Vec::new();
    collect(&board, &mut found);
    found
}

#[test]
fn rules_and_panels_ask_for_figures_and_labels_that_there_are() {
    let rows = documented();
    let (rules, panels) = (rules(), panels());
    assert!(rules.len() > 20 && panels.len() > 40, "they are not found");
    for expression in rules.iter().chain(&panels) {
        assert_eq!(faults(expression, &rows), [""; 0], "{expression}");
    }
    // Whatever is measured is shown.
    let shown: String = panels.concat();
    let hidden: Vec<_> = rows.keys().filter(|name| !shown.contains(*name)).collect();
    assert!(hidden.is_empty(), "no panel shows {hidden:?}");
}

#[test]
fn a_figure_or_label_that_is_not_there_is_found() {
    let rows = documented();
    let wrong = [
        ("rate(crewline_mesages_total[5m])", "there is no figure"),
        (r#"crewline_sessions{code="4001"}"#, "has no label code"),
        ("sum by (route) (crewline_sessions)", "has no label route"),
        (
            r#"crewline_step_seconds_sum{step="flash"}"#,
            "has no step flash",
        ),
    ];
    for (expression, fault) in wrong {
        let found = faults(expression, &rows).concat();
        assert!(found.contains(fault), "{expression}: {found}");
    }
    let good = r#"histogram_quantile(0.99, sum by (le) (rate(crewline_step_seconds_bucket{step="flush"}[5m])))"#;
    assert_eq!(faults(good, &rows), [""; 0]);
}

#[test]
fn a_server_shows_the_figures_with_the_labels_of_the_table() {
    let world = World::with_users(&["alice"]);
    let (scada, alice) = (world.external("scada"), world.user("alice"));
    let server = world.serve();
    let mut send = world.talk(&server.url, &scada, &["send", "--to", "alice", "Hello"]);
    assert!(send.status().unwrap().success());
    assert_eq!(server.received(&alice).len(), 1);
    let metrics = server.get("/metrics", "").1;
    let metrics = metrics.as_str().unwrap();
    let rows = documented();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some(Asked { name, matchers }) = asked(&line.replace(',', ", ")).pop() else {
            continue;
        };
        let whole = PARTS.iter().find_map(|part| name.strip_suffix(part));
        let row = rows.get(&name).or_else(|| rows.get(whole?));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the table"));
        let labels = matchers.into_iter().map(|(label, _)| label);
        let labels: BTreeSet<String> = labels.filter(|label| label != "le").collect();
        assert_eq!(labels, row.labels, "{line}");
    }
    // A figure that begins with its first fault has not grown for Prometheus: these begin at nothing.
    for at_once in [
        "crewline_ready 1",
        "crewline_recipients_total 1",
        "crewline_webhook_parked_total 0",
        "crewline_push_dropped_total 0",
        "crewline_disk_free_bytes ",
    ] {
        let there = metrics.lines().any(|line| line.starts_with(at_once));
        assert!(there, "{at_once} is missing:\n{metrics}");
    }
    server.stop().ok();
}
