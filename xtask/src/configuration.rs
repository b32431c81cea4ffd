//! docs/configuration.md, made from the commented defaults: so the page cannot say anything else than the program does.

use std::fmt::Write as _;
use std::path::Path;

use crate::read;

const SOURCE: &str = "crates/crewline-cli/src/config/default.toml";

/// How the page is made.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    Ok(render(&read(root, SOURCE)?))
}

fn render(source: &str) -> String {
    let mut page = String::from(
        "<!-- Made by `cargo xtask docs` from the commented defaults; change those. -->\n\n# Configuration\n",
    );
    let mut comment: Vec<&str> = Vec::new();
    let mut section = "";
    for line in source.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            paragraph(&mut page, &comment);
            section = name;
            let _ = write!(page, "\n## `[{name}]`\n");
            comment.clear();
        } else if let Some((key, value)) = line.split_once(" = ") {
            let _ = write!(
                page,
                "\n### `{section}.{key}`\n\nDefault: `{value}` · environment: `{}`\n",
                variable(section, key)
            );
            paragraph(&mut page, &comment);
            comment.clear();
        } else if section.is_empty() {
            // The words at the top of the file.
            paragraph(&mut page, &comment);
            comment.clear();
        }
    }
    page
}

fn paragraph(page: &mut String, lines: &[&str]) {
    if !lines.is_empty() {
        let _ = write!(page, "\n{}\n", lines.join("\n"));
    }
}

fn variable(section: &str, key: &str) -> String {
    let mut words = String::new();
    for c in key.chars() {
        if c.is_uppercase() {
            words.push('_');
        }
        words.push(c);
    }
    format!("CREWLINE_{section}_{words}").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_default_its_variable_and_its_meaning() {
        let page = render("# Top.\n\n[http]\n# Why.\nheartbeatSeconds = 15\n");
        assert!(page.ends_with(
            "\nTop.\n\n## `[http]`\n\n### `http.heartbeatSeconds`\n\nDefault: `15` · environment: \
             `CREWLINE_HTTP_HEARTBEAT_SECONDS`\n\nWhy.\n"
        ));
    }
}
