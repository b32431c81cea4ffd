//! Every link of the book, and of the pages beside it, leads somewhere: the page is there, and so is the place on it.
//! Every page of the book stands in its table of contents.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Fault;
use crate::files::File;
use crate::markdown::{self, Page};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Checks every page.
pub(crate) fn check(root: &Path, files: &[File]) -> Vec<Fault> {
    let pages: BTreeMap<&str, Page> = files
        .iter()
        .filter(|file| {
            Path::new(&file.path)
                .extension()
                .is_some_and(|kind| kind == "md")
        })
        .map(|file| (file.path.as_str(), markdown::parse(&file.text)))
        .collect();
    let exists = |path: &str| root.join(path).exists();
    let mut faults = dead(&pages, &exists);
    faults.extend(forgotten(&pages));
    faults
}

/// Links that lead nowhere.
fn dead(pages: &BTreeMap<&str, Page>, exists: &dyn Fn(&str) -> bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, page) in pages {
        for (line, link) in &page.links {
            if let Some(fault) = fault(path, link, pages, exists) {
                faults.push(format!("{path}:{line}: {link}: {fault}"));
            }
        }
    }
    faults
}

fn fault(
    from: &str,
    link: &str,
    pages: &BTreeMap<&str, Page>,
    exists: &dyn Fn(&str) -> bool,
) -> Option<String> {
    // Other hosts are not asked: the checks run in closed networks too.
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let Some(target) = resolve(from, file) else {
        return Some("it leaves the project".to_owned());
    };
    if in_book(from) && !in_book(&target) {
        return Some(
            "it leaves the book, which is read without the source beside it: name the file instead"
                .to_owned(),
        );
    }
    if !exists(&target) {
        return Some(format!("there is no {target}"));
    }
    let page = pages.get(target.as_str())?;
    let found = anchor.is_empty() || page.anchors.iter().any(|known| known == anchor);
    (!found).then(|| format!("{target} has no such heading"))
}

fn in_book(path: &str) -> bool {
    path.starts_with("docs/")
}

/// The path that a relative link leads to.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Pages of the book that nobody finds.
fn forgotten(pages: &BTreeMap<&str, Page>) -> Vec<Fault> {
    let Some(summary) = pages.get(SUMMARY) else {
        return vec![format!("{SUMMARY} is missing")];
    };
    let listed: Vec<String> = summary
        .links
        .iter()
        .filter_map(|(_, link)| resolve(SUMMARY, link))
        .collect();
    let mut faults = Vec::new();
    for path in pages.keys().filter(|path| in_book(path)) {
        let times = listed.iter().filter(|listed| listed == path).count();
        if *path != SUMMARY && times != 1 {
            faults.push(format!(
                "{SUMMARY}: {path} stands there {times} times: put it where a reader looks for it, once"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(texts: &[(&'static str, &str)]) -> BTreeMap<&'static str, Page> {
        let parsed = texts
            .iter()
            .map(|(path, text)| (*path, markdown::parse(text)));
        parsed.collect()
    }

    #[test]
    fn a_link_leads_to_a_page_and_a_place_on_it() {
        let pages = pages(&[("README.md", "[a](docs/a.md#a-b)"), ("docs/a.md", "# A b")]);
        let exists = |path: &str| path != "docs/gone.md";
        let fault = |from: &str, link: &str| fault(from, link, &pages, &exists);
        for fine in [
            "docs/a.md",
            "docs/a.md#a-b",
            "https://example.org/x",
            "LICENSE",
        ] {
            assert_eq!(fault("README.md", fine), None, "{fine}");
        }
        assert_eq!(fault("docs/a.md", "#a-b"), None);
        for (from, dead) in [
            ("README.md", "docs/gone.md"),
            ("README.md", "docs/a.md#c"),
            ("docs/a.md", "#c"),
            ("docs/a.md", "../README.md"),
            ("README.md", "../x"),
        ] {
            assert!(fault(from, dead).is_some(), "{from} {dead}");
        }
    }

    #[test]
    fn a_page_stands_in_the_table_of_contents_once() {
        let text = "[A](a.md)\n[B](b.md)\n[B](b.md)";
        let pages = pages(&[
            (SUMMARY, text),
            ("docs/a.md", ""),
            ("docs/b.md", ""),
            ("docs/c.md", ""),
        ]);
        let faults = forgotten(&pages);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("docs/b.md stands there 2 times"));
        assert!(faults[1].contains("docs/c.md stands there 0 times"));
    }
}
