//! docs/reference-cli.md, made from the description of the command line that a test of `crewline-cli` holds against the code.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::markdown::slug;
use crate::schema::{cell, items, text};
use crate::snapshot;

const SOURCE: &str = "crates/crewline-cli/src/snapshots/crewline__described__command_line.snap";

/// How the page is made.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    let commands = snapshot::load(root, SOURCE)?;
    let commands = commands
        .as_array()
        .ok_or_else(|| format!("{SOURCE} is no list"))?;
    Ok(render(commands))
}

fn render(commands: &[Value]) -> String {
    let mut page = String::from(
        "<!-- Made by `cargo xtask docs` from the description of the command line, which is made from the code. -->\n\n# Command line\n\n\
         `crewline COMMAND --help` says the same in a terminal; `crewline completions SHELL` and `crewline man DIR` make completions and \
         manual pages of it. What was wrong stands behind `error:` on standard error, and what to do behind `try:`.\n\n| command | what |\n|---|---|\n",
    );
    for command in commands
        .iter()
        .filter(|command| items(command, "commands").next().is_none())
    {
        let name = text(command, "name");
        let _ = writeln!(
            page,
            "| [`{name}`](#{}) | {} |",
            slug(name),
            cell(text(command, "about"))
        );
    }
    for command in commands {
        describe(&mut page, command);
    }
    page
}

fn describe(page: &mut String, command: &Value) {
    let name = text(command, "name");
    let about = text(command, "about").trim_end_matches('.');
    let _ = write!(page, "\n## `{name}`\n\n{about}.\n");
    let more = text(command, "more")
        .strip_prefix(text(command, "about"))
        .unwrap_or_else(|| text(command, "more"));
    if !more.trim().is_empty() {
        let _ = write!(page, "\n{}\n", more.trim());
    }
    let below: Vec<String> = items(command, "commands")
        .filter_map(Value::as_str)
        .map(|below| format!("[`{below}`](#{})", slug(&format!("{name} {below}"))))
        .collect();
    let _ = write!(page, "\n```text\n{}\n```\n", text(command, "usage"));
    if !below.is_empty() {
        let _ = write!(page, "\nCommands: {}.\n", below.join(", "));
    }
    if name == "crewline" {
        page.push_str("\nThese options every command takes:\n");
    }
    arguments(page, command);
    if !text(command, "after").is_empty() {
        let _ = write!(page, "\n```text\n{}\n```\n", text(command, "after"));
    }
}

fn arguments(page: &mut String, command: &Value) {
    let mut all = items(command, "arguments")
        .chain(items(command, "options"))
        .peekable();
    if all.peek().is_none() {
        return;
    }
    page.push_str("\n| option | meaning | default |\n|---|---|---|\n");
    for argument in all {
        let (flag, value) = (text(argument, "flag"), text(argument, "value"));
        let value = if value.is_empty() {
            String::new()
        } else {
            format!("<{value}>")
        };
        let spelt = format!("{flag} {value}");
        let (help, told) = default_in_words(text(argument, "help"));
        let mut meaning = cell(help);
        for value in items(argument, "values") {
            let _ = write!(
                meaning,
                "<br>`{}`: {}",
                text(value, "name"),
                cell(text(value, "help"))
            );
        }
        let default = match text(argument, "default") {
            "" if argument["required"] == true => "must be given".to_owned(),
            "" => told.map_or_else(String::new, cell),
            default => format!("`{default}`"),
        };
        let _ = writeln!(page, "| `{}` | {meaning} | {default} |", spelt.trim());
    }
}

/// Takes a default that is told in words, `… [default: the id]`, off the help.
fn default_in_words(help: &str) -> (&str, Option<&str>) {
    match help
        .strip_suffix(']')
        .and_then(|help| help.rsplit_once(" [default: "))
    {
        Some((help, default)) => (help, Some(default)),
        None => (help, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_has_its_options_with_their_values_and_defaults() {
        let page = render(&[json!({
            "name": "crewline do it", "about": "Do it", "more": "Do it\n\nAt once.", "usage": "crewline do it [OPTIONS]",
            "arguments": [], "commands": [], "after": "Example:\n  crewline do it",
            "options": [
                {"flag": "--how", "value": "HOW", "help": "In what way", "default": "well", "values": [{"name": "well", "help": "Good | fine"}]},
                {"flag": "--name", "value": "NAME", "help": "The name [default: the id]", "default": "", "required": false, "values": []},
            ],
        })]);
        for part in [
            "| [`crewline do it`](#crewline-do-it) | Do it |",
            "## `crewline do it`\n\nDo it.\n\nAt once.\n",
            "| `--how <HOW>` | In what way<br>`well`: Good \\| fine | `well` |",
            "| `--name <NAME>` | The name | the id |",
            "```text\nExample:\n  crewline do it\n```\n",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
}
