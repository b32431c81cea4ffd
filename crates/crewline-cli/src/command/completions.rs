//! `crewline completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::style::Color;

/// Print the completions of a shell
///
/// For bash: crewline completions bash > ~/.local/share/bash-completion/completions/crewline
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Prints them.
pub(crate) fn run(args: &CompletionsArgs, color: Color) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "crewline", &mut script);
    Output::new(color).bytes(&script)
}
