//! `crewline organisation`: stock phrases, whom an SOS goes to, and the number to call. Works on the store, whether a server
//! runs on it or not.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use crewline_api::AuditKind;
use crewline_core::OrganisationPart;

use super::audit::noted;
use super::user::actor;
use crate::context::Context;
use crate::failure::Failure;

/// Keep what the organisation has for everybody: stock phrases, whom an SOS goes to, the number to call
#[derive(Debug, Subcommand)]
pub(crate) enum OrganisationCommand {
    /// Show all of it, as JSON
    Show,
    /// Set one part from a file, in the form in which `show` prints it
    Set(SetArgs),
}

const SET_HELP: &str = "\
The file holds one part as crewline organisation show prints it, with its revision: where somebody
else has changed that part since, nothing is set.

Example:
  crewline organisation show | jq .phrases > phrases.json
  crewline organisation set phrases phrases.json";

/// What to set.
#[derive(Debug, Args)]
#[command(after_help = SET_HELP)]
pub(crate) struct SetArgs {
    /// Which part
    pub(crate) part: PartArg,
    /// The file
    pub(crate) file: PathBuf,
}

/// A part of what the organisation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartArg {
    /// Stock phrases
    Phrases,
    /// Whom an SOS goes to
    Sos,
    /// The number to call
    Phone,
}

impl From<PartArg> for OrganisationPart {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Phrases => Self::Phrases,
            PartArg::Sos => Self::Sos,
            PartArg::Phone => Self::Phone,
        }
    }
}

/// Does it.
pub(crate) fn run(command: &OrganisationCommand, context: &mut Context) -> Result<(), Failure> {
    let mut store = context.open_beside()?;
    let OrganisationCommand::Set(args) = command else {
        let whole = crewline_http::organisation(store.reader())?;
        return context.out.json(&whole);
    };
    let part = OrganisationPart::from(args.part);
    let file = args.file.display().to_string();
    let bytes = std::fs::read(&args.file)
        .map_err(|error| Failure::new(format!("cannot read {file}: {error}")))?;
    let checked = crewline_http::organisation_part(store.reader(), part, &bytes)?;
    let (revision, value) = checked.map_err(|error| {
        let faults = error.fields.iter();
        let faults = faults.map(|fault| format!("\n  {}: {}", fault.field, fault.detail));
        let faults: String = faults.collect();
        Failure::new(format!(
            "{file} is not what can be set: {}{faults}",
            error.code
        ))
    })?;
    let revision = noted(
        store.directory(),
        AuditKind::OrganisationChanged,
        part.as_str(),
        |directory, _| directory.put_organisation(part, revision, &value),
    )?;
    let actor = actor();
    tracing::info!(%actor, part = part.as_str(), revision, "what the organisation keeps was changed");
    let part = part.as_str();
    context
        .out
        .line(&format!("{part} is set, with the revision {revision}"))
}
