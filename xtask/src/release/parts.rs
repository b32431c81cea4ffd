//! What the released program is made of: the crates that are linked into it, the C that some of them bring, and the packages of
//! npm that are in the app. Asked of cargo and of the build of the app, never listed by hand, but for the C.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::programs::{cargo, output};
use crate::{Fault, lock, read, supply};

/// The program that is released.
pub(crate) const PROGRAM: &str = "crewline-cli";
/// What the build of the app says is in it; `web/vite.config.ts` writes it.
const WEB_LIST: &str = "web/dist/.packages.json";
/// What SQLite says in place of a licence: it is in the public domain.
const BLESSING: &str = "blessing";
/// Sources in another language that a crate brings: crate, name, where its version stands (a file of the crate and the text before
/// it), licence.
const BROUGHT: &[(&str, &str, &str, &str, &str)] = &[
    (
        "libsqlite3-sys",
        "sqlite",
        "sqlite3/sqlite3.h",
        "#define SQLITE_VERSION        \"",
        BLESSING,
    ),
    (
        "libmimalloc-sys",
        "mimalloc",
        "c_src/mimalloc/v3/include/mimalloc.h",
        "#define MI_MALLOC_VERSION ",
        "MIT",
    ),
    (
        "utoipa-swagger-ui-vendored",
        "swagger-ui-dist",
        "src/lib.rs",
        "../res/v",
        "Apache-2.0",
    ),
];

/// Something that is in the program, and was not made here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) version: String,
    /// As SPDX writes it.
    pub(crate) licence: String,
    /// The features that it is built with.
    pub(crate) features: Vec<String>,
    /// SHA-256 or SHA-512 of what was fetched, in hexadecimal.
    pub(crate) checksum: Option<String>,
    /// Where its files are.
    pub(crate) folder: PathBuf,
    /// The numbers of what it needs.
    pub(crate) needs: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One of ours.
    Own,
    /// From crates.io.
    Crate,
    /// Sources that a crate brings with it.
    Brought,
    /// From npm, in the app.
    Npm,
}

impl Part {
    /// Its address in the language of package-url.
    pub(crate) fn url(&self) -> String {
        let name = self.name.replace('@', "%40");
        match self.kind {
            Kind::Own | Kind::Crate => format!("pkg:cargo/{name}@{}", self.version),
            Kind::Brought => format!("pkg:generic/{name}@{}", self.version),
            Kind::Npm => format!("pkg:npm/{name}@{}", self.version),
        }
    }
}

/// Whether the app is built, so that it is known what is in it.
pub(crate) fn is_known(root: &Path) -> bool {
    root.join(WEB_LIST).exists()
}

/// Parts of others whose licence is not one of those that are taken.
pub(crate) fn not_taken(parts: &[Part], taken: &BTreeSet<String>) -> Vec<Fault> {
    let others = parts.iter().filter(|part| part.kind != Kind::Own);
    let strange =
        others.filter(|part| part.licence != BLESSING && !supply::may(&part.licence, taken));
    strange
        .map(|part| {
            format!(
                "{} {} has the licence {}: deny.toml lists what is taken",
                part.name, part.version, part.licence
            )
        })
        .collect()
}

/// Everything that is in the program for a kind of machine; the first is the program itself.
pub(crate) fn all(root: &Path, target: &str) -> Result<Vec<Part>, String> {
    let text = output(
        cargo()
            .args(["tree", "--locked", "--offline", "--package", PROGRAM])
            .args(["--edges", "normal,no-proc-macro", "--target", target])
            .args(["--prefix", "depth", "--format", "|{p}|{l}|{f}"])
            .current_dir(root),
    )?;
    let mut parts = tree(&text)?;
    let checksums = checksums(&read(root, "Cargo.lock")?);
    let folders = folders(root)?;
    for part in &mut parts {
        let key = (part.name.clone(), part.version.clone());
        part.checksum = checksums.get(&key).cloned();
        part.folder = folders
            .get(&key)
            .cloned()
            .ok_or_else(|| format!("cargo metadata does not know {} {}", key.0, key.1))?;
    }
    for (by, part) in brought(&folders)? {
        let at = parts.len();
        parts.push(part);
        // What is built into a crate before it is compiled comes with the program.
        let bringer = parts.iter().position(|part| part.name == by);
        parts[bringer.unwrap_or_default()].needs.insert(at);
    }
    let web = web(root)?;
    let (first, program) = (parts.len(), 0);
    parts.extend(web);
    let of_app: Vec<usize> = (first..parts.len()).collect();
    parts[program].needs.extend(of_app);
    Ok(parts)
}

