//! `crewline config show`: every key, its value, and where the value came from.

use clap::{Args, Subcommand};
use serde_json::json;
use toml::Value;

use crate::config::{HIDDEN, TOKEN, without_secret};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Table;

/// Commands on the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every key, its value, and where the value came from. Secrets are hidden
    Show(ShowArgs),
}

/// How to show it.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows it.
pub(crate) fn run(command: &ConfigCommand, context: &mut Context) -> Result<(), Failure> {
    let ConfigCommand::Show(args) = command;
    let mut rows: Vec<(String, Value, String)> = context
        .config
        .layers
        .settings()
        .map(|(key, setting)| {
            let origin = setting.origin.to_string();
            (key.to_owned(), without_secret(&setting.value), origin)
        })
        .collect();
    if std::env::var_os(TOKEN).is_some_and(|token| !token.is_empty()) {
        rows.push((
            "client.token".to_owned(),
            Value::from(HIDDEN),
            TOKEN.to_owned(),
        ));
        rows.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if args.json {
        let settings: Vec<_> = rows
            .iter()
            .map(|(key, value, origin)| json!({ "key": key, "value": value, "origin": origin }))
            .collect();
        return context.out.json(&json!({ "settings": settings }));
    }
    let mut table = Table::new(&["KEY", "VALUE", "FROM"]);
    for (key, value, origin) in rows {
        table.row([key, value.to_string(), origin]);
    }
    let text = table.render(context.out.style());
    context.out.write(&text)
}
