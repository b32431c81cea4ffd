//! The files of the project, and how long they may be.

use std::path::Path;

use crate::Fault;

/// Above this a file holds more than one noun.
const LINES_MAX: usize = 600;
/// What is not ours, or is made.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "data",
    "node_modules",
    "dist",
    "corpus",
    "grown",
    "artifacts",
];

/// A file of the project.
pub(crate) struct File {
    /// Its path below the folder of the workspace, with slashes.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl File {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// Whether it is a test, or tests stand in it alone.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.contains("/benches/")
    }
}

/// Every text file of the project, in the order of the paths.
pub(crate) fn all(root: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    walk(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file()
            // What is not text (a picture, a store) has no lines.
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            files.push(File { path, text });
        }
    }
    Ok(())
}

/// Checks the length of each that somebody reads: Rust, and what the app is made of.
pub(crate) fn check(files: &[File]) -> Vec<Fault> {
    let read = files
        .iter()
        .filter(|file| file.is_rust() || file.path.starts_with("web/src/"));
    let long = read
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(file, lines)| {
        format!(
            "{}: {lines} lines; at most {LINES_MAX}: split it along its nouns",
            file.path
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_app_may_be_as_long_as_one_of_rust_and_a_page_as_long_as_it_likes() {
        let file = |path: &str, lines| File {
            path: path.to_owned(),
            text: "a\n".repeat(lines),
        };
        let files = ["crates/a/src/lib.rs", "web/src/styles/a.css", "docs/a.md"];
        let of = |lines| check(&files.map(|path| file(path, lines))).len();
        assert_eq!((of(LINES_MAX), of(LINES_MAX + 1)), (0, 2));
    }
}
