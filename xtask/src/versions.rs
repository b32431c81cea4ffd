//! One number for everything that is released together, and a CHANGELOG that tells of it.
//!
//! The number stands in `Cargo.toml` and nowhere else: whatever else names one is held against it here.

use std::path::Path;

use crate::files::File;
use crate::{Fault, lock, read};

const CHANGELOG: &str = "CHANGELOG.md";
const LOCKS: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];
/// The image that Compose builds from these sources, whatever their number is.
const BUILT_HERE: &str = "local";

/// The number of these sources.
pub(crate) fn number(root: &Path) -> Result<String, String> {
    let manifest = read(root, "Cargo.toml")?;
    number_in(&manifest).map(|(number, _)| number.to_owned())
}

/// The number in the manifest of the workspace, and its parts.
pub(crate) fn number_in(manifest: &str) -> Result<(&str, [u32; 3]), String> {
    let section = manifest.split("[workspace.package]").nth(1);
    let number =
        section.and_then(|section| section.split("\nversion = \"").nth(1)?.split('"').next());
    let number = number.ok_or("Cargo.toml says no version of the workspace")?;
    let parts = parts(number).ok_or_else(|| {
        format!("Cargo.toml: {number} is no version: three numbers with points between them")
    })?;
    Ok((number, parts))
}

/// Checks whatever names a version.
pub(crate) fn check(root: &Path, files: &[File]) -> Result<Vec<Fault>, String> {
    let number = number(root)?;
    let mut faults = manifest(&number, &read(root, "Cargo.toml")?);
    for path in LOCKS {
        faults.extend(lock(path, &number, &read(root, path)?));
    }
    faults.extend(python(&number, &read(root, "python/pyproject.toml")?));
    faults.extend(web(&number, &read(root, "web/package.json")?));
    faults.extend(files.iter().flat_map(|file| named(&number, file)));
    faults.extend(changelog(&number, &read(root, CHANGELOG)?));
    Ok(faults)
}

/// What a release asks beside that: a section of its own in the CHANGELOG, and nothing that waits for the next one.
pub(crate) fn released(root: &Path, number: &str) -> Result<Vec<Fault>, String> {
    Ok(ready(number, &read(root, CHANGELOG)?))
}

/// What the CHANGELOG says of a version; `None` where it has no section.
pub(crate) fn section<'a>(changelog: &'a str, number: &str) -> Option<&'a str> {
    let (_, rest) = changelog.split_once(&format!("\n## [{number}]"))?;
    let (_, rest) = rest.split_once('\n')?;
    Some(rest.split("\n## ").next().unwrap_or(rest).trim())
}

fn ready(number: &str, changelog: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if section(changelog, number).is_none_or(str::is_empty) {
        faults.push(format!(
            "{CHANGELOG} has no section for {number}: write `## [{number}] - YYYY-MM-DD` below `## [Unreleased]`, above what is new"
        ));
    }
    if section(changelog, "Unreleased").is_some_and(|waits| !waits.is_empty()) {
        faults.push(format!(
            "{CHANGELOG}: something stands under Unreleased: it belongs to {number}, or the number is too low"
        ));
    }
    faults
}

/// The members name each other with the number of the workspace.
fn manifest(number: &str, manifest: &str) -> Vec<Fault> {
    let members = manifest
        .lines()
        .filter(|line| line.contains("path = \"crates/"));
    let others = members.filter(|line| !line.contains(&format!("version = \"{number}\"")));
    others
        .map(|line| format!("Cargo.toml: the version is {number}, and not so in: {line}"))
        .collect()
}

/// `cargo` writes the locks; one that lags behind is found before a build with --locked is.
fn lock(path: &str, number: &str, lock: &str) -> Vec<Fault> {
    let own = lock::packages(lock).filter(|package| package.is_own);
    // What fuzzes is never released.
    let lags = own.filter(|package| package.version != number && !package.name.ends_with("-fuzz"));
    lags.map(|package| {
        format!(
            "{path}: {} has the version {}, and the workspace {number}: run cargo update --workspace there",
            package.name, package.version
        )
    })
    .collect()
}

fn python(number: &str, project: &str) -> Option<Fault> {
    let same = project.contains("dynamic = [\"version\"]")
        || project.contains(&format!("\nversion = \"{number}\""));
    (!same).then(|| {
        "python/pyproject.toml: the version is that of Cargo.toml: dynamic = [\"version\"]"
            .to_owned()
    })
}

fn web(number: &str, package: &str) -> Option<Fault> {
    let other =
        package.contains("\"version\"") && !package.contains(&format!("\"version\": \"{number}\""));
    other.then(|| format!("web/package.json: the version is {number}, or none is named"))
}

