//! `cargo xtask release`: everything that is given out for a version, in `target/release-VERSION`, with checksums.
//!
//! The same commit makes the same bytes, wherever and whenever it is built by the same compiler: paths are mapped to names, times are
//! those of the commit, archives are sorted and belong to nobody. `cargo xtask release-check` shows it. Nothing is made of
//! sources that differ from their commit, or of versions that disagree.

mod archive;
mod build;
mod check;
mod licences;
mod parts;
mod sbom;

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

pub(crate) use check::check;

use crate::programs::output;
use crate::{Fault, files, read, supply, versions};

const HELP: &str = "\
cargo xtask release [--draft] [--program-only]
  --draft          also from sources that are not ready: the names say so, and what stands in the way is told at the end
  --program-only   neither wheel nor sdist";

/// What is built, and from what.
pub(crate) struct Build {
    pub(crate) number: String,
    /// The commit, shortened as the program says it.
    pub(crate) commit: String,
    /// The kind of machines that it is for.
    pub(crate) target: String,
    /// When the commit was made, in seconds since 1970: every time in what is released.
    pub(crate) epoch: i64,
    /// The same as RFC 3339 has it.
    pub(crate) committed_at: String,
}

/// Makes a release.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<String, String> {
    if let Some(strange) = arguments
        .iter()
        .find(|argument| !["--draft", "--program-only"].contains(&argument.as_str()))
    {
        return Err(format!("{strange}?\n{HELP}"));
    }
    let asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let build = build(root)?;
    let faults = not_ready(root, &build.number)?;
    if !faults.is_empty() && !asked("--draft") {
        let remedy = "cargo xtask release --draft (make release DRAFT=1) tries it all the same, and calls it a draft";
        return Err(format!(
            "{} is not ready to be released:\n  {}\n{remedy}",
            build.number,
            faults.join("\n  ")
        ));
    }
    let version = if faults.is_empty() {
        build.number.clone()
    } else {
        format!("{}-draft", build.number)
    };
    let out = root.join("target").join(format!("release-{version}"));
    let failed = |error: std::io::Error| format!("cannot make {}: {error}", out.display());
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(failed)?;
    }
    std::fs::create_dir_all(&out).map_err(failed)?;
    let program = build::program(root, &build)?;
    let parts = parts::all(root, &build.target)?;
    archive::program(root, &build, &version, &out, &program, &parts)?;
    archive::sources(root, &build, &version, &out)?;
    if !asked("--program-only") {
        build::python(root, &build, &out)?;
    }
    let sums = sums(&out)?;
    let mut said = format!("{}\n{sums}", out.display());
    if !faults.is_empty() {
        said = format!(
            "{said}\na draft, and no release:\n  {}",
            faults.join("\n  ")
        );
    }
    Ok(said)
}

/// What is wrong with what the program is made of: a licence that is not taken, or has no text. Looked at where the app is built,
/// which says what of npm is in it.
pub(crate) fn parts_of(root: &Path) -> Result<Vec<Fault>, String> {
    if !parts::is_known(root) {
        return Ok(Vec::new());
    }
    let parts = parts::all(root, &host(root)?)?;
    let taken = supply::taken(&read(root, "deny.toml")?)?;
    let mut faults = parts::not_taken(&parts, &taken);
    faults.extend(licences::texts(root, &parts).err());
    Ok(faults)
}

/// Writes bill of materials and licences alone, into `target/bill`: to look at.
pub(crate) fn bill(root: &Path) -> Result<String, String> {
    let out = root.join("target/bill");
    let failed = |error: std::io::Error| format!("cannot fill {}: {error}", out.display());
    std::fs::create_dir_all(&out).map_err(failed)?;
    let build = build(root)?;
    archive::papers(root, &build, &parts::all(root, &build.target)?, &out)?;
    Ok(out.display().to_string())
}

/// What stands in the way of a release.
fn not_ready(root: &Path, number: &str) -> Result<Vec<String>, String> {
    let mut faults = versions::check(root, &files::all(root)?)?;
    faults.extend(versions::released(root, number)?);
    let changed = git(root, &["status", "--porcelain"])?;
    if !changed.is_empty() {
        let lines: Vec<&str> = changed.lines().take(5).collect();
        faults.push(format!(
            "these differ from the commit; commit or remove them: {}",
            lines.join(", ")
        ));
    }
    let tag = format!("v{number}");
    let tagged = git(root, &["tag", "--list", &tag])?;
    if !tagged.is_empty()
        && git(root, &["rev-parse", &format!("{tag}^{{commit}}")])?
            != git(root, &["rev-parse", "HEAD"])?
    {
        faults.push(format!(
            "{tag} was released from another commit: put a new number into Cargo.toml"
        ));
    }
    Ok(faults)
}

fn build(root: &Path) -> Result<Build, String> {
    let epoch = git(root, &["log", "-1", "--format=%ct"])?;
    Ok(Build {
        number: versions::number(root)?,
        commit: git(root, &["rev-parse", "--short=12", "HEAD"])?,
        target: host(root)?,
        epoch: epoch
            .parse()
            .map_err(|_| format!("git says that the commit was made at {epoch}"))?,
        committed_at: output(
            Command::new("git")
                .args([
                    "log",
                    "-1",
                    "--format=%cd",
                    "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
                ])
                .env("TZ", "UTC")
                .current_dir(root),
        )?,
    })
}

/// The kind of machine that is built for: the one that builds.
fn host(root: &Path) -> Result<String, String> {
    let said = output(Command::new("rustc").arg("-vV").current_dir(root))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not say for which machine it builds")?;
    Ok(host.to_owned())
}

/// Writes `SHA256SUMS`, and says what stands in it.
fn sums(out: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", out.display());
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(out).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let sum = sbom::hexadecimal(&Sha256::digest(std::fs::read(&path).map_err(failed)?));
        text = format!("{text}{sum}  {name}\n");
    }
    std::fs::write(out.join("SHA256SUMS"), &text).map_err(failed)?;
    Ok(text)
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    output(Command::new("git").args(arguments).current_dir(root))
}
