//! Says from which commit the program is built. Where HEAD moves, this crate alone is built again.
//!
//! `CREWLINE_COMMIT` says it where the sources come without git, as in an image; where nobody says it, it is `unknown`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that says it, to this script and to the program.
const COMMIT: &str = "CREWLINE_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={COMMIT}");
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&manifest).join("../..");
    let given = std::env::var(COMMIT).ok().filter(|given| !given.is_empty());
    let commit = given.or_else(|| of_checkout(&root));
    let commit = commit.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env={COMMIT}={commit}");
}

/// The commit of a checkout that is this repository, and not one in which the sources happen to lie.
fn of_checkout(root: &Path) -> Option<String> {
    let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    watch(root);
    git(root, &["rev-parse", "--short=12", "HEAD"])
}

/// Has this script run again when HEAD names something else, or what it names moves.
fn watch(root: &Path) {
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let Some(path) = git(root, &["rev-parse", "--git-path", name]) else {
            continue;
        };
        let path = root.join(path);
        // A branch that is packed has no file yet: the folder in which it will be one is looked at. A path that is missing
        // would be looked at as changed each time.
        let place = [Some(path.as_path()), path.parent()];
        if let Some(there) = place.into_iter().flatten().find(|place| place.exists())
            && there.file_name().is_some_and(|last| last != ".git")
        {
            println!("cargo::rerun-if-changed={}", there.display());
        }
    }
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
