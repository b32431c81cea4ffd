//! `crewline man`: the manual pages, made from the same words as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::failure::Failure;

/// Write the manual pages into a folder
///
/// Example: crewline man /usr/local/share/man/man1
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder; it is made where it does not exist
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Writes them.
pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let folder = args.folder.display();
    let failed = |error: std::io::Error| {
        Failure::new(format!("cannot write manual pages to {folder}: {error}"))
            .remedy("name a folder that you may write to")
    };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)
}