/// Numbers behind the product's name, as `crewline 1.2.3`, and images of it.
fn named(number: &str, file: &File) -> Vec<Fault> {
    let is_told = ["README.md", "docs/", "deploy/", "python/README.md"];
    if !is_told.iter().any(|told| file.path.starts_with(told)) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for separator in ["crewline ", "crewline-", "image: crewline:", "crewline=="] {
            for behind in line.split(separator).skip(1) {
                let said: String = behind
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                let said = said.trim_end_matches('.');
                let is_image = separator.starts_with("image");
                let is_other = parts(said).is_some() && said != number;
                let no_number =
                    is_image && parts(said).is_none() && !behind.starts_with(BUILT_HERE);
                if is_other || no_number {
                    faults.push(format!("{}:{}: the version is {number}", file.path, at + 1));
                }
            }
        }
    }
    faults
}

/// The sections stand in order, the newest first, each with its day, and none is above the number of the sources.
fn changelog(number: &str, changelog: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut above: Option<[u32; 3]> = None;
    let titles = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "));
    for (at, title) in titles.enumerate() {
        if title == "[Unreleased]" {
            if at != 0 {
                faults.push(format!(
                    "{CHANGELOG}: Unreleased stands before the versions"
                ));
            }
            continue;
        }
        let said = title
            .strip_prefix('[')
            .and_then(|title| title.split_once("] - "));
        let Some((version, day)) = said.and_then(|(said, day)| Some((parts(said)?, day))) else {
            faults.push(format!(
                "{CHANGELOG}: `## {title}` is not of the form `## [1.2.3] - 2026-01-31`"
            ));
            continue;
        };
        if !is_day(day) {
            faults.push(format!(
                "{CHANGELOG}: {day} is no day of the form 2026-01-31"
            ));
        }
        if above.is_some_and(|above| above <= version) {
            faults.push(format!(
                "{CHANGELOG}: {title} stands below an older version"
            ));
        }
        if above.is_none() && parts(number).is_some_and(|number| version > number) {
            faults.push(format!("{CHANGELOG} tells of {title}, and Cargo.toml says {number}: put the new number there"));
        }
        above = Some(version);
    }
    faults
}

fn is_day(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() == 10
        && digits == 8
        && text.as_bytes().get(4) == Some(&b'-')
        && text.as_bytes().get(7) == Some(&b'-')
}

fn parts(version: &str) -> Option<[u32; 3]> {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sections_of_the_changelog_are_in_order_and_none_is_ahead() {
        let good = "# C\n\n## [Unreleased]\n\n- new\n\n## [1.2.3] - 2026-01-31\n\n- a\n\n## [1.2.0] - 2026-01-01\n\n- b\n";
        assert_eq!(changelog("1.2.3", good), [""; 0]);
        assert_eq!(changelog("1.3.0", good), [""; 0]);
        assert_eq!(changelog("1.2.2", good).len(), 1);
        for bad in [
            "## [1.2.3]\n",
            "## [1.2.3] - soon\n",
            "## [1.2.0] - 2026-01-31\n## [1.2.3] - 2026-02-01\n",
        ] {
            assert_eq!(changelog("1.2.3", bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_release_has_its_section_and_nothing_waits_beside_it() {
        let done = "# C\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n- a\n";
        assert_eq!(ready("1.2.3", done), [""; 0]);
        assert_eq!(section(done, "1.2.3"), Some("- a"));
        assert_eq!(ready("1.2.4", done).len(), 1);
        assert_eq!(ready("1.2.3", "# C\n\n## [Unreleased]\n\n- a\n").len(), 2);
    }

    #[test]
    fn another_number_is_found_wherever_one_is_named() {
        let lines = "a = { path = \"crates/a\", version = \"1.2.3\" }\nb = { path = \"crates/b\", version = \"1.2.2\" }\n";
        assert_eq!(manifest("1.2.3", lines).len(), 1);
        let packages = "[[package]]\nname = \"a\"\nversion = \"1.2.2\"\n\n[[package]]\nname = \"b\"\nversion = \"9.9.9\"\nsource = \"x\"\n";
        assert_eq!(lock("Cargo.lock", "1.2.3", packages).len(), 1);
        assert!(web("1.2.3", "{\"version\": \"1.2.2\"}").is_some());
        assert!(web("1.2.3", "{}").is_none());
        assert!(python("1.2.3", "\nversion = \"1.2.2\"\n").is_some());
        let of = |text: &str| {
            named(
                "1.2.3",
                &File {
                    path: "docs/a.md".to_owned(),
                    text: text.to_owned(),
                },
            )
        };
        assert_eq!(
            of(
                "tar xf crewline-1.2.3-x86_64.tar.gz, which is crewline 1.2.3\nimage: crewline:local"
            ),
            [""; 0]
        );
        for other in [
            "crewline 1.2.2",
            "crewline-1.0.0.tar.gz",
            "image: crewline:latest",
            "pip install crewline==1.2.2",
        ] {
            assert_eq!(of(other).len(), 1, "{other}");
        }
    }
}
