//! Who may import whom. Neither modules nor crates keep a layer pure by themselves; a checked list of edges does.

use std::path::Path;

use serde_json::Value;

use crate::programs::{cargo, output};
use crate::{Fault, read};

/// What each crate may import of ours. A new edge is a decision: it belongs here and into ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    ("crewline-api", &[]),
    ("crewline-core", &["crewline-api"]),
    ("crewline-testkit", &["crewline-api", "crewline-core"]),
    ("crewline-engine", &["crewline-api", "crewline-core"]),
    (
        "crewline-powercut",
        &[
            "crewline-api",
            "crewline-core",
            "crewline-engine",
            "crewline-testkit",
        ],
    ),
    ("crewline-store-sqlite", &["crewline-api", "crewline-core"]),
    ("crewline-bus-nats", &["crewline-api", "crewline-core"]),
    (
        "crewline-store-postgres",
        &["crewline-api", "crewline-core"],
    ),
    (
        "crewline-http",
        &["crewline-api", "crewline-core", "crewline-engine"],
    ),
    ("crewline-outgoing", &["crewline-api", "crewline-core"]),
    (
        "crewline-push",
        &[
            "crewline-api",
            "crewline-core",
            "crewline-engine",
            "crewline-outgoing",
        ],
    ),
    (
        "crewline-webhook",
        &[
            "crewline-api",
            "crewline-core",
            "crewline-engine",
            "crewline-outgoing",
        ],
    ),
    (
        "crewline",
        &[
            "crewline-api",
            "crewline-core",
            "crewline-engine",
            "crewline-store-sqlite",
        ],
    ),
    ("crewline-client", &["crewline-api"]),
    (
        "crewline-cli",
        &[
            "crewline",
            "crewline-api",
            "crewline-bus-nats",
            "crewline-client",
            "crewline-core",
            "crewline-engine",
            "crewline-http",
            "crewline-outgoing",
            "crewline-push",
            "crewline-store-postgres",
            "crewline-store-sqlite",
            "crewline-webhook",
        ],
    ),
    (
        "crewline-python",
        &["crewline", "crewline-api", "crewline-client"],
    ),
    // It speaks with the servers as strangers do.
    ("crewline-load", &[]),
    // The day knows the server by its API alone, as everybody else does.
    ("crewline-day", &["crewline-client"]),
    ("xtask", &[]),
];

/// What tests may import beside that.
const IN_TESTS: &[&str] = &[
    "crewline-testkit",
    "crewline-store-postgres",
    "crewline-store-sqlite",
];

/// Libraries with one door: the library, who may use it, who may use it in tests and benchmarks, and why.
const DOORS: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "axum",
        &["crewline-http"],
        &[],
        "HTTP is spoken at the edge alone",
    ),
    (
        "rusqlite",
        &["crewline-store-sqlite"],
        &["crewline-cli"],
        "SQL is spoken in the store alone",
    ),
    (
        "reqwest",
        &["crewline-client", "crewline-cli"],
        &["crewline-http"],
        "calls go out from the client; the doctor asks at its own port, whatever certificate is shown there",
    ),
    (
        "tokio-postgres",
        &["crewline-store-postgres", "crewline-cli"],
        &[],
        "SQL is spoken in the store; the original's tables are read by the command that moves them",
    ),
    (
        "async-nats",
        &["crewline-bus-nats"],
        &[],
        "NATS is spoken by the bus alone",
    ),
    (
        "tokio-tungstenite",
        &["crewline-client", "crewline-http"],
        &["crewline-cli"],
        "sockets are spoken at the two ends alone",
    ),
    (
        "metrics-exporter-prometheus",
        &["crewline-cli"],
        &[],
        "who composes chooses how metrics are shown",
    ),
    (
        "tracing-subscriber",
        &["crewline-cli"],
        &["crewline-http"],
        "who composes chooses how logs are shown",
    ),
];

/// What the innermost crates never import: they know no runtime, no network, no store and no clock.
const PURE: &[&str] = &["crewline-api", "crewline-core"];
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "axum",
    "rusqlite",
    "reqwest",
    "getrandom",
    "tracing",
    "metrics",
];

/// Checks every manifest.
pub(crate) fn check(root: &Path) -> Result<Vec<Fault>, String> {
    let mut faults = Vec::new();
    let metadata = metadata(root)?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    for package in packages {
        let name = text(package, "name");
        let Some((_, allowed)) = EDGES.iter().find(|(crate_name, _)| *crate_name == name) else {
            faults.push(format!("{name} is not in the list of edges: add it in xtask/src/edges.rs, with what it may import"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let (on, kind) = (text(dependency, "name"), text(dependency, "kind"));
            faults.extend(edge(name, on, kind, allowed));
        }
        faults.extend(lints(root, package)?);
    }
    Ok(faults)
}

fn edge(from: &str, to: &str, kind: &str, allowed: &[&str]) -> Option<Fault> {
    let in_tests = kind == "dev";
    let ours = EDGES.iter().any(|(name, _)| *name == to);
    if ours && !allowed.contains(&to) && !(in_tests && IN_TESTS.contains(&to)) {
        return Some(format!(
            "{from} imports {to}, which is no allowed edge: see the order of the crates in ARCHITECTURE.md"
        ));
    }
    if let Some((_, users, testers, why)) = DOORS.iter().find(|(library, ..)| *library == to)
        && !users.contains(&from)
        && !(in_tests && (testers.contains(&from) || users.contains(&from)))
    {
        return Some(format!("{from} imports {to}: {why}"));
    }
    if PURE.contains(&from) && !in_tests && IMPURE.contains(&to) {
        return Some(format!(
            "{from} imports {to}: it decides, and does nothing by itself"
        ));
    }
    None
}

fn lints(root: &Path, package: &Value) -> Result<Option<Fault>, String> {
    let path = Path::new(text(package, "manifest_path"));
    let path = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    let manifest = read(root, &path)?;
    let stated = manifest.contains("[lints]\nworkspace = true")
        || manifest.contains("lints.workspace = true");
    Ok((!stated).then(|| {
        format!("{path}: add [lints] workspace = true, so that the lints of the workspace hold")
    }))
}

fn metadata(root: &Path) -> Result<Value, String> {
    let said = output(
        cargo()
            .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
            .current_dir(root),
    )?;
    serde_json::from_str(&said).map_err(|error| format!("cargo metadata is not JSON: {error}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_point_inwards_and_libraries_have_one_door() {
        let allowed: &[&str] = &["crewline-api"];
        assert_eq!(edge("crewline-core", "crewline-api", "", allowed), None);
        assert!(edge("crewline-core", "crewline-engine", "", allowed).is_some());
        assert!(edge("crewline-core", "crewline-engine", "dev", allowed).is_some());
        assert_eq!(
            edge("crewline-engine", "crewline-store-sqlite", "dev", allowed),
            None
        );
        assert!(edge("crewline-engine", "axum", "", allowed).is_some());
        assert!(edge("crewline-cli", "rusqlite", "", allowed).is_some());
        assert_eq!(edge("crewline-cli", "rusqlite", "dev", allowed), None);
        assert!(edge("crewline-core", "tokio", "", allowed).is_some());
    }
}
