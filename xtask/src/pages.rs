//! The pages that are made from the code: so they cannot say anything else than the program does.

use std::path::Path;

use crate::{Fault, command_page, configuration, http_page, read, socket_page};

type Make = fn(&Path) -> Result<String, String>;

const PAGES: &[(&str, Make)] = &[
    ("docs/configuration.md", configuration::page),
    ("docs/reference-http.md", http_page::page),
    ("docs/reference-socket.md", socket_page::page),
    ("docs/reference-cli.md", command_page::page),
];

/// Writes those that lag behind.
pub(crate) fn write(root: &Path) -> Result<String, String> {
    let mut said = Vec::new();
    for (path, make) in PAGES {
        let wanted = make(root)?;
        if read(root, path).is_ok_and(|current| current == wanted) {
            said.push(format!("{path} is up to date"));
            continue;
        }
        std::fs::write(root.join(path), wanted)
            .map_err(|error| format!("cannot write {path}: {error}"))?;
        said.push(format!("wrote {path}"));
    }
    Ok(said.join("\n"))
}

/// Checks that each is the one that would be written.
pub(crate) fn check(root: &Path) -> Result<Vec<Fault>, String> {
    let mut faults = Vec::new();
    for (path, make) in PAGES {
        if read(root, path).unwrap_or_default() != make(root)? {
            faults.push(format!("{path} lags behind the code: run cargo xtask docs"));
        }
    }
    Ok(faults)
}
