//! Rules of the house, as a program: `cargo xtask tidy` checks them, `cargo xtask docs` writes the pages that are made
//! from the code. `make test` runs the former.

mod claims;
mod command_page;
mod configuration;
mod edges;
mod errors;
mod files;
mod functions;
mod http_page;
mod limits;
mod links;
mod lock;
mod markdown;
mod metrics;
mod next;
mod pages;
mod programs;
mod release;
mod schema;
mod snapshot;
mod socket_page;
mod supply;
mod versions;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask tidy            checks the rules of the house
cargo xtask docs            writes the pages of the book that are made from the code
cargo xtask next            builds the program as the version after this one, for the test of the rolling upgrade
cargo xtask release         makes everything that is given out for a version
cargo xtask release-check   builds it twice, in two places, and compares
cargo xtask bill            writes what the program is made of, and the licences, into target/bill";

/// A rule that is broken: where, and what to do.
type Fault = String;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let more: Vec<String> = arguments.collect();
    let root = root();
    let outcome = match task.as_str() {
        "tidy" => tidy(&root),
        "docs" => pages::write(&root),
        "next" => next::build(&root),
        "release" => release::run(&root, &more),
        "bill" => release::bill(&root),
        "release-check" => release::check(&root, &more),
        _ => Err(HELP.to_owned()),
    };
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn tidy(root: &Path) -> Result<String, String> {
    let files = files::all(root)?;
    let mut faults = edges::check(root)?;
    faults.extend(files::check(&files));
    faults.extend(functions::check(&files));
    faults.extend(words::check(&files));
    faults.extend(errors::check(root)?);
    faults.extend(pages::check(root)?);
    faults.extend(limits::check(root)?);
    faults.extend(links::check(root, &files));
    faults.extend(metrics::check(root, &files)?);
    faults.extend(versions::check(root, &files)?);
    faults.extend(supply::check(root, &files)?);
    faults.extend(claims::check(root, &files)?);
    faults.extend(release::parts_of(root)?);
    if faults.is_empty() {
        return Ok(format!(
            "tidy: {} files keep the rules of the house",
            files.len()
        ));
    }
    Err(format!(
        "tidy: {} rules are broken\n  {}",
        faults.len(),
        faults.join("\n  ")
    ))
}

/// The text of a file of the project.
fn read(root: &Path, path: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))
}
