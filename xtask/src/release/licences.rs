//! The texts under which others let what is in the program be used: one file, that lies beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::parts::{Kind, Part};
use crate::read;

/// How files with such a text begin.
const NAMES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "notice",
    "unlicense",
    "copyright",
];
/// Folders below a part's own that are looked into: sources that it brings with it lie there.
const DEPTH: usize = 4;
/// What lies in a crate and is not built into anything.
const NOT_BUILT: [&str; 6] = [
    "tests",
    "examples",
    "benches",
    "target",
    "node_modules",
    "docs",
];
/// Parts that come without a text: the licence that they name is the one that Crewline has itself.
const WITHOUT: [&str; 1] = ["async-nats"];
/// SQLite says this in place of a licence.
const SQLITE: &str = "The author disclaims copyright to this source code. In place of a legal notice, here is a blessing:\n\n\
    May you do good and not evil.\nMay you find forgiveness for yourself and forgive others.\nMay you share freely, never taking more than you give.\n";

/// The whole file. Texts that are the same stand in it once, below all whose they are.
pub(crate) fn texts(root: &Path, parts: &[Part]) -> Result<String, String> {
    let own = read(root, "LICENSE")?;
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut missing = Vec::new();
    for part in parts.iter().filter(|part| part.kind != Kind::Own) {
        let mut texts = found(&part.folder, DEPTH)?;
        match part.name.as_str() {
            "sqlite" => texts = vec![SQLITE.to_owned()],
            "swagger-ui-dist" => texts = vec![own.clone()],
            name if texts.is_empty() && WITHOUT.contains(&name) && part.licence == "Apache-2.0" => {
                texts = vec![own.clone()];
            }
            _ => {}
        }
        if texts.is_empty() {
            missing.push(format!("{} {} ({})", part.name, part.version, part.licence));
        }
        for text in texts {
            by_text
                .entry(text)
                .or_default()
                .push(format!("{} {} ({})", part.name, part.version, part.licence));
        }
    }
    if !missing.is_empty() {
        return Err(format!(
            "no text of a licence lies in: {}; see xtask/src/release/licences.rs",
            missing.join(", ")
        ));
    }
    by_text
        .entry(own)
        .or_default()
        .push("the standard library of Rust (MIT OR Apache-2.0)".to_owned());
    let mut groups: Vec<(Vec<String>, String)> = by_text
        .into_iter()
        .map(|(text, names)| (names, text))
        .collect();
    for (names, _) in &mut groups {
        names.sort();
        names.dedup();
    }
    groups.sort();
    let mut file = "Crewline itself is licensed under the Apache License 2.0: LICENSE. The program holds what others made, too,\nunder the licences that follow; sbom.cdx.json lists it with versions and checksums.\n".to_owned();
    for (names, text) in groups {
        let _ = write!(
            file,
            "\n{}\n{}\n\n{}\n",
            "=".repeat(100),
            names.join("\n"),
            text.trim_end()
        );
    }
    Ok(file)
}

fn found(folder: &Path, depth: usize) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut texts = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir()
            && depth > 0
            && !NOT_BUILT.contains(&name.as_str())
            && !name.starts_with('.')
        {
            texts.extend(found(&entry.path(), depth - 1)?);
        } else if kind.is_file()
            && NAMES.iter().any(|known| name.starts_with(known))
            && !is_source(&name)
        {
            texts.push(text(&entry.path())?);
        }
    }
    Ok(texts)
}

/// `license.rs` is a program.
fn is_source(name: &str) -> bool {
    [".rs", ".c", ".h", ".js", ".ts", ".toml", ".json", ".html"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

fn text(path: &Path) -> Result<String, String> {
    let bytes =
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
}
