//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::systems::Name;
use crate::works::Work;

/// Drives Crewline and what people would otherwise use through the same work, each over its own protocol, and prints a
/// table of what it found.
///
/// Each work starts each server anew in a folder of its own, on ports of its own, and ends it. It exits with 1 where a
/// message was lost or came twice with a system that promises otherwise, and with 2 where a work could not be done.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// The program crewline
    #[arg(long, value_name = "PATH", default_value = "target/release/crewline")]
    pub(crate) crewline: PathBuf,
    /// What is measured; all that are installed, where nothing is said
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) peers: Vec<Name>,
    /// What is done; everything, where nothing is said
    #[arg(long, value_name = "WORK", value_delimiter = ',')]
    pub(crate) works: Vec<Work>,
    /// Small numbers of everything, to see that it works: the figures say nothing
    #[arg(long)]
    pub(crate) quick: bool,
    /// Where the servers get their folders: the disk that is measured
    #[arg(long, value_name = "FOLDER", default_value = "target")]
    pub(crate) folder: PathBuf,
    /// Puts the tables into this page, between its marks, in place of printing them
    #[arg(long, value_name = "PAGE")]
    pub(crate) write: Option<PathBuf>,
    /// Draws the picture (SVG) into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// Writes everything that was found into this file, after each work
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
