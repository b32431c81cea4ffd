//! JSON schemas as Markdown: a type in a few words, and the fields of an object as a table.

use std::fmt::Write as _;

use serde_json::Value;

/// Where the types of a page stand: for each name, what a link to it looks like.
pub(crate) type Place<'a> = &'a dyn Fn(&str) -> String;

const PREFIX: &str = "#/components/schemas/";

/// The text of a field, or nothing.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A description in one line of a table.
pub(crate) fn cell(words: &str) -> String {
    words
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// The members of a list.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// A whole section: heading, description, fields or values.
pub(crate) fn section(page: &mut String, name: &str, schema: &Value, place: Place<'_>) {
    let _ = write!(
        page,
        "\n### {name}\n\n{}\n",
        text(schema, "description").trim()
    );
    let titled = items(schema, "oneOf").any(|form| form["title"].is_string());
    if titled {
        kinds(page, schema, place);
    } else if schema["oneOf"].is_array() {
        for form in items(schema, "oneOf") {
            let _ = write!(page, "\n{}\n", text(form, "description"));
            fields(page, form, place);
        }
    } else if schema["allOf"].is_array() {
        for part in items(schema, "allOf") {
            if part["$ref"].is_string() {
                let _ = write!(page, "\nThe fields of {}, and:\n", kind(part, place));
            } else {
                fields(page, part, place);
            }
        }
    } else if schema["enum"].is_array() {
        let values: Vec<String> = items(schema, "enum")
            .map(|value| format!("`{}`", plain(value)))
            .collect();
        let _ = write!(page, "\nOne of {}.\n", values.join(", "));
    } else if schema["properties"].is_object() {
        fields(page, schema, place);
    } else {
        let _ = write!(page, "\nIn JSON: {}.\n", kind(schema, place));
        if let Some(example) = items(schema, "examples").next() {
            let _ = writeln!(page, "Example: `{}`.", plain(example));
        }
    }
}

/// The forms of something with a `type`, such as events: one row each.
fn kinds(page: &mut String, schema: &Value, place: Place<'_>) {
    page.push_str("\n| `type` | `data` |\n|---|---|\n");
    for form in items(schema, "oneOf") {
        let data = kind(&form["properties"]["data"], place);
        let _ = writeln!(page, "| `{}` | {data} |", text(form, "title"));
    }
    page.push_str("\nBeside `type` and `data`:\n");
    let mut common = schema["oneOf"][0].clone();
    for known in ["type", "data"] {
        if let Some(properties) = common["properties"].as_object_mut() {
            properties.remove(known);
        }
    }
    fields(page, &common, place);
}

/// The fields of an object: those that must be there first, in the order of the code.
pub(crate) fn fields(page: &mut String, schema: &Value, place: Place<'_>) {
    let Some(properties) = schema["properties"]
        .as_object()
        .filter(|all| !all.is_empty())
    else {
        return;
    };
    page.push_str("\n| field | | type | meaning |\n|---|---|---|---|\n");
    let required: Vec<&str> = items(schema, "required")
        .filter_map(Value::as_str)
        .collect();
    let mut row = |name: &str, must: &str| {
        if let Some(field) = properties.get(name) {
            let _ = writeln!(
                page,
                "| `{name}` | {must} | {} | {} |",
                kind(field, place),
                cell(meaning(field))
            );
        }
    };
    for name in &required {
        row(name, "always");
    }
    let optional = properties
        .keys()
        .filter(|name| !required.contains(&name.as_str()));
    for name in optional {
        row(name, "optional");
    }
}

/// What a field means: said at the field, or at the one form of it that is not `null`.
fn meaning(field: &Value) -> &str {
    let own = text(field, "description");
    let inner = || {
        items(field, "oneOf")
            .map(|form| text(form, "description"))
            .find(|words| !words.is_empty())
    };
    if own.is_empty() {
        inner().unwrap_or_default()
    } else {
        own
    }
}

/// A type in a few words.
pub(crate) fn kind(schema: &Value, place: Place<'_>) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        return format!("[{name}]({})", place(name));
    }
    for several in ["oneOf", "anyOf"] {
        if schema[several].is_array() {
            let forms = items(schema, several).filter(|form| form["type"] != "null");
            let forms: Vec<String> = forms.map(|form| kind(form, place)).collect();
            return forms.join(" or ");
        }
    }
    if let Some(value) = items(schema, "enum").next() {
        return format!("`{}`", plain(value));
    }
    let named = match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null"),
        other => other.as_str(),
    };
    match named.unwrap_or("any JSON") {
        "array" => format!("list of {}", kind(&schema["items"], place)),
        "string" => format!(
            "text{}",
            bounds(schema, "minLength", "maxLength", " characters")
        ),
        "integer" => format!("integer{}", bounds(schema, "minimum", "maximum", "")),
        other => other.to_owned(),
    }
}

fn bounds(schema: &Value, least: &str, most: &str, unit: &str) -> String {
    match (schema[least].as_u64(), schema[most].as_u64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        _ => String::new(),
    }
}

/// A value as it is written between backticks.
pub(crate) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// JSON for people: what fits stands on one line.
pub(crate) fn example(value: &Value, depth: usize) -> String {
    const WIDTH: usize = 100;
    let inner = "  ".repeat(depth + 1);
    let outer = "  ".repeat(depth);
    let (open, parts, close) = match value {
        Value::Object(fields) => {
            let part = |(name, value): (&String, &Value)| {
                format!(
                    "{}: {}",
                    Value::from(name.as_str()),
                    example(value, depth + 1)
                )
            };
            ('{', fields.iter().map(part).collect(), '}')
        }
        Value::Array(items) => {
            let part = |value: &Value| example(value, depth + 1);
            ('[', items.iter().map(part).collect::<Vec<_>>(), ']')
        }
        other => return other.to_string(),
    };
    let line = parts.join(", ");
    if outer.len() + line.len() + 2 <= WIDTH && !line.contains('\n') {
        return format!("{open}{line}{close}");
    }
    let lines = parts.join(&format!(",\n{inner}"));
    format!("{open}\n{inner}{lines}\n{outer}{close}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_a_table_with_what_must_be_there_first() {
        let schema = json!({
            "description": "A thing.", "required": ["to"],
            "properties": {
                "at": {"oneOf": [{"$ref": "#/components/schemas/Time", "description": "When | where."}, {"type": "null"}]},
                "to": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 9}, "description": "Who."},
            },
        });
        let mut page = String::new();
        section(&mut page, "Thing", &schema, &|name| format!("#{name}"));
        assert_eq!(
            page,
            "\n### Thing\n\nA thing.\n\n| field | | type | meaning |\n|---|---|---|---|\n\
             | `to` | always | list of text, 1 to 9 characters | Who. |\n\
             | `at` | optional | [Time](#Time) | When \\| where. |\n"
        );
    }
}
