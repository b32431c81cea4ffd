//! docs/reference-socket.md, made from the AsyncAPI description that a test of `crewline-http` holds against the code.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::http_page;
use crate::schema::{cell, example as example_of, items, kind, section, text};
use crate::snapshot;

const SOURCE: &str = "crates/crewline-http/tests/it/snapshots/it__asyncapi__asyncapi.snap";
/// Types that only the socket has; all others stand on the page of the HTTP API.
const OWN: &[&str] = &[
    "Hello",
    "Welcome",
    "SocketSend",
    "SocketReply",
    "SocketRemind",
];

/// How the page is made.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    render(&snapshot::load(root, SOURCE)?)
}

fn place(name: &str) -> String {
    let anchor = http_page::anchor(name);
    if OWN.contains(&name) {
        anchor
    } else {
        format!("reference-http.md{anchor}")
    }
}

fn render(api: &Value) -> Result<String, String> {
    let (about, closes): (Vec<&str>, Vec<&str>) = text(&api["info"], "description")
        .lines()
        .partition(|line| close(line).is_none());
    let about = about.join("\n").trim().to_owned();
    let mut page = format!(
        "<!-- Made by `cargo xtask docs` from the description of the socket, which is made from the code. -->\n\n# Socket\n\n\
         `GET {}`\n\n{about}\n\nThe same as a description for machines (AsyncAPI {}) is at `/api/asyncapi.json` of every server. \
         How to use it: [Follow over the socket](howto-socket.md).\n",
        text(&api["channels"]["socket"], "address"),
        text(api, "asyncapi"),
    );
    for (operation, heading) in [
        ("hear", "What clients say"),
        ("tell", "What the server says"),
    ] {
        let _ = write!(page, "\n## {heading}\n");
        for reference in items(&api["operations"][operation], "messages") {
            let name = text(reference, "$ref")
                .rsplit('/')
                .next()
                .unwrap_or_default();
            let frame = &api["components"]["messages"][name];
            if frame.is_null() {
                return Err(format!("{SOURCE}: there is no frame {name}"));
            }
            describe(&mut page, name, frame);
        }
    }
    page.push_str("\n## Close codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in closes.iter().filter_map(|line| close(line)) {
        let _ = writeln!(
            page,
            "| <a id=\"close-{code}\"></a>{code} | {} |",
            cell(meaning)
        );
    }
    page.push_str(
        "\n## Types\n\nThose that calls have too stand [there](reference-http.md#types).\n",
    );
    for name in OWN {
        section(
            &mut page,
            name,
            &api["components"]["schemas"][*name],
            &place,
        );
    }
    Ok(page)
}

/// `- **4000** What it means.`
fn close(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("- **")?.split_once("** ")
}

fn describe(page: &mut String, name: &str, frame: &Value) {
    let _ = write!(
        page,
        "\n### `{name}`\n\n{}.\n",
        text(frame, "summary").trim_end_matches('.')
    );
    let value = &frame["payload"]["properties"][name];
    match value["oneOf"].as_array() {
        Some(forms) => {
            page.push_str("\n| beside `id` | type |\n|---|---|\n");
            for (field, schema) in forms
                .iter()
                .filter_map(|form| form["properties"].as_object())
                .flatten()
            {
                if field != "id" {
                    let _ = writeln!(page, "| `{field}` | {} |", kind(schema, &place));
                }
            }
        }
        None => {
            let _ = write!(page, "\nIts value: {}.\n", kind(value, &place));
        }
    }
    for example in items(frame, "examples") {
        let _ = write!(
            page,
            "\n```json\n{}\n```\n",
            example_of(&example["payload"], 0)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_are_taken_out_of_the_description() {
        assert_eq!(close("- **4000** Come back."), Some(("4000", "Come back.")));
        assert_eq!(close("Close codes 4000 to 4099: come back."), None);
    }
}
