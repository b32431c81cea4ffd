//! Words that do not belong here: what is unfinished, what hides a failing test, and what names a developer's machine.

use crate::Fault;
use crate::files::File;

/// Banned in our crates: the word, and what to do. Written in two halves, so that this file is not at fault itself.
const BANNED: &[(&str, &str, &str)] = &[
    ("todo", "!(", "finish it, or open an issue"),
    ("unimplemented", "!(", "finish it, or take it out"),
    (
        "#[igno",
        "re",
        "a test that does not run is no test: mend it or take it out",
    ),
    (
        "#[allo",
        "w(",
        "#[expect(…, reason = \"…\")] reports itself when it is no longer needed",
    ),
    (
        "unwrap_or_else(|_| pani",
        "c!(",
        "expect, with the invariant as its text",
    ),
];

/// Banned in tests. (A load that runs for a while before a kill has a binary of its own, and is no wait.)
const BANNED_IN_TESTS: &[(&str, &str, &str)] = &[
    ("thread::sle", "ep(", "wait for the thing itself"),
    ("time::sle", "ep(", "wait for the thing itself"),
];

/// Banned in the app: a text becomes text there, and never markup.
const BANNED_IN_APP: &[(&str, &str, &str)] = &[
    ("{@ht", "ml", "show it as text"),
    ("innerHT", "ML", "set textContent"),
    ("outerHT", "ML", "make elements"),
    ("insertAdjacentHT", "ML", "make elements"),
    ("document.wri", "te(", "make elements"),
    ("srcd", "oc", "make elements"),
];

/// Folders that are somebody's own: a path that begins so works on one machine only.
const OWN_FOLDERS: &[&str] = &["work", "farm", "root"];

/// Checks every file.
pub(crate) fn check(files: &[File]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let place = || format!("{}:{}", file.path, number + 1);
            if file.is_rust() && file.path.starts_with("crates/") {
                faults.extend(banned(BANNED, line).map(|fault| format!("{}: {fault}", place())));
                if file.path.contains("/tests/it/") {
                    faults.extend(
                        banned(BANNED_IN_TESTS, line).map(|fault| format!("{}: {fault}", place())),
                    );
                }
            }
            if file.path.starts_with("web/src/") {
                faults.extend(
                    banned(BANNED_IN_APP, line).map(|fault| format!("{}: {fault}", place())),
                );
            }
            if let Some(path) = own_path(line) {
                faults.push(format!("{}: {path} is a path of one machine", place()));
            }
        }
    }
    faults
}

fn banned(list: &[(&str, &str, &str)], line: &str) -> Option<Fault> {
    list.iter().find_map(|(first, second, instead)| {
        let word = format!("{first}{second}");
        line.contains(&word).then(|| format!("{word}: {instead}"))
    })
}

/// A path below somebody's own folder, where there is one.
fn own_path(line: &str) -> Option<&str> {
    line.match_indices('/').find_map(|(at, _)| {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "_.-/$}".contains(c)) {
            return None;
        }
        let mut parts = line[at + 1..].split('/');
        let first = parts.next()?;
        let second = parts.next()?;
        let home = first == "home"
            && !second.is_empty()
            && second.chars().all(|c| c.is_ascii_lowercase())
            && parts.next().is_some();
        (OWN_FOLDERS.contains(&first) || home)
            .then(|| line[at..].split_whitespace().next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found() {
        let machine = format!("/{}/main/x", "work");
        assert_eq!(
            own_path(&format!("see {machine} there")),
            Some(machine.as_str())
        );
        let home = format!("`/{}/ann/x`", "home");
        assert!(own_path(&home).is_some());
        for fine in [
            "a/work/b",
            "https://example.org/work/x",
            "./work/x",
            "/usr/share/x",
            "12/11/2026",
        ] {
            assert_eq!(own_path(fine), None, "{fine}");
        }
    }

    #[test]
    fn what_would_make_markup_of_a_text_is_banned_in_the_app() {
        let line = format!("<p>{{@ht{} message.text}}</p>", "ml");
        let of = |path: &str| {
            let (path, text) = (path.to_owned(), line.clone());
            check(&[File { path, text }]).len()
        };
        assert_eq!((of("web/src/screens/Chat.svelte"), of("docs/a.md")), (1, 0));
    }
}
