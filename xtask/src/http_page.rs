//! docs/reference-http.md, made from the OpenAPI description that a test of `crewline-http` holds against the code.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::schema::{cell, items, kind, section, text};
use crate::snapshot;

const SOURCE: &str = "crates/crewline-http/tests/it/snapshots/it__docs__openapi.snap";

/// How the page is made.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    Ok(render(&snapshot::load(root, SOURCE)?))
}

/// The anchor of a type on this page.
pub(crate) fn anchor(name: &str) -> String {
    format!("#{}", name.to_lowercase())
}

fn render(api: &Value) -> String {
    let mut page = format!(
        "<!-- Made by `cargo xtask docs` from the description of the API, which is made from the code. -->\n\n# HTTP API\n\n{}\n\n\
         The same as a description for machines is at `/api/openapi.json` of every server, and a page to try it at `/api/docs`. \
         What the errors mean and what to do about each stands under [Errors](errors.md).\n",
        text(&api["info"], "description").trim()
    );
    overview(&mut page, api);
    for tag in items(api, "tags") {
        let _ = write!(
            page,
            "\n## {}\n\n{}.\n",
            title(text(tag, "name")),
            text(tag, "description")
        );
        for (path, method, call) in calls(api, tag) {
            describe(&mut page, path, method, call);
        }
    }
    page.push_str("\n## Types\n\nIn the order of the alphabet. Fields that are *always* there must be given in a request; in an answer they are never left out.\n");
    for (name, schema) in api["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        section(&mut page, name, schema, &anchor);
    }
    page
}

/// The calls of one tag: shorter paths first.
fn calls<'a>(api: &'a Value, tag: &Value) -> Vec<(&'a str, &'a str, &'a Value)> {
    let mut found = Vec::new();
    for (path, methods) in api["paths"].as_object().into_iter().flatten() {
        for (method, call) in methods.as_object().into_iter().flatten() {
            if call["tags"][0] == tag["name"] {
                found.push((path.as_str(), method.as_str(), call));
            }
        }
    }
    found.sort_by_key(|(path, ..)| path.split('/').count());
    found
}

fn overview(page: &mut String, api: &Value) {
    page.push_str("\n| call | what |\n|---|---|\n");
    for tag in items(api, "tags") {
        for (path, method, call) in calls(api, tag) {
            let link = format!(
                "[`{} {path}`](#{})",
                method.to_uppercase(),
                text(call, "operationId")
            );
            let _ = writeln!(page, "| {link} | {} |", cell(text(call, "summary")));
        }
    }
}

fn describe(page: &mut String, path: &str, method: &str, call: &Value) {
    let _ = write!(
        page,
        "\n<a id=\"{}\"></a>\n\n### `{} {path}`\n\n{}\n",
        text(call, "operationId"),
        method.to_uppercase(),
        text(call, "summary").trim()
    );
    if call["description"].is_string() {
        let _ = write!(page, "\n{}\n", text(call, "description").trim());
    }
    if call["security"].is_array()
        && items(call, "security").all(|way| way.as_object().is_none_or(serde_json::Map::is_empty))
    {
        page.push_str("\nWithout credentials.\n");
    }
    parameters(page, call);
    body(page, call);
    answers(page, call);
}

fn parameters(page: &mut String, call: &Value) {
    if items(call, "parameters").next().is_none() {
        return;
    }
    page.push_str("\n| parameter | in | type | meaning |\n|---|---|---|---|\n");
    for parameter in items(call, "parameters") {
        let mut meaning = cell(text(parameter, "description"));
        if let Some(example) = parameter.get("example") {
            let parts = example.as_array().map_or_else(
                || vec![crate::schema::plain(example)],
                |all| all.iter().map(crate::schema::plain).collect(),
            );
            let _ = write!(meaning, " Example: `{}`", parts.join(","));
        }
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {meaning} |",
            text(parameter, "name"),
            text(parameter, "in"),
            kind(&parameter["schema"], &anchor)
        );
    }
}

fn body(page: &mut String, call: &Value) {
    let content = &call["requestBody"]["content"]["application/json"];
    if content.is_null() {
        return;
    }
    let _ = write!(page, "\n**Body:** {}\n", kind(&content["schema"], &anchor));
    let single = std::iter::once(&content["example"]).filter(|example| !example.is_null());
    let several = content["examples"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, example)| &example["value"]);
    for example in single.chain(several) {
        let _ = write!(
            page,
            "\n```json\n{}\n```\n",
            crate::schema::example(example, 0)
        );
    }
}

fn answers(page: &mut String, call: &Value) {
    let Some(responses) = call["responses"].as_object() else {
        return;
    };
    page.push_str("\n| answer | |\n|---|---|\n");
    for (status, response) in responses
        .iter()
        .filter(|(_, response)| !is_problem(response))
    {
        let words = cell(text(response, "description"));
        let _ = write!(page, "| {status} | {}", words.trim_end_matches('.'));
        for (media, content) in response["content"].as_object().into_iter().flatten() {
            let _ = match media.as_str() {
                "application/json" => write!(page, ": {}", kind(&content["schema"], &anchor)),
                other => write!(page, " (`{other}`)"),
            };
        }
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let _ = write!(
                page,
                "; header `{name}`: {}",
                cell(text(header, "description"))
            );
        }
        page.push_str(" |\n");
    }
    let mut errors = Vec::new();
    for (status, response) in responses
        .iter()
        .filter(|(_, response)| is_problem(response))
    {
        let examples = response["content"]["application/problem+json"]["examples"].as_object();
        let codes = examples.into_iter().flatten();
        let codes: Vec<String> = codes
            .map(|(code, _)| format!("[`{code}`](errors.md#{code})"))
            .collect();
        errors.push(format!("{status} {}", codes.join(", ")));
    }
    if !errors.is_empty() {
        let _ = write!(page, "\n**Errors:** {}.\n", errors.join(" · "));
    }
}

fn is_problem(response: &Value) -> bool {
    response["content"]["application/problem+json"].is_object()
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_has_its_parameters_its_answers_and_its_errors() {
        let api = json!({
            "info": {"description": "About."}, "tags": [{"name": "things", "description": "All of them"}],
            "paths": {"/things/{id}": {"get": {
                "tags": ["things"], "operationId": "get_thing", "summary": "One thing.",
                "parameters": [{"name": "id", "in": "path", "description": "Which.", "schema": {"type": "string"}}],
                "responses": {
                    "200": {"description": "It.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "404": {"description": "None.", "content": {"application/problem+json": {"examples": {"not_found": {}}}}},
                },
            }}},
            "components": {"schemas": {"Thing": {"type": "string", "description": "A thing."}}},
        });
        let page = render(&api);
        for part in [
            "| [`GET /things/{id}`](#get_thing) | One thing. |",
            "<a id=\"get_thing\"></a>\n\n### `GET /things/{id}`\n",
            "| `id` | path | text | Which. |",
            "| 200 | It: [Thing](#thing) |",
            "**Errors:** 404 [`not_found`](errors.md#not_found).",
            "### Thing\n\nA thing.\n",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
}
