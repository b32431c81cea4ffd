//! The command line: what there is, and what `--help` says of it. What a command does stands in its own file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::command::audit::AuditArgs;
use crate::command::health::HealthArgs;
use crate::command::listen::ListenArgs;
use crate::command::message_story::StoryArgs;
use crate::command::migrate::MigrateArgs;
use crate::command::peek::ImportCommand;
use crate::command::remind::RemindArgs;
use crate::command::send::SendArgs;
use crate::command::{
    completions, config_show, db, doctor, group, man, organisation, push, serve, token, user,
    version, webhook,
};
use crate::config::LogFormat;
use crate::style::Color;

const EXAMPLES: &str = "\
Examples:
  crewline serve                                          start the server on 127.0.0.1:8080
  echo 'a long password' | crewline user add alice --name Alice --password-stdin
  crewline token create --external scada:dms              a token for a system that sends
  CREWLINE_TOKEN=… crewline send --to alice --wait read 'Breaker 1204 has tripped'
  CREWLINE_TOKEN=… crewline listen                        follow what comes in

Exit codes:
  0  done
  1  failed; standard error says what was wrong, and what to try
  2  the command was called in a way that makes no sense
  3  send: accepted, but not everybody reached the state asked for in time";

/// Messages between control rooms and field crews, with proof of what became of each one: stored, delivered, read,
/// acknowledged.
#[derive(Debug, Parser)]
#[command(
    name = "crewline",
    version,
    long_version = version::long(),
    after_help = EXAMPLES,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where everything is kept: sqlite://PATH or postgres://USER@HOST/DATABASE [default: sqlite://crewline.db]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub(crate) store: Option<String>,
    /// The configuration file [default: crewline.toml in the working directory, where there is one]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// How log lines on standard error look [default: text]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, trace, or by part such as info,crewline_http=debug [default: info]
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        help_heading = "Global options"
    )]
    pub(crate) log_level: Option<String>,
    /// When to use colour; NO_COLOR is heeded
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    Serve(serve::ServeArgs),
    /// Keep the users of the directory
    #[command(subcommand)]
    User(user::UserCommand),
    /// Keep the groups of people that messages can be sent to
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Keep stock phrases, whom an SOS goes to, and the number to call
    #[command(subcommand)]
    Organisation(organisation::OrganisationCommand),
    /// Keep the tokens by which systems and scripts act
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Keep the webhooks: URLs to which the events of a participant are posted
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Keep the key by which devices are woken whose app is closed
    #[command(subcommand)]
    Push(push::PushCommand),
    /// Show who did what, when and from where
    Audit(AuditArgs),
    /// Show the whole story of a message: each recipient and device, by both clocks
    Story(StoryArgs),
    /// Send a message, and watch what becomes of it
    Send(SendArgs),
    /// Remind those who have not come far enough with a message
    Remind(RemindArgs),
    /// Print the events of the token's participant as they come
    Listen(ListenArgs),
    /// Back up, check, or look into the store
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Move the whole store into another one, from SQLite to PostgreSQL or back
    Migrate(MigrateArgs),
    /// Move in from another system
    #[command(subcommand)]
    Import(ImportCommand),
    /// Check store, disk, clock, port, certificate and configuration, and say what to do
    Doctor(doctor::DoctorArgs),
    /// Ask the server of this configuration whether it is alive, or ready
    Health(HealthArgs),
    /// Show the configuration
    #[command(subcommand)]
    Config(config_show::ConfigCommand),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages into a folder
    Man(man::ManArgs),
    /// Show version, commit, and the schemas of the stores that this program knows
    Version(version::VersionArgs),
}

impl Cli {
    /// What flags say of the configuration: key, flag, value.
    pub(crate) fn flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut flags = Vec::new();
        let mut put = |key, flag, value: Option<String>| {
            flags.extend(value.map(|value| (key, flag, value)));
        };
        put("store.url", "--store", self.global.store.clone());
        put("log.level", "--log-level", self.global.log_level.clone());
        let format = self
            .global
            .log_format
            .map(|format| format.as_str().to_owned());
        put("log.format", "--log-format", format);
        match &self.command {
            Command::Serve(args) => {
                put("http.listen", "--listen", args.listen.clone());
                put("bus.url", "--bus", args.bus.clone());
                put("http.tlsCert", "--tls-cert", args.tls_cert.clone());
                put("http.tlsKey", "--tls-key", args.tls_key.clone());
            }
            Command::Health(args) => put("http.listen", "--listen", args.listen.clone()),
            Command::Send(SendArgs { connection, .. })
            | Command::Listen(ListenArgs { connection, .. })
            | Command::Remind(RemindArgs { connection, .. }) => {
                for (key, flag, value) in connection.flags() {
                    put(key, flag, value);
                }
            }
            _ => {}
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}
