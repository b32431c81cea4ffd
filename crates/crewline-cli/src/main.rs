//! The command `crewline`: server, sender, listener, and the administrator's tools.
//!
//! Here everything is put together: configuration, store, engine, the HTTP edge. Rules live elsewhere.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod cli;
mod client;
mod command;
mod config;
mod context;
#[cfg(test)]
mod described;
mod failure;
mod files_limit;
mod logging;
mod output;
mod progress;
mod random;
mod store;
mod style;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::failure::Failure;
use crate::style::Style;

/// Many small allocations on many threads: measured faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let style = Style::of(cli.global.color, &std::io::stderr());
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(style),
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    // These work wherever they are called, whatever the configuration says.
    match &cli.command {
        Command::Completions(args) => return command::completions::run(args, cli.global.color),
        Command::Man(args) => return command::man::run(args),
        Command::Version(args) => return command::version::run(args, cli.global.color),
        _ => {}
    }
    let mut context = Context::load(cli)?;
    logging::start(&context.config.log, cli)?;
    let context = &mut context;
    match &cli.command {
        Command::Serve(args) => command::serve::run(args, context),
        Command::User(command) => command::user::run(command, context),
        Command::Group(command) => command::group::run(command, context),
        Command::Organisation(command) => command::organisation::run(command, context),
        Command::Token(command) => command::token::run(command, context),
        Command::Push(command) => command::push::run(command, context),
        Command::Webhook(command) => command::webhook::run(command, context),
        Command::Audit(args) => command::audit::run(args, context),
        Command::Story(args) => command::message_story::run(args, context),
        Command::Send(args) => command::send::run(args, context),
        Command::Listen(args) => command::listen::run(args, context),
        Command::Remind(args) => command::remind::run(args, context),
        Command::Db(command) => command::db::run(command, context),
        Command::Migrate(args) => command::migrate::run(args, context),
        Command::Import(command) => command::peek::run(command, context),
        Command::Doctor(args) => command::doctor::run(args, context),
        Command::Health(args) => command::health::run(args, context),
        Command::Config(command) => command::config_show::run(command, context),
        Command::Completions(_) | Command::Man(_) | Command::Version(_) => Ok(()),
    }
}
