//! Writes the list of the web app's files, so that a release carries them: `web/dist`, where `make build` has made it.
//!
//! A debug build carries none and reads the folder when it is asked, so that a change of the app needs no build of Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let dist = Path::new(&manifest).join("../../web/dist");
    let mut list = String::new();
    let folder = if std::env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        Some(dist.display().to_string())
    } else {
        // The folder is in the repository, with nothing in it: a path that is missing would be looked at as changed.
        println!("cargo::rerun-if-changed=../../web/dist");
        for (name, path) in files(&dist)? {
            let path = path.display().to_string();
            let _ = writeln!(list, "({name:?}, include_bytes!({path:?})),");
        }
        None
    };
    let code = format!(
        "const FOLDER: Option<&str> = {folder:?};\nconst EMBEDDED: &[(&str, &[u8])] = &[\n{list}];\n"
    );
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("web_files.rs"), code)
}

/// The files of the folder and of `assets` below it, by their names in an address.
fn files(dist: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for (folder, prefix) in [(dist.to_owned(), ""), (dist.join("assets"), "assets/")] {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path().canonicalize()?;
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            if let Some(name) = name.filter(|name| path.is_file() && !name.starts_with('.')) {
                found.push((format!("{prefix}{name}"), path));
            }
        }
    }
    found.sort();
    Ok(found)
}
