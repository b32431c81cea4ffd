//! The command line as data, for the page of the book that `cargo xtask docs` makes: held in a snapshot, so that the page
//! cannot say anything else than `--help` does.

use clap::{Arg, Command, CommandFactory as _};
use serde_json::{Value, json};

use crate::cli::Cli;

#[test]
fn the_command_line_is_what_it_was() {
    let mut command = Cli::command();
    command.build();
    let mut commands = Vec::new();
    collect(&mut command, &mut commands);
    let text = serde_json::to_string_pretty(&commands).unwrap_or_default();
    insta::assert_snapshot!("command_line", text);
}

/// Every command that does something or has commands below it, in the order of `--help`.
fn collect(command: &mut Command, found: &mut Vec<Value>) {
    if command.get_name() == "help" {
        return;
    }
    found.push(described(command));
    for below in command.get_subcommands_mut() {
        collect(below, found);
    }
}

fn described(command: &mut Command) -> Value {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let whole = command.get_bin_name().unwrap_or(command.get_name());
    let is_root = command.get_name() == "crewline";
    // Options that every command takes are told once, at the root.
    let shown = |arg: &&Arg| {
        !arg.is_hide_set()
            && (is_root || !arg.is_global_set())
            && !["help", "version"].contains(&arg.get_id().as_str())
    };
    let arguments = command.get_arguments().filter(shown);
    let (places, options): (Vec<&Arg>, Vec<&Arg>) = arguments.partition(|arg| arg.is_positional());
    let describe = |args: Vec<&Arg>| args.into_iter().map(argument).collect::<Vec<_>>();
    json!({
        "name": whole,
        "about": text(command.get_about()),
        "more": text(command.get_long_about()),
        "usage": usage,
        "arguments": describe(places),
        "options": describe(options),
        "commands": command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect::<Vec<_>>(),
        "after": text(command.get_after_help()),
    })
}

fn argument(arg: &Arg) -> Value {
    let values = arg.get_possible_values();
    let values = values.iter().filter(|value| !value.is_hide_set());
    let takes_value = arg.get_action().takes_values();
    let values: Vec<Value> = values
        .map(|value| json!({ "name": value.get_name(), "help": text(value.get_help()) }))
        .collect();
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    json!({
        "flag": arg.get_long().map(|long| format!("--{long}")),
        "value": takes_value.then(|| arg.get_value_names().map(|names| names.join(" "))),
        "help": text(arg.get_long_help().or(arg.get_help())),
        "values": if takes_value { values } else { Vec::new() },
        "default": takes_value.then(|| defaults.join(",")),
        "required": arg.is_required_set(),
    })
}

fn text(words: Option<&clap::builder::StyledStr>) -> Option<String> {
    words.map(|words| words.to_string().trim().to_owned())
}
