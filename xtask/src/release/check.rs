//! `cargo xtask release-check`: the commit is built twice, in two folders of other names and lengths, and the checksums are compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::git;
use crate::programs::{cargo, told};
use crate::read;

/// Where it is built, below `target/release-check`.
const PLACES: [&str; 2] = ["a", "another-place/where-it-is-built"];

/// Builds and compares. What else it is told is told to `cargo xtask release`.
pub(crate) fn check(root: &Path, arguments: &[String]) -> Result<String, String> {
    let commit = git(root, &["rev-parse", "HEAD"])?;
    let mut sums: Vec<String> = Vec::new();
    for place in PLACES {
        let folder = root.join("target/release-check").join(place);
        copy(root, &folder, &commit)?;
        let mut release = cargo();
        release
            .args(["xtask", "release", "--draft"])
            .args(arguments);
        told(
            release
                .env_remove("CARGO_TARGET_DIR")
                .env_remove("CARGO_MANIFEST_DIR")
                .current_dir(&folder),
        )?;
        sums.push(read(&made(&folder)?, "SHA256SUMS")?);
    }
    if sums[0] != sums[1] {
        return Err(format!(
            "two builds of {commit} differ\n{}\n{}",
            sums[0], sums[1]
        ));
    }
    Ok(format!("two builds of {commit} are the same\n{}", sums[0]))
}

/// A checkout of the commit, without anything that was built. The packages of npm are fetched by their checksums.
fn copy(root: &Path, folder: &Path, commit: &str) -> Result<(), String> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    told(
        Command::new("git")
            .args(["clone", "--quiet", "--no-checkout"])
            .arg(root)
            .arg(folder),
    )?;
    told(
        Command::new("git")
            .args(["checkout", "--quiet", commit])
            .current_dir(folder),
    )
}

/// The folder that a release is in.
fn made(folder: &Path) -> Result<PathBuf, String> {
    let target = folder.join("target");
    let entries = std::fs::read_dir(&target)
        .map_err(|error| format!("cannot read {}: {error}", target.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let found = paths.filter(|path| path.join("SHA256SUMS").exists()).max();
    found.ok_or_else(|| format!("no release was made in {}", target.display()))
}
