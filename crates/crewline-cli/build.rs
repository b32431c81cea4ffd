//! Says from which commit the program is built, of which time that is, and for which machines. Where HEAD moves, this crate alone
//! is built again.
//!
//! In a checkout git says it. `CREWLINE_COMMIT` and `SOURCE_DATE_EPOCH` say it where the sources come without git, as in an
//! image, and go before; in an archive of the sources the file `.commit` does. Where nobody says it, it is `unknown`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that says the commit, to this script and to the program.
const COMMIT: &str = "CREWLINE_COMMIT";
/// The seconds since 1970 that a build that can be made again puts wherever it would put the time.
const EPOCH: &str = "SOURCE_DATE_EPOCH";
/// `git archive` writes into it which commit it packs (.gitattributes); in a checkout it says nothing.
const FILE: &str = ".commit";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={COMMIT}");
    println!("cargo::rerun-if-env-changed={EPOCH}");
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&manifest).join("../..");
    let given = |name: &str| std::env::var(name).ok().filter(|given| !given.is_empty());
    let found = of_checkout(&root).or_else(|| of_archive(&root));
    let (commit, epoch) = found.unwrap_or_else(|| ("unknown".to_owned(), String::new()));
    let commit = given(COMMIT).unwrap_or(commit);
    let epoch = given(EPOCH).unwrap_or(epoch);
    let target = given("TARGET").unwrap_or_default();
    println!("cargo::rustc-env={COMMIT}={commit}");
    println!("cargo::rustc-env=CREWLINE_COMMITTED={epoch}");
    println!("cargo::rustc-env=CREWLINE_TARGET={target}");
}

/// The commit of a checkout that is this repository, and not one in which the sources happen to lie; and its time.
///
/// `-dirty` says that files of it differed when this script ran. It does not run for each of them that changes later: that
/// would build this crate each time. A release is made from a checkout where none does.
fn of_checkout(root: &Path) -> Option<(String, String)> {
    let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    watch(root);
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(root, &["status", "--porcelain", "--untracked-files=no"]);
    let mark = changed.map_or("", |_| "-dirty");
    Some((
        commit + mark,
        git(root, &["log", "-1", "--format=%ct"]).unwrap_or_default(),
    ))
}

/// What the archive says that these sources were unpacked from: commit and time.
fn of_archive(root: &Path) -> Option<(String, String)> {
    let path = root.join(FILE);
    // A path that is missing would be looked at as changed each time.
    let text = std::fs::read_to_string(&path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    let (commit, epoch) = text.trim().split_once(' ')?;
    let is_commit = commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| (commit[..12].to_owned(), epoch.to_owned()))
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