/// Lines such as `2|serde v1.0.0 (*)|MIT OR Apache-2.0|default,std`: the depth, and what stands there. What was shown before has a
/// star, and its branch is not shown again.
fn tree(text: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut above: Vec<usize> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut columns = line.split('|');
        let strange = || format!("cargo tree says a line that is not understood: {line}");
        let depth: usize = columns
            .next()
            .and_then(|depth| depth.parse().ok())
            .ok_or_else(strange)?;
        let named = columns.next().ok_or_else(strange)?;
        let licence = columns.next().unwrap_or_default().replace('/', " OR ");
        let features = columns
            .next()
            .unwrap_or_default()
            .trim_end_matches("(*)")
            .trim();
        let mut words = named.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            return Err(strange());
        };
        let version = version.trim_start_matches('v').to_owned();
        let known = parts
            .iter()
            .position(|part| part.name == name && part.version == version);
        let at = known.unwrap_or_else(|| {
            parts.push(Part {
                kind: if named.contains("(/") {
                    Kind::Own
                } else {
                    Kind::Crate
                },
                name: name.to_owned(),
                version,
                licence,
                features: features
                    .split(',')
                    .filter(|feature| !feature.is_empty())
                    .map(str::to_owned)
                    .collect(),
                checksum: None,
                folder: PathBuf::new(),
                needs: BTreeSet::new(),
            });
            parts.len() - 1
        });
        above.truncate(depth);
        if let Some(parent) = above.last() {
            parts[*parent].needs.insert(at);
        }
        above.push(at);
    }
    if parts.len() < 50 {
        return Err(format!("cargo tree names {} crates only", parts.len()));
    }
    Ok(parts)
}

/// The checksums of the lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    lock::packages(lock)
        .filter_map(|package| {
            let key = (package.name.to_owned(), package.version.to_owned());
            Some((key, package.checksum?.to_owned()))
        })
        .collect()
}

/// Where the files of each crate are.
fn folders(root: &Path) -> Result<BTreeMap<(String, String), PathBuf>, String> {
    let text = output(
        cargo()
            .args(["metadata", "--format-version=1", "--locked", "--offline"])
            .current_dir(root),
    )?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    let said = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| {
            let manifest = PathBuf::from(said(package, "manifest_path"));
            let folder = manifest.parent().unwrap_or(&manifest).to_owned();
            ((said(package, "name"), said(package, "version")), folder)
        })
        .collect())
}

/// What crates bring in other languages. A crate that brings no longer what it did, or says its version in another way, is told.
fn brought(folders: &BTreeMap<(String, String), PathBuf>) -> Result<Vec<(String, Part)>, String> {
    let mut found = Vec::new();
    for (by, name, file, before, licence) in BROUGHT {
        let Some((_, folder)) = folders.iter().find(|((name, _), _)| name == by) else {
            return Err(format!(
                "xtask/src/release/parts.rs: {by} is no part of the build any more"
            ));
        };
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let version = text.split(before).nth(1).unwrap_or_default();
        let version: String = version
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        if version.is_empty() {
            return Err(format!(
                "{}: the version of {name} stands there no more",
                path.display()
            ));
        }
        let part = Part {
            kind: Kind::Brought,
            name: (*name).to_owned(),
            version: with_points(version.trim_end_matches('.')),
            licence: (*licence).to_owned(),
            features: Vec::new(),
            checksum: None,
            folder: folder.clone(),
            needs: BTreeSet::new(),
        };
        found.push(((*by).to_owned(), part));
    }
    Ok(found)
}

/// `20302`, as mimalloc counts, is 2.3.2.
fn with_points(version: &str) -> String {
    match version.parse::<u32>() {
        Ok(number) => format!(
            "{}.{}.{}",
            number / 10_000,
            number / 100 % 100,
            number % 100
        ),
        Err(_) => version.to_owned(),
    }
}

/// What of npm is in the app, as its build found, with licence and checksum as the lock file has them.
fn web(root: &Path) -> Result<Vec<Part>, String> {
    let list = read(root, WEB_LIST).map_err(|error| format!("{error}; the app is not built"))?;
    let list: Vec<String> =
        serde_json::from_str(&list).map_err(|error| format!("{WEB_LIST}: {error}"))?;
    let lock: Value = serde_json::from_str(&read(root, "web/package-lock.json")?)
        .map_err(|error| format!("web/package-lock.json: {error}"))?;
    list.into_iter()
        .map(|name| {
            let folder = format!("node_modules/{name}");
            let locked = &lock["packages"][&folder];
            let said = |key: &str| {
                let missing = || format!("web/package-lock.json says no {key} of {name}");
                locked[key].as_str().map(str::to_owned).ok_or_else(missing)
            };
            Ok(Part {
                kind: Kind::Npm,
                version: said("version")?,
                licence: said("license")?,
                features: Vec::new(),
                checksum: Some(said("integrity")?),
                folder: root.join("web").join(folder),
                needs: BTreeSet::new(),
                name,
            })
        })
        .collect()
}
