//! Schemas for people: what may stand where, in few words.

use serde_json::Value;

use super::example::{kind, resolve};
use super::html::{Html, code, prose};

/// The fields of an object and of what it is put together from: name, schema, whether it must be there.
fn fields<'a>(schema: &'a Value, document: &'a Value) -> Vec<(&'a str, &'a Value, bool)> {
    let schema = resolve(schema, document);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut all: Vec<_> = parts.flat_map(|part| fields(part, document)).collect();
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|one| one == name))
    };
    let own = schema["properties"].as_object().into_iter().flatten();
    all.extend(own.map(|(name, field)| (name.as_str(), field, required(name))));
    all
}

/// A table of the fields of an object; the shape of anything else.
pub(super) fn describe(html: &mut Html, schema: &Value, document: &Value) {
    let rows: Vec<_> = fields(schema, document)
        .into_iter()
        .map(|(name, field, required)| {
            let mut shape = Html::default();
            shape.raw(&text(field));
            if !required {
                shape.raw(", <i>may be left out</i>");
            }
            let words = field["description"].as_str().or_else(|| {
                let null = field["oneOf"]
                    .as_array()?
                    .iter()
                    .find(|one| one["type"] != "null")?;
                null["description"].as_str()
            });
            vec![code(name), shape, prose(words.unwrap_or_default())]
        })
        .collect();
    if rows.is_empty() {
        html.raw("<p>").raw(&text(schema)).raw("</p>");
    }
    html.table(&["field", "what it is", ""], &rows);
}

/// What a value may be, as markup: a reference is a link.
pub(super) fn text(schema: &Value) -> String {
    let mut html = Html::default();
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|place| place.rsplit('/').next())
    {
        html.link(&format!("schema-{name}"), name);
        return html.into_text();
    }
    let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let choices: Vec<_> = choices.iter().map(text).collect();
        return choices.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words
            .iter()
            .map(|word| code(&word.to_string()).into_text())
            .collect();
        return words.join(" or ");
    }
    if !schema["const"].is_null() {
        return code(&schema["const"].to_string()).into_text();
    }
    if kind(schema) == "array" {
        html.text("list of ").raw(&text(&schema["items"]));
    } else if let Some(kinds) = schema["type"].as_array() {
        let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
        html.text(&kinds.join(" or "));
    } else {
        html.text(match kind(schema) {
            "" => "anything",
            kind => kind,
        });
    }
    html.text(&bounds(schema));
    html.into_text()
}

/// The limits of a value.
fn bounds(schema: &Value) -> String {
    let mut bounds = String::new();
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
    ] {
        let is_count = !unit.is_empty();
        bounds += &match (schema[least].as_u64(), schema[most].as_u64()) {
            (Some(1), None) if is_count => ", not empty".to_owned(),
            (Some(least), Some(most)) if least == most => format!(", {least}{unit}"),
            (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
            (Some(least), None) => format!(", at least {least}{unit}"),
            (None, Some(most)) => format!(", at most {most}{unit}"),
            (None, None) => String::new(),
        };
    }
    if let Some(format) = schema["format"]
        .as_str()
        .filter(|format| *format != "int64")
    {
        bounds += &format!(", {format}");
    }
    if let Some(default) = schema.get("default") {
        bounds += &format!(", usually {default}");
    }
    bounds
}
