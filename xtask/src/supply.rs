//! What is fetched to build Crewline is known by its checksum, and what of npm is given out with the app may be. (For crates
//! `cargo` does the former by `Cargo.lock`, and `cargo deny` the latter.)

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::files::File;
use crate::{Fault, read};

const NPM: &str = "web/package-lock.json";
const TOOLS: [&str; 2] = ["python/release-tools.txt", "python/test-tools.txt"];
/// Which licences are taken.
const TAKEN: &str = "deny.toml";

/// Checks the lists.
pub(crate) fn check(root: &Path, files: &[File]) -> Result<Vec<Fault>, String> {
    let lock: Value =
        serde_json::from_str(&read(root, NPM)?).map_err(|error| format!("{NPM}: {error}"))?;
    let taken = taken(&read(root, TAKEN)?)?;
    let mut faults = without_checksum(&lock);
    faults.extend(not_taken(&lock, &imported(files), &taken));
    for path in TOOLS {
        faults.extend(unpinned(path, &read(root, path)?));
    }
    Ok(faults)
}

/// The licences that `cargo deny` lets in: what holds for crates holds for packages.
pub(crate) fn taken(deny: &str) -> Result<BTreeSet<String>, String> {
    let list = deny
        .split("[licenses]")
        .nth(1)
        .and_then(|section| section.split("allow = [").nth(1)?.split(']').next());
    let list = list.ok_or_else(|| format!("{TAKEN} lists no licences"))?;
    let names = list.split('"').skip(1).step_by(2);
    Ok(names.map(str::to_owned).collect())
}

/// Packages that the sources of the app name.
fn imported(files: &[File]) -> BTreeSet<String> {
    let sources = files
        .iter()
        .filter(|file| file.path.starts_with("web/src/"));
    let named = sources.flat_map(|file| {
        file.text
            .split(" from \"")
            .chain(file.text.split("import(\""))
            .skip(1)
    });
    let paths = named.filter_map(|behind| behind.split('"').next());
    let packages = paths
        .filter(|path| !path.starts_with('.') && !path.is_empty() && !path.contains([' ', '\n']));
    packages
        .map(|path| {
            let parts = if path.starts_with('@') { 2 } else { 1 };
            path.split('/').take(parts).collect::<Vec<&str>>().join("/")
        })
        .collect()
}

/// What the app imports, and what that needs: the build leaves most of it out, and could take any of it.
fn not_taken(lock: &Value, imported: &BTreeSet<String>, taken: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<String> = imported.iter().cloned().collect();
    while let Some(name) = waiting.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let package = &lock["packages"][format!("node_modules/{name}")];
        let licence = package["license"].as_str().unwrap_or("no licence");
        if !may(licence, taken) {
            faults.push(format!("{NPM}: {name}, which the app is made of, has {licence}; {TAKEN} lists what is taken"));
        }
        let needs = package["dependencies"].as_object().into_iter().flatten();
        waiting.extend(needs.map(|(need, _)| need.clone()));
    }
    faults
}

/// Whether one side of an `OR`, or each of an `AND`, is taken.
pub(crate) fn may(licence: &str, taken: &BTreeSet<String>) -> bool {
    let plain = licence.trim_matches(['(', ')']);
    if plain.contains(" OR ") {
        return plain.split(" OR ").any(|one| may(one, taken));
    }
    plain
        .split(" AND ")
        .all(|one| taken.contains(one.trim_matches(['(', ')'])))
}

fn without_checksum(lock: &Value) -> Vec<Fault> {
    let packages = lock["packages"].as_object().into_iter().flatten();
    let fetched = packages
        .filter(|(path, package)| !path.is_empty() && package["link"].as_bool() != Some(true));
    let is_strong = |package: &Value| {
        package["integrity"]
            .as_str()
            .is_some_and(|sum| sum.starts_with("sha512-"))
    };
    let weak = fetched.filter(|(_, package)| !is_strong(package));
    weak.map(|(path, _)| {
        format!("{NPM}: {path} has no checksum of SHA-512: npm ci would take whatever comes")
    })
    .collect()
}

/// Requirements of pip: each with one version and a checksum.
fn unpinned(path: &str, tools: &str) -> Vec<Fault> {
    let whole = tools.replace("\\\n", " ");
    let lines = whole
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let loose = lines.filter(|line| !line.contains("==") || !line.contains("--hash=sha256:"));
    loose
        .map(|line| {
            format!(
                "{path}: {} has not one version and a checksum",
                line.split(' ').next().unwrap_or(line)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_fetched_has_a_checksum_and_what_is_given_out_a_licence_that_is_taken() {
        let lock = json!({"packages": {
            "": {"name": "app"},
            "node_modules/a": {"license": "MIT", "integrity": "sha512-x", "dependencies": {"b": "1"}},
            "node_modules/b": {"license": "GPL-3.0-only", "integrity": "sha1-x"},
            "node_modules/c": {"license": "GPL-3.0-only", "integrity": "sha512-x"},
        }});
        let taken = taken("[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\",\n]\n").unwrap();
        let text = "import { x } from \"a/deep\";\nimport { y } from \"./own.ts\";\n".to_owned();
        let names = imported(&[File {
            path: "web/src/x.ts".to_owned(),
            text,
        }]);
        assert_eq!(Vec::from_iter(&names), ["a"]);
        assert_eq!(not_taken(&lock, &names, &taken).len(), 1, "b comes with a");
        assert_eq!(without_checksum(&lock).len(), 1);
        assert!(may("GPL-3.0-only OR MIT", &taken) && may("(MIT AND ISC)", &taken));
        assert!(!may("MIT AND GPL-3.0-only", &taken));
        assert_eq!(
            unpinned(
                "a.txt",
                "# why\na==1 \\\n    --hash=sha256:00\nb>=1\nc==1\n"
            )
            .len(),
            2
        );
    }
}
