//! `cargo xtask next`: the program built once more, as the version after this one, for the test of the rolling upgrade.
//!
//! The same sources, copied below the target folder, with another number, and with one migration more that only adds. The
//! program itself has nothing to do with it. What is not of this workspace is built once for both.

use std::path::{Path, PathBuf};

use crate::programs::{cargo, told};
use crate::{read, versions};

/// The migration that this version does not know: to the two tables that every message is written to, and a table of its own.
const MIGRATION: &str = "ALTER TABLE message ADD COLUMN of_the_next_version text;
ALTER TABLE log ADD COLUMN of_the_next_version integer NOT NULL DEFAULT 0;
CREATE TABLE of_the_next_version (no integer PRIMARY KEY);
";
/// The stores: their migrations have the same numbers.
const STORES: [&str; 2] = [
    "crates/crewline-store-postgres",
    "crates/crewline-store-sqlite",
];
const PROGRAM: &str = "crates/crewline-cli/Cargo.toml";
/// What the other program is called: both lie in one folder.
const NAME: &str = "crewline-next";

/// Builds it; says where it is.
pub(crate) fn build(root: &Path) -> Result<String, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let target = root.join(target);
    let copy = target.join("next");
    for path in ["crates", "docs", "xtask", "Cargo.toml", "Cargo.lock"] {
        take_over(root, Path::new(path), &copy)?;
    }
    told(
        cargo()
            .args(["build", "--quiet", "--workspace", "--bin", NAME])
            .env("CARGO_TARGET_DIR", &target)
            .env("CREWLINE_COMMIT", "next")
            .current_dir(&copy),
    )?;
    Ok(target.join("debug").join(NAME).display().to_string())
}

/// Copies what is there, changed where the next version differs. What is the same already keeps its time, so that it is not built
/// again.
fn take_over(root: &Path, path: &Path, copy: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    if root.join(path).is_dir() {
        std::fs::create_dir_all(copy.join(path)).map_err(fault)?;
        for entry in std::fs::read_dir(root.join(path)).map_err(fault)? {
            take_over(root, &path.join(entry.map_err(fault)?.file_name()), copy)?;
        }
        return Ok(());
    }
    let mut bytes = std::fs::read(root.join(path)).map_err(fault)?;
    let is_list = |store: &&&str| path == Path::new(store).join("src/migration.rs");
    if let Some(store) = STORES.iter().find(is_list) {
        let code = String::from_utf8_lossy(&bytes);
        let list = with_one_migration_more(&code);
        bytes = list
            .ok_or_else(|| format!("{store} has no list of migrations"))?
            .into();
        let folder = copy.join(store).join("migrations");
        std::fs::create_dir_all(&folder).map_err(fault)?;
        put(&folder.join("next.sql"), MIGRATION.as_bytes()).map_err(fault)?;
    }
    match path.to_str() {
        Some("Cargo.toml") => bytes = with_other_number(&read(root, "Cargo.toml")?)?.into(),
        Some(PROGRAM) => bytes = with_other_name(&read(root, PROGRAM)?)?.into(),
        // It is told of the other number by cargo, and then differs.
        Some("Cargo.lock") if copy.join(path).exists() => return Ok(()),
        _ => {}
    }
    put(&copy.join(path), &bytes).map_err(fault)
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::write(path, bytes)
}

/// `version = "1.2.3"` becomes `version = "1.3.0"`, that of the workspace and what its members ask of each other.
fn with_other_number(manifest: &str) -> Result<String, String> {
    let (number, [major, minor, _]) = versions::number_in(manifest)?;
    let said = |number: &str| format!("version = \"{number}\"");
    let is_own = |line: &str| line.starts_with("version") || line.contains("path = \"crates/");
    let lines = manifest.lines().map(|line| {
        if is_own(line) {
            line.replace(&said(number), &said(&format!("{major}.{}.0", minor + 1)))
        } else {
            line.to_owned()
        }
    });
    Ok(lines.map(|line| line + "\n").collect())
}

fn with_other_name(manifest: &str) -> Result<String, String> {
    let name = "name = \"crewline\"\n";
    if !manifest.contains(name) {
        return Err(format!("{PROGRAM} has no program of the name crewline"));
    }
    Ok(manifest.replace(name, &format!("name = \"{NAME}\"\n")))
}

/// `None` where the list is not found.
fn with_one_migration_more(code: &str) -> Option<String> {
    let (before, list) = code.split_once("const MIGRATIONS: [&str; ")?;
    let (count, list) = list.split_once(']')?;
    let count: usize = count.parse().ok()?;
    let (list, after) = list.split_once("];")?;
    Some(format!(
        "{before}const MIGRATIONS: [&str; {}]{list}    include_str!(\"../migrations/next.sql\"),\n];{after}",
        count + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_has_another_number_and_one_migration_more() {
        let manifest = "[workspace.package]\nversion = \"1.2.3\"\n[workspace.dependencies]\na = { path = \"crates/a\", version = \"1.2.3\" }\nb = { version = \"1.2.3\" }\n";
        let expected = "[workspace.package]\nversion = \"1.3.0\"\n[workspace.dependencies]\na = { path = \"crates/a\", version = \"1.3.0\" }\nb = { version = \"1.2.3\" }\n";
        assert_eq!(with_other_number(manifest).as_deref(), Ok(expected));
        let code = "const MIGRATIONS: [&str; 1] = [\n    x,\n];\n";
        let expected = "const MIGRATIONS: [&str; 2] = [\n    x,\n    include_str!(\"../migrations/next.sql\"),\n];\n";
        assert_eq!(with_one_migration_more(code).as_deref(), Some(expected));
    }
}
